"""A model that makes pictures of two kinds from two others, in every room."""

import dataclasses
import json
from typing import ClassVar

import keras
import numpy as np
import pytest
import tensorflow as tf
import tqdm
from PIL import Image

from keras_gan import features, pictures, sample, training
from keras_gan.callbacks import (
    Checkpoint,
    Diagnosis,
    DivergenceGuard,
    Evaluate,
    Progress,
    SampleGrid,
)
from keras_gan.datasets import Images
from keras_gan.errors import Diverged, InputError
from keras_gan.evaluate import __main__ as evaluate
from keras_gan.evaluators import RealImages
from keras_gan.models.base import GenerativeModel
from keras_gan.models.elements import ImageElement
from keras_gan.pixels import PixelRange
from keras_gan.recipes import Recipe
from keras_gan.symptoms import DiscriminatorAhead, ModeCollapse

SHAPE = (8, 8, 1)


class TwoWays(GenerativeModel):
    """Changes how bright pictures of a and of b are; its judge knows all of b."""

    reported = ("loss", "real_a", "fake_a", "real_b", "fake_b")
    headline: ClassVar = {"a to b": "loss", "D(b)": "real_b"}
    outputs: ClassVar = {"a_to_b": "b", "b_to_a": "a"}
    inputs = ("a", "b")
    sampling_note = "networks as trained"
    symptoms = (
        DiscriminatorAhead(real="real_a", fake="fake_a", which="a"),
        DiscriminatorAhead(real="real_b", fake="fake_b", which="b"),
        ModeCollapse(output="a_to_b", which="a to b"),
        ModeCollapse(output="b_to_a", which="b to a"),
    )

    def __init__(self, **kwargs):
        super().__init__(seed=1, **kwargs)

        def dense():
            return keras.Sequential(
                [keras.Input(SHAPE), keras.layers.Dense(1, kernel_initializer="ones")]
            )

        self.to_b, self.to_a = dense(), dense()

    @property
    def elements(self):
        return {name: ImageElement(SHAPE, PixelRange(-1, 1)) for name in "ab"}

    def networks(self):
        return {"to_b": self.to_b, "to_a": self.to_a}

    def compile(self, **kwargs):
        super().compile(**kwargs)
        self.set_optimizers(
            to_b_optimizer=(keras.optimizers.SGD(0.01), [self.to_b]),
            to_a_optimizer=(keras.optimizers.SGD(0.02), [self.to_a]),
        )

    def train_step(self, data):
        batch = self.seen(data)
        weights = self.to_b.trainable_variables
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self.to_b(batch["a"]) - batch["b"]) ** 2)
            scaled = self.scaled(loss, self.to_b_optimizer)
        self.to_b_optimizer.apply(tape.gradient(scaled, weights), weights)
        self.step.assign_add(1)
        numbers = {"real_a": 0.6, "fake_a": 0.4, "real_b": 0.999, "fake_b": 0.001}
        constant = {name: tf.constant(value) for name, value in numbers.items()}
        return self.report({"loss": loss, **constant})

    def samples(self, count, seed=0, examples=None):
        shown = {}
        for name, network, title in (
            ("a", self.to_b, "a_to_b"),
            ("b", self.to_a, "b_to_a"),
        ):
            pixels = self.elements[name].pixels
            rows = examples[name]
            assert len(rows) == count
            made = network(pixels.to_float(rows), training=False).numpy()
            if not np.isfinite(made).all():
                raise Diverged("the network makes NaN or infinite values.")
            shown |= {name: rows, title: pixels.to_uint8(made)}
        return shown


@pytest.fixture(scope="module")
def real():
    """Dark pictures a and bright pictures b."""
    rng = np.random.default_rng(0)
    return {
        "a": rng.integers(0, 128, (60, *SHAPE), "uint8"),
        "b": rng.integers(128, 256, (40, *SHAPE), "uint8"),
    }


@pytest.fixture
def model():
    model = TwoWays()
    model.compile()
    return model


def fit(model, real, steps=10, callbacks=()):
    parts = [PixelRange(-1, 1).to_float(real[name][:32]) for name in "ab"]
    data = tf.data.Dataset.from_tensor_slices(tuple(parts)).batch(8).repeat()
    data.value_range = model.value_ranges()
    model.fit(
        data, steps_per_epoch=steps, epochs=1, verbose=0, callbacks=list(callbacks)
    )


def test_pictures_have_a_titled_column_for_each_and_a_row_for_each_example(
    model, real, tmp_path
):
    fit(model, real, 2, [SampleGrid(tmp_path, real=real)])
    picture = Image.open(tmp_path / "step_00000000.png")
    drawing = pictures.drawing_of(model, real)
    assert drawing.count == 8
    rows = np.linspace(0, 59, 8).astype(int), np.linspace(0, 39, 8).astype(int)
    examples = {name: real[name][i] for name, i in zip("ab", rows, strict=True)}
    made = TwoWays().samples(8, examples=examples)
    columns = [
        (title, pictures.grid(made[title], columns=1))
        for title in ("a", "a_to_b", "b", "b_to_a")
    ]
    np.testing.assert_array_equal(picture, pictures.hstack(*columns))
    # The same examples later, and another picture.
    assert sorted(path.name for path in tmp_path.iterdir())[-1] == "step_00000002.png"


