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


def test_gain_is_time_in_float32_for_time_in_bfloat16(gan, monkeypatch):
    now, counts = [0.0], set()

    def step(convolutions):
        counts.add(len(convolutions))
        ((_, images, filters), *_) = convolutions
        assert images.dtype == filters.dtype

        def compute():
            now[0] += {tf.float32: 3.0, tf.bfloat16: 1.0}[images.dtype]
            return tf.zeros(())

        return compute

    monkeypatch.setattr(precision, "_step", step)
    monkeypatch.setattr(precision.time, "perf_counter", lambda: now[0])
    assert precision.bfloat16_gain(gan.generator, gan.discriminator) == 3
    kinds = keras.layers.Conv2D | keras.layers.Conv2DTranspose
    layers = [
        layer
        for network in (gan.generator, gan.discriminator)
        for layer in network._flatten_layers()
        if isinstance(layer, kinds)
    ]
    assert counts == {len(layers)} != {0}


def test_networks_without_convolutions_are_not_measured():
    network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    assert precision.bfloat16_gain(network) is None


def test_processor_is_asked_for_its_instructions(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    for flags, has in [
        ("fpu avx512_bf16", True),
        ("amx_tile amx_bf16", True),
        ("fpu avx512f", False),
        ("fpu avx512_bf16x", False),
    ]:
        cpuinfo.write_text(f"processor : 0\nflags\t\t: {flags}\n")
        assert precision.has_bfloat16(cpuinfo) == has
    assert not precision.has_bfloat16(tmp_path / "none")


@pytest.fixture
def fast_processor(monkeypatch):
    """A machine that has bfloat16 instructions and no GPU."""
    monkeypatch.setattr(precision, "has_bfloat16", lambda: True)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])


@pytest.mark.parametrize("shape", [(16, 16, 1), (64, 16, 3), (2,)])
def test_small_images_and_points_are_not_measured(shape, fast_processor):
    assert precision.worth_measuring(recipes.get("dcgan-64"), (64, 64, 3))
    assert not precision.worth_measuring(recipes.get("dcgan-64"), shape)


@pytest.mark.parametrize(
    "change",
    [
        {"mixed_precision": "bfloat16"},
        {"strategy": "mirrored"},
        {"epochs": None, "steps": None, "minutes": 1.0},
    ],
)
def test_runs_that_gain_nothing_are_not_measured(change, fast_processor):
    changed = dataclasses.replace(recipes.get("dcgan-64"), **change)
    assert not precision.worth_measuring(changed, (64, 64, 3))


def test_other_machines_are_not_measured(fast_processor, monkeypatch):
    recipe = recipes.get("dcgan-64")
    with monkeypatch.context() as slow:
        slow.setattr(precision, "has_bfloat16", lambda: False)
        assert not precision.worth_measuring(recipe, (64, 64, 3))
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    assert not precision.worth_measuring(recipe, (64, 64, 3))
