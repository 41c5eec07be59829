"""Translators that fail in each way that `Diagnosis` knows, and a healthy one."""

import math
from typing import ClassVar

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gan import CycleGAN, Pix2Pix, networks
from keras_gan.callbacks import Diagnosis
from keras_gan.models.base import GenerativeModel
from keras_gan.models.elements import ImageElement
from keras_gan.pixels import PixelRange
from keras_gan.symptoms import (
    CycleByHiding,
    DiscriminatorAhead,
    DiscriminatorAheadByLoss,
    OneOutputForAll,
    OutputEqualsInput,
    Variety,
    Window,
)

PIXELS = PixelRange(-1, 1)
SHAPE = (8, 8, 1)
OTHER = {"a": "b", "b": "a"}


class Lines(GenerativeModel):
    """Translates each pixel by a line, its scale and its offset."""

    reported = ("loss", "discriminator_loss")
    outputs: ClassVar = {"a_to_b": "b", "b_to_a": "a"}
    inputs = ("a", "b")
    multiple = least = 1

    def __init__(self, b, a):
        super().__init__(seed=1)

        def network(scale, offset):
            layer = keras.layers.Dense(1)
            model = keras.Sequential([keras.Input(SHAPE), layer])
            model.set_weights([np.full((1, 1), scale), np.full(1, offset)])
            return model

        self.directions = {"b": ("a", network(*b)), "a": ("b", network(*a))}

    @property
    def symptoms(self):
        found = []
        for name, other in OTHER.items():
            way = {"output": f"{name}_to_{other}", "which": f"{name} to {other}"}
            found += [
                OutputEqualsInput(source=name, **way),
                OneOutputForAll(**way),
                CycleByHiding(source=name, to=other, which=way["which"]),
            ]
        ahead = DiscriminatorAheadByLoss(loss="discriminator_loss", coin=0.25)
        return (*found, ahead)

    @property
    def elements(self):
        return {name: ImageElement(SHAPE, PIXELS) for name in "ab"}

    def networks(self):
        return {f"to_{name}": network for name, (_, network) in self.directions.items()}

    def train_step(self, data):
        self.seen(data)
        self.step.assign_add(1)
        return self.report({"loss": tf.ones([]), "discriminator_loss": self.judge})

    judge = tf.constant(0.1)

    def samples(self, count, seed=0, examples=None):
        found = {}
        for name, other in OTHER.items():
            _, network = self.directions[other]
            made = network(PIXELS.to_float(examples[name])).numpy()
            found |= {name: examples[name], f"{name}_to_{other}": PIXELS.to_uint8(made)}
        return found


@pytest.fixture(scope="module")
def real():
    rng = np.random.default_rng(0)
    return {name: rng.integers(0, 256, (40, *SHAPE), "uint8") for name in "ab"}


def findings(model, real, steps=6):
    model.compile()
    parts = tuple(PIXELS.to_float(real[name][:8]) for name in "ab")
    data = tf.data.Dataset.from_tensors(parts).repeat()
    data.value_range = model.value_ranges()
    diagnosis = Diagnosis(real, count=16, every_steps=1)
    model.fit(data, steps_per_epoch=steps, verbose=0, callbacks=[diagnosis])
    return {f.message.partition(" since")[0]: f for f in diagnosis.findings}


NEGATIVE = (-1, 0)


def test_a_healthy_translator_is_not_remarked_upon(real):
    # It makes negatives, which come back with noise as large as was added.
    assert findings(Lines(NEGATIVE, NEGATIVE), real) == {}


def test_an_output_that_equals_its_input_is_found(real):
    found = findings(Lines(b=(1, 0.004), a=NEGATIVE), real)
    assert [*found] == ["the output equals the input (a to b)"]
    (finding,) = found.values()
    assert finding.kind == "output_equals_input"
    assert "differ from their sources by 1.2% of what real" in finding.message


def test_one_output_for_all_is_found(real):
    found = findings(Lines(b=NEGATIVE, a=(0.02, 0.3)), real)
    assert [*found] == ["the generator makes one output of all inputs (b to a)"]
    assert "variance is 0.000" in next(iter(found.values())).message


def test_a_picture_that_is_hidden_is_found(real):
    # A fifth of the picture on bright grey, or a twentieth, which comes back whole.
    found = findings(Lines(b=(0.2, 0.7), a=(5, -3.5)), real)
    assert found == {}, "noise of 2 levels comes back as 10 levels"
    found = findings(Lines(b=(0.05, 0.7), a=(20, -14)), real)
    hidden = "the cycle works by hiding (a to b)"
    assert hidden in found and "the cycle works by hiding (b to a)" not in found
    assert "(L1 in [-1, 1]) is 0.000, and 0.2" in found[hidden].message