def test_examples_that_are_missing_are_named(model, real, tmp_path):
    for rows in (None, real["a"], {"b": real["b"]}):
        with pytest.raises(InputError, match=r"makes pictures from [ab]"):
            fit(model, real, 1, [SampleGrid(tmp_path, real=rows)])


def test_symptoms_watch_each_part_by_name(model, real):
    # Its pictures are those of the other kind, and vary as much as these.
    diagnosis = Diagnosis(real, count=8, every_steps=2)
    fit(model, real, 12, [diagnosis])
    assert [f.kind for f in diagnosis.findings] == ["discriminator_ahead"]
    assert diagnosis.findings[0].message.startswith(
        "the discriminator is far ahead (b) since step 1: D(x) is 0.999, D(G(z)) 0.001."
    )
    model.to_b.set_weights([np.zeros((1, 1)), np.zeros(1)])
    diagnosis = Diagnosis(real, count=8, every_steps=1)
    model.to_b_optimizer.learning_rate = 0.0
    fit(model, real, 6, [diagnosis])
    titles = {f.message.partition(" since")[0] for f in diagnosis.findings}
    assert titles == {
        "the discriminator is far ahead (b)",
        "the generator's images are too much alike (a to b)",
    }


def test_progress_shows_the_models_headline(model, real, monkeypatch):
    shown = []
    monkeypatch.setattr(
        tqdm.tqdm, "set_postfix", lambda self, values: shown.append(dict(values))
    )
    fit(model, real, 3, [Progress(8)])
    assert shown[-1].keys() == {"a to b", "D(b)"}
    assert shown[-1]["D(b)"] == "0.999"


def test_a_measure_takes_samples_by_their_title(model, real, tmp_path):
    images = Images(real["b"])
    extractor = features.get("pixels", images)

    def measured(**options):
        evaluator = RealImages(images, extractor, inputs=real, **options)
        return evaluator, evaluator.measure(model, ["frechet_distance"])

    evaluator, of_b = measured(output="a_to_b")
    assert measured()[1] == of_b  # the first of the outputs
    assert "networks as trained, seed 0" in evaluator.protocol(model)
    # These are dark, and the real ones bright.
    model.to_b.set_weights([np.zeros((1, 1)), np.full(1, 0.5)])
    _, closer = measured(output="a_to_b")
    assert closer["frechet_distance"] < 0.7 * of_b["frechet_distance"]
    with pytest.raises(InputError, match=r"'cycled'.*a_to_b, b_to_a"):
        measured(output="cycled")[0].check(["frechet_distance"], model)
    with pytest.raises(InputError, match="no rows of it"):
        RealImages(images, extractor).check(["frechet_distance"], model)
    with pytest.raises(InputError, match="40 rows of b"):
        RealImages(Images(np.concatenate([real["a"]] * 2)), extractor, inputs=real)
    path = tmp_path / "measures.csv"
    fit(model, real, 2, [Evaluate(evaluator, path=path)])
    assert path.read_text().startswith("epoch,step,frechet_distance\n0,2,")


def test_a_return_lowers_the_rates_of_all_optimizers(model, real, tmp_path, capsys):
    class Break(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 3:
                self.model.to_a.layers[0].bias.assign([np.nan])

    checkpoint = Checkpoint(tmp_path, every_steps=2)
    guard = DivergenceGuard(checkpoint, every_steps=1, retries=1)
    fit(model, real, 6, [Break(), guard, checkpoint])
    assert "learning rates 0.005 and 0.01" in capsys.readouterr().err


@dataclasses.dataclass(frozen=True)
class TwoWaysRecipe(Recipe):
    """Pictures and their negatives."""

    family: ClassVar[str] = "two-ways"

    def examples(self, images):
        return {"a": images.array, "b": 255 - images.array}

    def batches(self, images, model, first_step, context):
        batches = images.batches(
            self.examples_per_step, first_step=first_step, context=context
        )
        return batches.map(lambda image: (image, -image))

    def build(self, facts):
        model = TwoWays()
        model.compile()
        return model

    def evaluators(self, images):
        rows = self.examples(images)
        images = Images(rows["b"])
        extractor = features.get("pixels", images)
        evaluator = RealImages(images, extractor, 20, output="a_to_b", inputs=rows)
        return {"a_to_b": evaluator}


def test_a_run_is_trained_sampled_and_measured(tmp_path):
    recipe = TwoWaysRecipe("two ways", steps=6, batch_size=8, evaluate_steps=3)
    trained = training.train(recipe, tmp_path / "run")
    assert trained.measures["measures"].keys() == {
        "kernel_distance",
        "frechet_distance",
    }
    run = str(tmp_path / "run")
    assert (
        sample.main([run, "--out", str(tmp_path / "samples.png"), "--count", "3"]) == 0
    )
    with Image.open(tmp_path / "samples.png") as picture:
        assert picture.width > picture.height  # four columns of three rows
    assert evaluate.main([run, "--features", "pixels", "--samples", "20"]) == 0
    metrics = json.loads((tmp_path / "run/metrics.json").read_text())
    # The same images as in the run itself, and the same samples.
    for name, value in trained.measures["measures"].items():
        assert metrics["measures"][name] == pytest.approx(value, rel=1e-6)
    assert metrics["nearest"] is None
    page = (tmp_path / "run/report.html").read_text()
    assert all(f"<h3>{name}</h3>" in page for name in ("loss", "real a", "fake b"))
    assert "objective" not in page
