"""Settings in files: TOML, and config.json of this version and of others."""

import dataclasses
import json
import pathlib
from typing import ClassVar

import numpy as np
import pytest

from keras_gan import InputError, datasets, recipes, runs
from keras_gan.recipes.dcgan import DCGANRecipe
from keras_gan.recipes.mlp import MLPRecipe
from keras_gan.recipes.options import setting

TINY = {"image_size": "8", "base_filters": 2, "latent_dim": 4, "steps": 1}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def images():
    return datasets.read("digits", 8)


def write_run(path, images, recipe=None, name="digits"):
    """Writes a run that has not begun to train."""
    recipe = recipe or recipes.get("digits").override(TINY)
    run = runs.Run.new(path, name, recipe, images)
    path.mkdir()
    run.write()
    return run


def edit(path, change):
    """Changes both copies of a config, as a version that wrote it would have."""
    for file in (path / "config.json", path / "checkpoints" / "config.json"):
        config = json.loads(file.read_text())
        change(config)
        file.write_text(json.dumps(config))


def settings(path):
    return json.loads((pathlib.Path(path) / "config.json").read_text())["settings"]


def test_a_file_trains_resumes_and_is_begun_again(train, capsys):
    # So few images are not measured.
    np.savez("few.npz", images=np.arange(3 * 64, dtype="uint8").reshape(3, 8, 8))
    lines = ['recipe = "digits"', 'data = "npz:few.npz"', "image_size = 8"]
    lines += ["base_filters = 2", "latent_dim = 4", "batch_size = 2", "steps = 1"]
    lines += ['penalty = "none"', 'hidden_units = "none"']
    file = pathlib.Path("my.toml")
    file.write_text("\n".join(lines))
    assert train.main(["my.toml", "--seed", "5", "--no-export"]) == 0
    assert "my: 3 images of 8x8x1" in capsys.readouterr().out
    config = json.loads(pathlib.Path("runs/my/config.json").read_text())
    assert (config["format"], config["family"], config["recipe"]) == (2, "gan", "my")
    first = config["settings"]
    assert (first["seed"], first["penalty"], first["base_filters"]) == (5, None, 2)
    again = ["runs/my/config.json", "--seed", "6", "--no-export"]
    assert train.main(again) == 0
    assert settings("runs/my-2") == {**first, "seed": 6}
    # The file is what the user says: what it changes is accepted, or refused.
    file.write_text(file.read_text().replace("steps = 1", "steps = 2"))
    assert train.main(["my.toml", "--resume", "--no-export"]) == 0
    assert settings("runs/my") == {**first, "steps": 2}
    file.write_text(file.read_text().replace("batch_size = 2", "batch_size = 3"))
    assert train.main(["my.toml", "--resume", "--no-export"]) == 2
    assert "batch_size is 3, and the run in runs/my has 2" in capsys.readouterr().err


