"""Folders for the Hugging Face Hub, cards beside exports, and `keras_gan.load`."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import h5py
import keras
import numpy as np
import onnxruntime
import pytest
import yaml

import export
import keras_gan
from export import cards, hub, verify
from export.__main__ import main
from export.exportable import describe
from keras_gan import DCGAN, InputError, model_card, model_files

ROOT = pathlib.Path(__file__).parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A conditional GAN with an average, and the folder of its exports."""
    gan = DCGAN((16, 16, 1), latent_dim=8, base_filters=4, seed=1, num_classes=3)
    gan.compile("adam", "sgd", generator_average=0.9)
    rng = np.random.default_rng(0)
    for weight in gan.averaged_generator.trainable_weights:
        weight.assign(weight + rng.normal(0.0, 0.2, weight.shape))
    out = tmp_path_factory.mktemp("out")
    export.to_onnx(gan, out / "digits.onnx", verify=False)
    (row,) = export.export_all(gan, out, "digits", ["hub"])
    assert row.passed and row.largest_difference <= 1e-5
    return gan, out


@pytest.fixture
def folder(published, tmp_path):
    return shutil.copytree(published[1] / "hub" / "digits", tmp_path / "digits")


def test_the_folder_holds_what_the_hub_and_keras_read(published, folder):
    names = {file.name for file in folder.iterdir()}
    assert names == {
        *("README.md", "README.png", "keras_gan.json"),
        *("config.json", "metadata.json", "model.weights.h5"),
    }
    front = yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])
    assert front["library_name"] == "keras"
    assert 'keras_gan.load("hf://USER/digits")' in (folder / "README.md").read_text()
    description = json.loads((folder / "keras_gan.json").read_text())
    assert description["latent_dim"] == 8
    with h5py.File(folder / "model.weights.h5") as file:
        assert not [name for name in file if "optimizer" in name]


def test_load_gives_the_same_images(published, folder, tmp_path):
    gan, _ = published
    images = gan.generate(6, seed=3)
    assert (keras_gan.load(folder).generate(6, seed=3) == images).all()
    gan.save(tmp_path / "mine.keras")
    loaded = keras_gan.load(str(tmp_path / "mine.keras"))
    assert (loaded.generate(6, seed=3) == images).all()


def test_load_opens_a_run(run_folder):
    assert keras_gan.load(run_folder).compiled
    with pytest.raises(InputError, match="does not exist"):
        keras_gan.load(run_folder / "nothing")


def test_one_changed_byte_is_noticed(folder):
    file = folder / "model.weights.h5"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"not the one that keras_gan\.json describes"):
        keras_gan.load(folder)


def test_other_weights_do_not_pass_verification(published, folder):
    gan, _ = published
    with h5py.File(folder / "model.weights.h5", "r+") as file:
        found = []
        file.visititems(lambda name, each: found.append(each))
        for each in found:
            if isinstance(each, h5py.Dataset) and each.ndim > 1:
                each[...] *= 1.001
    description = json.loads((folder / "keras_gan.json").read_text())
    description["weights_sha256"] = model_files.sha256(folder / "model.weights.h5")
    (folder / "keras_gan.json").write_text(json.dumps(description))
    row = export.verify_again(folder, gan)
    assert not row.passed and "model.weights.h5 has other bytes" in row.problem
    row = verify.verified(describe(gan, "digits"), "hub", folder)
    assert not row.passed and "differs from the Keras model's" in row.problem


def test_a_folder_whose_layers_would_call_a_function_is_refused(folder):
    config = json.loads((folder / "config.json").read_text())
    config["config"]["evil"] = {"class_name": "function", "config": "system"}
    config["config"]["evil"]["module"] = "os"
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"would call os\.system"):
        keras_gan.load(folder)


def test_classes_of_a_users_own_are_refused():
    class Mine(DCGAN):
        pass

    gan = Mine((8, 8, 1), latent_dim=4, base_filters=2)
    with pytest.raises(InputError, match=r"classes of your own \(Mine\)"):
        hub.check(describe(gan, "mine"))


