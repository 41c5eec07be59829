"""The line that says whether a processor trains faster in bfloat16."""

import dataclasses
import math
import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gan import DCGAN, precision, recipes


@pytest.fixture(scope="module")
def gan():
    return DCGAN((8, 8, 1), latent_dim=4, base_filters=4)


@pytest.mark.parametrize(("gain", "said"), [(1.5, True), (1.1, False), (None, False)])
def test_line_is_there_only_if_bfloat16_is_faster(gan, gain, said):
    line = precision.advice(gan, lambda *networks: gain)
    assert (line is not None) == said
    if said:
        assert "1.5 times" in line
        assert "--mixed-precision bfloat16" in line


def test_measurement_is_a_ratio_and_changes_nothing(gan):
    keras.utils.set_random_seed(3)
    before = [weight.copy() for weight in gan.get_weights()]
    ratio = precision.bfloat16_gain(gan.generator, gan.discriminator, repeats=2)
    assert math.isfinite(ratio)
    assert ratio > 0
    drawn = [random.random(), np.random.rand(), float(tf.random.normal(()))]
    for weight, now in zip(before, gan.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, now)
    keras.utils.set_random_seed(3)
    assert drawn == [random.random(), np.random.rand(), float(tf.random.normal(()))]


def test_networks_without_convolutions_are_not_measured():
    network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    assert precision.bfloat16_gain(network) is None


def test_processor_is_asked_for_its_instructions(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    for flags, has in [
        ("fpu avx512_bf16", True),
        ("amx_tile amx_bf16", True),
        ("fpu avx512f", False),
    ]:
        cpuinfo.write_text(f"processor : 0\nflags\t\t: {flags}\n")
        assert precision.has_bfloat16(cpuinfo) == has
    assert not precision.has_bfloat16(tmp_path / "none")


def test_short_runs_of_small_images_are_not_measured(monkeypatch):
    monkeypatch.setattr(precision, "has_bfloat16", lambda: True)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    recipe = recipes.get("dcgan-64")
    assert precision.worth_measuring(recipe, (64, 64, 3))
    assert not precision.worth_measuring(recipe, (16, 16, 1))
    for change in (
        {"mixed_precision": "bfloat16"},
        {"strategy": "mirrored"},
        {"epochs": None, "steps": None, "minutes": 1.0},
    ):
        changed = dataclasses.replace(recipe, **change)
        assert not precision.worth_measuring(changed, (64, 64, 3))