BAD = {
    "missing": (None, "No such file"),
    "no TOML": ("recipe = digits", "as TOML"),
    "no text": (b'recipe = "\xff"', "as TOML"),
    "neither": ("steps = 1", "recipe is None and family None"),
    "both": ('recipe = "digits"\nfamily = "gan"', "'digits' and family 'gan'"),
    "recipe": ('recipe = "digit"', "Did you mean 'digits'"),
    "recipe of another kind": ("recipe = 3", "recipe is 3"),
    "list of families": ('family = ["gan"]', "family ['gan']"),
    "family": ('family = "gam"', "Did you mean 'gan'"),
    "setting": ('recipe = "digits"\nbatchsize = 3', "Did you mean 'batch_size'"),
    "setting of another family": (
        'family = "gan-mlp"\nbase_filters = 3',
        "base_filters",
    ),
    "kind": ('recipe = "digits"\nbatch_size = "3"', "batch_size is '3'"),
    "table": ('recipe = "digits"\n[data]\nx = 3', "data is {'x': 3}"),
    "date": ('recipe = "digits"\nseed = 2020-01-01', "seed is datetime.date"),
    "no length": ('family = "gan"', "steps None"),
    "a key like an argument": ('recipe = "digits"\npath = "x"', "path is no setting"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_one_sentence_and_leaves_nothing(train, capsys, name):
    content, said = BAD[name]
    path = pathlib.Path("my.toml")
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert train.main(["my.toml"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: my.toml")
    assert said in line
    assert not pathlib.Path("runs").exists()


def test_a_family_begins_with_its_own_defaults():
    pathlib.Path("my.toml").write_text('family = "gan"\nepochs = 3')
    name, recipe, given = recipes.load("my.toml")
    assert name == "my"
    assert given == {"epochs": 3}
    assert recipe == DCGANRecipe("settings of my.toml", epochs=3)


@pytest.mark.parametrize("content", ["[]", "3", '{"settings": []}', "{"])
def test_json_that_is_no_run(train, capsys, content):
    pathlib.Path("config.json").write_text(content)
    assert train.main(["config.json"]) == 2
    assert "error: config.json cannot be read" in capsys.readouterr().err


# Runs of other versions --------------------------------------------------------------


def test_a_run_opens_by_its_family(tmp_path, images):
    path = tmp_path / "run"
    recipe = recipes.get("gan-mnist").override({"data": "digits", "steps": 1})
    written = write_run(path, images, recipe, "renamed since then")
    run = runs.Run.open(path)
    assert run == written
    assert type(run.recipe) is MLPRecipe


def test_a_file_without_format_opens_by_its_recipe(tmp_path, images):
    path = tmp_path / "run"
    written = write_run(path, images)
    edit(path, lambda config: [config.pop("format"), config.pop("family")])
    assert runs.Run.open(path) == written


def test_settings_that_are_younger_than_the_run_have_their_defaults(tmp_path, images):
    path = tmp_path / "run"
    write_run(path, images)
    edit(path, lambda config: [config["settings"].pop(n) for n in ("fit", "beta_1")])
    recipe = runs.Run.open(path).recipe
    assert (recipe.fit, recipe.beta_1) == ("crop", 0.5)


def test_a_run_that_died_while_a_newer_version_resumed_it_opens(tmp_path, images):
    path = tmp_path / "run"
    written = write_run(path, images)
    copy = path / "checkpoints" / "config.json"
    config = json.loads(copy.read_text())
    del config["format"], config["family"], config["settings"]["fit"]
    copy.write_text(json.dumps(config))
    assert runs.Run.open(path) == written


@pytest.mark.parametrize(
    ("part", "value", "said"),
    [("format", 3, "format is 3"), ("settings", {"colour": 1}, "it has colour")],
)
def test_a_run_of_a_newer_version(tmp_path, images, train, capsys, part, value, said):
    path = tmp_path / "run"
    write_run(path, images)
    more = value if isinstance(value, dict) else {}
    edit(path, lambda c: c.update({part: {**c["settings"], **more} if more else value}))
    edit(path, lambda config: config["versions"].update(keras_gan="0.9.0"))
    for arguments in (["--resume", "--run-dir", str(path)], [f"{path}/config.json"]):
        assert train.main(arguments) == 2
        (line,) = capsys.readouterr().err.splitlines()
        newer = "config.json was written by a newer version of keras_gan (0.9.0): "
        assert newer in line and said in line


@pytest.fixture
def mine():
    """A user's own class of recipes."""

    @dataclasses.dataclass(frozen=True)
    class Mine(DCGANRecipe):
        family: ClassVar[str] = "mine"
        extra: int = setting(3, "of mine", at_least=1, changeable=True)
        place: str = setting("here", "of mine", location=True)

    yield Mine
    del recipes.FAMILIES["mine"]


def test_a_run_of_a_users_own_recipe_opens(tmp_path, images, train, mine, capsys):
    path = tmp_path / "run"
    written = write_run(path, images, mine("own", **TINY, extra=4), "own")
    run = runs.Run.open(path)
    assert run == written
    assert type(run.recipe) is mine
    changed = run.with_changes({"extra": 5, "place": "there"})
    assert (changed.recipe.extra, changed.recipe.place) == (5, "there")
    # Where data lies may differ from one worker to the next, and nothing else.
    elsewhere = run.with_changes({"place": "there"})
    assert elsewhere.fingerprint() == run.fingerprint() != changed.fingerprint()
    assert train.main(["--resume", "--run-dir", str(path), "--help"]) == 0
    assert "--extra INT" in capsys.readouterr().out
    assert train.main(["--resume", "--run-dir", str(path), "--extra", "0"]) == 2
    assert "extra is 0; it must be" in capsys.readouterr().err


def test_a_class_without_a_family_of_its_own_cannot_begin_a_run(tmp_path, images):
    class Unnamed(DCGANRecipe):
        pass

    with pytest.raises(InputError, match="Unnamed has no family of its own"):
        write_run(tmp_path / "run", images, Unnamed("unnamed", **TINY))


def test_a_run_of_a_family_that_is_not_imported(tmp_path, images, train, capsys):
    path = tmp_path / "run"
    write_run(path, images)
    edit(path, lambda config: config.update(family="theirs"))
    assert train.main(["--resume", "--run-dir", str(path)]) == 2
    error = capsys.readouterr().err
    assert "family 'theirs' is not known" in error
    assert "import" in error


def test_a_size_in_a_file_is_the_one_of_the_option(tmp_path):
    pathlib.Path("my.toml").write_text('recipe = "digits"\nimage_size = 8')
    _, recipe, given = recipes.load("my.toml")
    assert given == {"image_size": "8"}
    assert recipe == recipes.get("digits").override({"image_size": "8"})


def test_an_edited_family_is_named(tmp_path, images, train, capsys):
    path = tmp_path / "run"
    write_run(path, images)
    file = path / "config.json"
    config = json.loads(file.read_text())
    file.write_text(json.dumps({**config, "family": "gan-mlp"}))
    assert train.main(["--resume", "--run-dir", str(path)]) == 2
    said = "was edited: family is 'gan-mlp', and 'gan' belongs to the checkpoints"
    assert said in capsys.readouterr().err
