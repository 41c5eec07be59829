"""The code of docs/extending.md as a plugin and in a script, and plugins that fail."""

import json
import pathlib
import re
import shlex
import subprocess
import sys

import pytest

import keras_gan_command
from export.formats import FORMATS
from keras_gan import InputError, datasets, evaluators, losses, plugins, recipes
from keras_gan.models.base import GenerativeModel

PAGE = (pathlib.Path(__file__).parents[1] / "docs" / "extending.md").read_text()
ANY_FAMILY = hasattr(GenerativeModel, "charts")  # callbacks ask any model what it has
# All run in one process, as the imports take longest.
COMMANDS = """
import shlex, sys
import keras_gan_command
for line in sys.argv[1:]:
    print("$", line, flush=True)
    code = keras_gan_command.main(shlex.split(line)[1:])
    if code != 0:
        sys.exit(f"{line} ended with {code}")
"""
# A run folder alone, of which nothing is imported, and then the script of the page.
SCRIPT = """
import runpy, sys
from keras_gan import sample
assert sample.main(["runs/waves"]) == 2
assert "mine" not in sys.modules
sys.path.insert(0, ".")
runpy.run_path("script.py", run_name="__main__")
"""


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def run(folder, code, *arguments):
    project = str(pathlib.Path(__file__).parents[1])
    code = f"import sys; sys.path.insert(0, {project!r})\n{code}"
    result = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr[-4000:]
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the files of the page."""
    folder = tmp_path_factory.mktemp("mine")
    for block in blocks("python"):
        named = re.match(r"# (\w+\.py)\n", block)
        with (folder / (named[1] if named else "mine.py")).open("a") as file:
            file.write(block)
    return folder


@pytest.fixture(scope="module")
def output(folder):
    """What the commands of the page print."""
    waves, family = blocks("bash")
    lines = [*waves.splitlines(), *(family.splitlines() if ANY_FAMILY else [])]
    return run(folder, COMMANDS, *lines).stdout


def test_the_commands_of_the_page_use_the_plugin(folder, output):
    assert "stripes:COUNT" in output  # list
    assert "grey stripes in many directions" in output
    assert re.search(r"Mean difference +\d", output)  # evaluate
    config = json.loads((folder / "runs" / "waves" / "config.json").read_text())
    assert config["plugins"] == ["mine.py"]
    assert config["family"] == "waves"
    assert config["settings"]["objective"] == "smooth_hinge"
    assert config["settings"]["steps"] == 30
    metrics = json.loads((folder / "runs" / "waves" / "metrics.json").read_text())
    assert metrics["measures"]["mean_difference"] > 0
    evaluation = json.loads((folder / "runs" / "waves" / "evaluation.json").read_text())
    assert evaluation["measures"]["mean_difference"] > 0  # at the end of training too
    (row,) = json.loads((folder / "serving" / "report.json").read_text())
    assert (row["format"], row["passed"]) == ("onnx-gz", True)
    assert output.count("serving/waves.gz") == 3  # its verification again, too


def test_a_run_folder_imports_nothing_and_a_script_does(folder, output):
    result = run(folder, SCRIPT)
    (error,) = (x for x in result.stderr.splitlines() if x.startswith("error:"))
    assert "family 'waves' is not known" in error
    assert error.endswith("if you trust that code, add --plugin mine.py.")
    report = json.loads((folder / "serving" / "report.json").read_text())
    assert [row["path"] for row in report if row["passed"]] == ["waves.gz", "script.gz"]


@pytest.mark.skipif(not ANY_FAMILY, reason="callbacks ask for a GAN's numbers")
def test_the_family_of_the_page_trains_and_is_exported(folder, output):
    made = folder / "runs" / "mean-digits"
    assert (made / "export" / "mean-digits.onnx").exists()
    assert list((made / "samples").glob("*.png"))
    evaluation = json.loads((made / "evaluation.json").read_text())
    assert 0 < evaluation["measures"]["mean_error"] < 128
    assert evaluation["between_halves"] == {}


# In this process --------------------------------------------------------------


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory; what plugins add is taken back."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    known = set(sys.modules)
    rooms = (datasets.SOURCES, losses.PENALTIES, recipes.RECIPES, FORMATS)
    before = [dict(room) for room in (*rooms, evaluators.MEASURES)]
    yield tmp_path
    for room, entries in zip((*rooms, evaluators.MEASURES), before, strict=True):
        room.clear()
        room.update(entries)
    for name in set(sys.modules) - known:
        if name.startswith("plugin_"):
            del sys.modules[name]
    plugins.load([])


BAD = {
    "missing": (None, r"there is no such file"),
    "broken": ("x = (", r"cannot be imported.*SyntaxError"),
    "failing": ("x = 1\nx = y\n", r"\(line 2\): NameError: name 'y' is not defined"),
    "ending": ("import sys\nsys.exit(3)", r"SystemExit: 3"),
    "empty": ("x = 1", r"adds nothing\. A plugin assigns to one of SOURCES, MEASURES"),
    "function": (
        "from keras_gan import datasets\ndatasets.SOURCES['mine'] = print",
        r"sets SOURCES\['mine'\] to <built-in function print>.*datasets\.Source ",
    ),
    "instance": (
        "from keras_gan import losses\nlosses.PENALTIES['mine'] = losses.R1()",
        r"sets PENALTIES\['mine'\].*a subclass of keras_gan\.losses\.Penalty",
    ),
    "class": (
        "from keras_gan.recipes import RECIPES\nfrom keras_gan.recipes.dcgan import "
        "DCGANRecipe\nRECIPES['mine'] = DCGANRecipe",
        r"sets RECIPES\['mine'\].*an instance of keras_gan\.recipes\.Recipe",
    ),
    "key": (
        "from keras_gan import evaluators\nold = evaluators.MEASURES['recall']\n"
        "evaluators.MEASURES[3] = old",
        r"sets MEASURES\[3\] to Measure.*Use text as the name",
    ),
    "format": (
        "from export.formats import FORMATS\nFORMATS['mine'] = 'export.onnx'",
        r"sets FORMATS\['mine'\].*export\.formats\.Format ",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_plugin_that_cannot_be_used_is_one_sentence(here, name):
    code, said = BAD[name]
    if code is not None:
        (here / f"plugin_{name}.py").write_text(code)
    with pytest.raises(InputError, match=f"--plugin.*plugin_{name}.py.*{said}"):
        plugins.load([f"plugin_{name}.py"])


def test_a_file_with_the_name_of_another_module_is_refused(here):
    pathlib.Path("json.py").write_text("x = 1")
    with pytest.raises(InputError, match=r"another module is named json .*json.__init"):
        plugins.load(["json.py"])


SOURCE = (
    "import numpy as np\nfrom keras_gan import datasets\n"
    "def read(argument, form, data_dir):\n"
    "    return np.zeros([4, 8, 8, 3], 'uint8'), ['a', 'b', 'a', 'c']\n"
    "datasets.SOURCES['plugged'] = datasets.Source('plugged', 'black', read)\n"
)


def test_a_module_of_the_working_directory_by_its_dotted_name(here):
    package = here / "plugin_package"
    package.mkdir()
    (package / "beside.py").write_text(SOURCE)
    (package / "sources.py").write_text("from plugin_package import beside")
    plugins.load(["plugin_package.sources"])
    images = datasets.read("plugged", image_size=4, channels=1)
    assert images.array.shape == (4, 4, 4, 1)
    assert images.class_names == ("a", "b", "c")
    # Once more it adds nothing new, and that is no fault of it.
    plugins.load(["plugin_package.sources", "plugin_package.beside"])
    assert plugins.loaded == ("plugin_package.sources", "plugin_package.beside")


# The server has no plugins: it imports nothing of this project.
@pytest.mark.parametrize("command", sorted({*keras_gan_command.COMMANDS} - {"serve"}))
def test_each_command_refuses_a_bad_plugin_before_anything_else(here, capsys, command):
    given = {"verify": "no.onnx --against no", "export": "no --out no", "list": ""}
    given |= {"reconstruct": "no no.png", "encode": "no no --out no.npz"}
    given["translate"] = "no no.png --out no"
    line = given.get(command, "digits" if command == "train" else "no")
    line = "nearest no" if command == "experiment" else line
    arguments = [command, *shlex.split(line), "--plugin", "plugin_none.py"]
    assert keras_gan_command.main(arguments) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith("error: --plugin is plugin_none.py, and there is no such")
    assert not list(here.iterdir())


def test_an_experiment_of_a_plugin_is_listed(here, capsys):
    from keras_gan.experiments import EXPERIMENTS
    from keras_gan.experiments.__main__ import main

    pathlib.Path("plugin_experiment.py").write_text(
        "from keras_gan.experiments import EXPERIMENTS, Experiment, arguments\n"
        "EXPERIMENTS['mine'] = Experiment('Does a thing.', arguments.run, print)\n"
    )
    with pytest.raises(SystemExit):
        main(["--plugin", "plugin_experiment.py", "--help"])
    del EXPERIMENTS["mine"]
    assert re.search(r"mine +Does a thing\.", capsys.readouterr().out)
