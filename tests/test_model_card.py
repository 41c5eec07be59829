"""Model cards: what they say is what the files of a run say, and valid for the Hub."""

import dataclasses
import json
import re
import shutil

import numpy as np
import pytest
import yaml
from PIL import Image

import keras_gan
from keras_gan import DCGAN, GAN, model_card, networks, recipes, training
from keras_gan.evaluate import __main__ as evaluate
from keras_gan.runs import Run

# https://github.com/huggingface/hub-docs, modelcard.md and repositories-licenses.md
HUB_KEYS = {"library_name", "license", "pipeline_tag", "tags"}
QUICK = ["--features", "pixels", "--samples", "30"]


def parts_of(text):
    """Returns the front matter of a card, and what follows it."""
    head, _, body = text.removeprefix("---\n").partition("\n---\n")
    return yaml.safe_load(head), body


def rows_of(body):
    """Returns the first table of a card as a dictionary."""
    return dict(re.findall(r"^\| (.+?) \| (.+?) \|$", body, re.MULTILINE))


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """A conditional run with a hostile name, on data in a folder that is private."""
    folder = tmp_path_factory.mktemp("private person") / "a: [b] | <i> # 'c'"
    rng = np.random.default_rng(0)
    file = folder.parent / "faces.npz"
    images = rng.integers(0, 256, (64, 8, 8, 1), "uint8")
    np.savez(file, images=images, labels=np.arange(64) % 2)
    recipe = recipes.get("digits").override(
        {
            **{"data": f"npz:{file}", "conditional": True, "features": "pixels"},
            "image_size": 8,
            **{"base_filters": 2, "latent_dim": 6, "steps": 2, "batch_size": 8},
            "data_licence": "cc-by-4.0",
        }
    )
    training.train(recipe, folder)
    return folder


def test_a_run_ends_with_its_card(run_folder):
    text = (run_folder / "README.md").read_text()
    front, body = parts_of(text)
    assert front.keys() <= HUB_KEYS
    assert front["library_name"] == "keras"
    assert front["license"] == "unknown"
    assert front["tags"] == [
        *("keras_gan", "dcgan", "gan"),
        "class-conditional-image-generation",
    ]
    rows = rows_of(body)
    assert rows["prior"] == "6 numbers, uniform from -1 to 1"
    assert rows["licence of the data"] == "cc-by-4.0"
    assert rows["data"] == "npz:faces.npz, 64 images"
    assert rows["classes"] == "2: 0, 1"
    assert rows["trained for"].startswith("2 steps of 8 examples, seed 0")
    assert "`image` float32 8 x 8 x 1 in [-1, 1]" in body
    evaluation = json.loads((run_folder / "evaluation.json").read_text())
    distance = evaluation["measures"]["frechet_distance"]
    assert f"| Fréchet distance | {distance:,.4g} |" in body
    protocol = evaluation["protocol"].replace(str(run_folder.parent) + "/", "")
    assert f"Protocol: {protocol}" in body.replace("\\", "")
    assert "private person" not in text
    assert "# a: \\[b\\] \\| \\<i\\> \\# 'c'" in body
    assert Image.open(run_folder / "README.png").format == "PNG"


def test_the_lines_of_a_card_load_the_model(run_folder, monkeypatch):
    _, body = parts_of((run_folder / "README.md").read_text())
    (script,) = re.findall(r"```python\n(.*?)```", body, re.DOTALL)
    monkeypatch.chdir(run_folder.parent)
    found = {}
    exec(script, found)
    assert found["images"].shape == (16, 8, 8, 1)


def test_evaluate_writes_the_card_again_but_not_the_users(run_folder, tmp_path):
    folder = shutil.copytree(run_folder, tmp_path / "run")
    assert evaluate.main([str(folder), *QUICK]) == 0
    text = (folder / "README.md").read_text()
    metrics = json.loads((folder / "metrics.json").read_text())
    distance = metrics["measures"]["kernel_distance"]
    assert f"| Kernel distance (KID) | {distance:.4g} |" in text
    assert "30 of the 64" in text
    own = text.replace(model_card._MARK, "I made it.")
    (folder / "README.md").write_text(own)
    assert evaluate.main([str(folder), *QUICK]) == 0
    assert (folder / "README.md").read_text() == own


def test_a_run_started_from_here_has_the_name_of_the_folder(run_folder, monkeypatch):
    monkeypatch.chdir(run_folder)
    run = Run.open(run_folder)
    recipe = run.recipe.override({"start_from": "."})
    run = dataclasses.replace(run, recipe=recipe)
    model = run.build()
    run, _ = training.start(run, model, run.load())
    monkeypatch.chdir(run_folder.parent)  # the card may be written from elsewhere
    rows = rows_of(parts_of(model_card.card(model, "x", "usage", run))[1])
    assert rows["started from"] == "a: \\[b\\] \\| \\<i\\> \\# 'c' at step 2"


def test_measures_of_another_step_are_left_out(run_folder):
    assert model_card.measured(run_folder, 2)["step"] == 2
    assert model_card.measured(run_folder, 3) is None
    model = keras_gan.load(run_folder)
    assert "None were taken" in model_card.card(model, "x", "")


def test_an_unknown_licence_is_not_invented():
    gan = GAN(
        networks.mlp_generator((6, 5, 1), latent_dim=7, hidden_units=(4,)),
        networks.maxout_discriminator((6, 5, 1), units=(4,)),
        latent_dim=7,
        value_range=(0, 1),
    )
    front, body = parts_of(model_card.card(gan, "x", "usage"))
    assert front["pipeline_tag"] == "unconditional-image-generation"
    rows = rows_of(body)
    assert rows["licence of the data"] == rows["data"] == "not stated"
    assert "in [0, 1]" in body


@pytest.mark.parametrize(
    ("name", "shown", "heading"),
    [
        ("emoji 🎲", "emoji 🎲", "emoji 🎲"),
        ("tab\there\x07\u2028", "tab here", "tab here"),
        ('it\'s "a": #b', 'it\'s "a": #b', 'it\'s "a": \\#b'),
    ],
)
def test_any_name_is_valid_yaml_and_one_heading(name, shown, heading):
    named = type(name, (DCGAN,), {})
    gan = named((8, 8, 1), latent_dim=4, base_filters=2)
    front, body = parts_of(model_card.card(gan, name, "usage"))
    assert front["tags"][1] == shown
    assert f"\n# {heading}\n" in body