def test_a_discriminator_of_least_squares_that_is_far_ahead_is_found(real):
    model = Lines(NEGATIVE, NEGATIVE)
    model.judge = tf.constant(0.01)
    found = findings(model, real)
    assert [*found] == ["the discriminator is far ahead"]
    said = found["the discriminator is far ahead"].message
    assert "its loss is 0.010, and that of a coin 0.250" in said


def test_outputs_that_begin_to_differ_are_left_in_peace():
    symptom = OneOutputForAll(output="b")

    def judged(*diversities):
        windows = [
            Window(i, i, {}, {"b": Variety(d, 0.1)}) for i, d in enumerate(diversities)
        ]
        return symptom.judge(windows)

    assert judged(0.001, 0.001, 0.0005, 0.002, 0.001) is True
    assert judged(0.001, 0.002, 0.004, 0.006, 0.010) is None
    assert judged(0.05, 0.05, 0.05, 0.04, 0.05) is False
    assert judged(*[math.nan] * 5) is False


def test_what_cannot_be_compared_is_left_out(real):
    symptom = OutputEqualsInput(output="a_to_b", source="a")
    model = Lines(NEGATIVE, NEGATIVE)
    samples = {"a": real["a"], "a_to_b": real["b"].repeat(3, axis=-1)}
    for examples in ({}, real):
        probes = {symptom: symptom.probe(model, samples, examples)}
        assert not symptom.seen(Window(1, 1, {}, probes=probes))
    hiding = CycleByHiding(source="a", to="b")
    probes = {hiding: hiding.probe(model, samples, {"b": real["b"]})}
    assert not hiding.seen(Window(1, 1, {}, probes=probes))


# The families ------------------------------------------------------------------

FREE = (None, None, 1)


def judge(**options):
    return networks.patch_discriminator(FREE, layers=1, base_filters=2, **options)


def fit(model, parts, steps=5):
    data = tf.data.Dataset.from_tensors(tuple(map(PIXELS.to_float, parts))).repeat()
    data.value_range = model.value_ranges()
    # Whole pictures, of which training sees windows, may have any size.
    border = ((0, 0), (30, 30), (3, 2), (0, 0))
    whole = [np.pad(part, border, "wrap") for part in parts]
    named = dict(zip(model.elements, whole, strict=True))
    diagnosis = Diagnosis(named, count=8, every_steps=1)
    model.fit(data, steps_per_epoch=steps, verbose=0, callbacks=[diagnosis])
    # To translate all of large ones would take longer than to train.
    for name, part in named.items():
        looked_at = diagnosis._examples[name]
        np.testing.assert_array_equal(looked_at, part[:, 6:70])
    return diagnosis._windows[-1]


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (8, 16, 16, 1), "uint8") for _ in "ab"]


def test_pix2pix_is_watched(pictures):
    generator = networks.unet(FREE, FREE, base_filters=2, depth=2)
    model = Pix2Pix(generator, judge(condition_shape=FREE), seed=0)
    model.compile("sgd", "sgd")
    window = fit(model, pictures)
    ahead, equal, alike = model.symptoms
    assert isinstance(ahead, DiscriminatorAhead) and isinstance(alike, OneOutputForAll)
    assert 0 < window.probes[equal]["share"] < 2
    model.compile("sgd", "sgd", objective="wasserstein")
    assert model.symptoms == (equal, alike)


def test_cyclegan_is_watched_both_ways(pictures):
    generators = [
        networks.residual_translator(FREE, base_filters=2, blocks=1) for _ in "ab"
    ]
    model = CycleGAN(*generators, judge(), judge(), pool_size=0, seed=0)
    model.compile("sgd", "sgd")
    window = fit(model, pictures)
    kinds = [(symptom.kind, symptom.which) for symptom in model.symptoms]
    for name, way in (("a", "b to a"), ("b", "a to b")):
        assert ("discriminator_ahead", name) in kinds
        for kind in ("output_equals_input", "one_output_for_all", "cycle_by_hiding"):
            assert (kind, way) in kinds
    assert len(kinds) == 8
    # Least squares says 1/2 of everything: (1/4 + 1/4) / 2.
    assert {s.coin for s in model.symptoms if s.kind == "discriminator_ahead"} == {0.25}
    probes = [n for numbers in window.probes.values() for n in numbers.values()]
    assert len(probes) == 8 and np.isfinite(probes).all()
