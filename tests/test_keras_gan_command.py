"""The command `keras-gan`, as pip installs it."""

import configparser
import os
import pathlib
import subprocess
import sys

import pytest

import keras_gan_command

ROOT = pathlib.Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden" / "run"


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    """What pip makes of the entry point in setup.cfg."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    entry = config["options.entry_points"]["console_scripts"].strip()
    name, _, function = entry.partition(" = ")
    module, _, function = function.partition(":")
    path = tmp_path_factory.mktemp("bin") / name
    path.write_text(
        f"import gc, sys\nfrom {module} import {function}\ncode = {function}()\n"
        "assert gc.isenabled()\nsys.exit(code)\n"
    )
    return path


def run(*command, cwd):
    environment = {n: v for n, v in os.environ.items() if not n.startswith("TF_")}
    path = os.pathsep.join([str(ROOT), environment.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, *map(str, command)],
        env={**environment, "PYTHONPATH": path},
        cwd=cwd,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["train", "--help"], ["export", "--help"], ["serve", "--help"]],
)
def test_help_does_not_wait_for_tensorflow(run_python, arguments):
    code = (
        "import sys, keras_gan_command\n"
        "try:\n"
        f"    code = keras_gan_command.main({arguments!r})\n"
        "except SystemExit as end:\n"
        "    code = end.code\n"
        "assert code == 0\n"
        "assert not {'tensorflow', 'keras', 'numpy'} & sys.modules.keys()\n"
    )
    command = " ".join(["keras-gan", *arguments[:-1]])
    assert run_python(code).startswith(f"usage: {command} ")


def test_installed_it_is_a_command_of_the_project(script, tmp_path):
    result = run(script, "list", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")  # TensorFlow is kept quiet
    for name in ("digits", "dcgan-64", "tfds:NAME[:SPLIT]", "folder:PATH"):
        assert name in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_module_is_the_same_command(tmp_path):
    result = run(
        # The oldest onnx that is accepted warns of its weaknesses.
        *("-W", "ignore::UserWarning", "-m", "keras_gan"),
        *("export", GOLDEN, "--out", tmp_path, "--format", "onnx", "--name", "golden"),
        cwd=tmp_path,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert "golden.onnx" in result.stdout


def test_it_samples(tmp_path, capsys):
    out = tmp_path / "samples.png"
    arguments = ["sample", str(GOLDEN), "--count", "4", "--out", str(out)]
    assert keras_gan_command.main(arguments) == 0
    assert "4 samples in" in capsys.readouterr().out
    assert out.exists()


def test_it_trains_with_the_arguments_of_train(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert keras_gan_command.main(["train", "dcgan-mars"]) == 2
    assert "recipe 'dcgan-mars' is not known" in capsys.readouterr().err
    assert keras_gan_command.main(["train", "ring", "--base-filters", "3"]) == 2
    assert "keras-gan train ring --help shows" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name",
    [
        *("sample", "reconstruct", "translate", "encode", "evaluate", "compare"),
        *("experiment", "verify", "serve"),
    ],
)
def test_each_command_has_its_help(name, capsys):
    function = keras_gan_command.COMMANDS[name][0]
    with pytest.raises(SystemExit) as end:
        keras_gan_command.main([name, "--help"])
    assert end.value.code == 0, function
    assert capsys.readouterr().out.startswith(f"usage: keras-gan {name} ")


def test_a_command_that_there_is_not(capsys):
    with pytest.raises(SystemExit) as end:
        keras_gan_command.main(["trian"])
    assert end.value.code == 2
    assert "'trian'" in capsys.readouterr().err
