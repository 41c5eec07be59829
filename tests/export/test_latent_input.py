"""Files that take normal latent vectors, whatever the model was trained on."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
import scipy.stats

import export
from export.__main__ import main
from keras_gan import GAN, InputError, networks
from keras_gan.models.autoencoder import Autoencoder


def gan(**prior):
    generator = networks.mlp_generator((4, 4, 1), 5, hidden_units=(8,), num_classes=3)
    generator.set_weights([10 * weight for weight in generator.get_weights()])
    return GAN(
        generator,
        networks.maxout_discriminator((4, 4, 1), units=(2,), num_classes=3),
        **{"latent_dim": 5, "num_classes": 3, "seed": 0, **prior},
    )


def test_normal_vectors_are_mapped_to_the_models_own(tmp_path, capsys):
    model = gan(latent_distribution="uniform", latent_bounds=(1, 4))
    model.save(tmp_path / "m.keras")
    arguments = [tmp_path / "m.keras", "--out", tmp_path, "--format", "onnx"]
    assert main([*map(str, arguments), "--latent-input", "normal"]) == 0
    rng = np.random.default_rng(3)
    normal = np.concatenate([rng.standard_normal((200, 5)), np.full((1, 5), 40.0)])
    rows = {"latent": normal.astype("float32"), "label": np.arange(201) % 3}
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    own = 1 + 3 * scipy.stats.norm.cdf(rows["latent"]).astype("float32")
    expected = model([own, rows["label"]])
    assert np.std(expected) > 0.1
    found = session.run(None, rows)[0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    written = onnx.load(tmp_path / "m.onnx").metadata_props
    metadata = {entry.key: entry.value for entry in written}
    assert metadata["latent_input"] == metadata["latent_distribution"] == "normal"
    assert json.loads(metadata["latent_bounds"]) is None
    assert export.verify_again(tmp_path / "m.onnx", model).passed
    capsys.readouterr()


def test_a_normal_prior_needs_no_map(tmp_path):
    model = gan()
    files = [
        export.to_onnx(model, tmp_path / f"{x}.onnx", latent_input=x, verify=False).path
        for x in ("own", "normal")
    ]
    own, normal = (onnx.load(file).graph for file in files)
    assert [node.op_type for node in own.node] == [node.op_type for node in normal.node]


def test_without_a_prior_there_is_nothing_to_map(tmp_path):
    model = Autoencoder(
        networks.mlp_encoder((4, 4, 1), 3, (4,), variational=False),
        networks.mlp_decoder((4, 4, 1), 3, (4,), "tanh"),
        latent_dim=3,
    )
    with pytest.raises(InputError, match="takes no latent vectors of a distribution"):
        export.to_onnx(model, tmp_path / "m.onnx", latent_input="normal")
    assert list(tmp_path.iterdir()) == []