def test_the_card_beside_the_exports_runs_their_file(published, monkeypatch):
    gan, out = published
    text = (out / "digits.README.md").read_text()
    assert "![What the model makes](digits.README.png)" in text
    assert (out / "digits.README.png").exists()
    (script,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(out)
    found = {"onnxruntime": onnxruntime}
    exec(script, found)
    assert found["made"].shape == (4, *gan.image_shape)


def test_a_card_that_the_user_changed_stays(published, tmp_path):
    gan, _ = published
    (tmp_path / "digits.README.md").write_text("my own words")
    (tmp_path / "digits.README.png").write_bytes(b"my own picture")
    cards.write(tmp_path, describe(gan, "digits"))
    assert (tmp_path / "digits.README.png").read_bytes() == b"my own picture"
    assert (tmp_path / "digits.README.md").read_text() == "my own words"


@pytest.mark.parametrize(
    ("module", "call"),
    [
        ("huggingface_hub", lambda: keras_gan.load("hf://me/digits")),
        ("cyclonedx_py", lambda: __import__("export.sbom").sbom.check()),
    ],
)
def test_a_missing_library_is_one_sentence(module, call, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=r"not installed\. Run pip install "):
        call()


def test_load_reads_an_address_of_the_hub(published, tmp_path):
    """From the cache of huggingface_hub: the network is not touched."""
    pytest.importorskip("huggingface_hub")
    gan, out = published
    repository = tmp_path / "models--me--digits"
    shutil.copytree(out / "hub" / "digits", repository / "snapshots" / COMMIT)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    script = """if True:
        import keras, numpy as np, keras_gan
        ours = keras_gan.load("hf://me/digits").generate(6, seed=3)
        theirs = keras.saving.load_model("hf://me/digits").generate(6, seed=3)
        np.savez("made.npz", ours=ours, theirs=theirs)
        try:
            keras_gan.load("hf://me/nothing")
        except keras_gan.InputError as error:
            print(error)
    """
    variables = {"HF_HUB_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    path = os.pathsep.join(filter(None, sys.path))
    result = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, **variables, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert re.match("hf://me/nothing cannot be fetched .*Give hf://", result.stdout)
    with np.load(tmp_path / "made.npz") as made:
        for images in made.values():
            assert (images == gan.generate(6, seed=3)).all()


def test_sbom_names_the_packages_of_the_environment(run_folder, tmp_path, capsys):
    pytest.importorskip("cyclonedx_py")
    out = tmp_path / "out"
    arguments = [str(run_folder), "--out", str(out), "--format", "onnx", "--sbom"]
    assert main(arguments) == 0
    assert "sbom.cdx.json" in capsys.readouterr().out
    found = json.loads((out / "sbom.cdx.json").read_text())
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6")
    versions = {each["name"]: each["version"] for each in found["components"]}
    assert versions["keras"] == keras.__version__
    assert not [file for file in out.iterdir() if file.name.startswith(".")]


def test_a_run_carries_its_licence_into_the_card_of_the_hub(run_folder, tmp_path):
    exportable = describe(run_folder, "digits")
    changed = exportable.run.with_changes({"data_licence": 'mine: "all" | rights'})
    model = exportable.model
    text = model_card.card(model, "digits", "usage", changed)
    assert '| licence of the data | mine: "all" \\| rights |' in text


def test_the_lines_about_mlflow(published, tmp_path, monkeypatch):
    pytest.importorskip("mlflow")
    gan, out = published
    page = (ROOT / "docs" / "model-cards.md").read_text()
    (script,) = re.findall(r"```python\n(import mlflow.*?)```", page, re.DOTALL)
    (tmp_path / "serving").mkdir()
    shutil.copy(out / "digits.onnx", tmp_path / "serving")
    monkeypatch.chdir(tmp_path)
    found = {}
    exec(script, found)
    rows = describe(gan, "digits").default.examples(3)
    made = found["served"].predict(rows)["image"]
    wanted = gan([rows["latent"], rows["label"]], training=False)
    np.testing.assert_allclose(made, wanted, atol=1e-5)


@pytest.mark.slow
def test_a_card_of_the_users_own_survives_a_new_export(tmp_path):
    gan, arguments = DCGAN((8, 8, 1), latent_dim=4, base_filters=2), ["m", ["hub"]]
    (row,) = export.export_all(gan, tmp_path, *arguments)
    mine = (row.path / "README.md").read_text().replace("unknown", "mit")
    (row.path / "README.md").write_text(mine.replace(model_card._MARK, "Mine."))
    assert export.verify_again(row.path, gan).passed
    export.export_all(gan, tmp_path, *arguments, overwrite=True)
    assert "Mine." in (row.path / "README.md").read_text()
    assert "SHA256SUMS" in {p.name for p in tmp_path.iterdir()}
    assert export.verify_again(row.path, gan).passed
