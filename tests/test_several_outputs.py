"""A model that makes pictures of two kinds from two others, in every room."""

import dataclasses
import json
import shutil
from typing import ClassVar

import keras
import numpy as np
import pytest
import tensorflow as tf
import tqdm
from PIL import Image
from tensorflow.python.summary.summary_iterator import summary_iterator

import keras_gan_command
from keras_gan import (
    datasets,
    examples,
    features,
    pictures,
    recipes,
    runs,
    sample,
    training,
)
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
from keras_gan.evaluators import (
    DistributionEvaluator,
    Evaluator,
    Quantity,
    together,
)
from keras_gan.experiments import TrainedRun
from keras_gan.models.base import GenerativeModel
from keras_gan.models.elements import ImageElement
from keras_gan.pixels import PixelRange
from keras_gan.recipes import Recipe
from keras_gan.recipes.options import setting
from keras_gan.symptoms import DiscriminatorAhead, ModeCollapse
from keras_gan_command import train

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

    def test_step(self, data):
        batch = self.elements_of(data)
        loss = tf.reduce_mean((self.to_b(batch["a"]) - batch["b"]) ** 2)
        return self.report_held_out({"loss": loss}, tf.shape(batch["a"])[0])

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
        (title.replace("_", " "), pictures.grid(made[title], columns=1))
        for title in ("a", "a_to_b", "b", "b_to_a")
    ]
    np.testing.assert_array_equal(picture, pictures.hstack(*columns))
    # The same examples later, and another picture.
    assert sorted(path.name for path in tmp_path.iterdir())[-1] == "step_00000002.png"


def test_examples_that_are_missing_are_named(model, real, tmp_path):
    for rows, said in (
        (None, "makes pictures from a"),
        ({"b": real["b"]}, "makes pictures from a"),
        (real["a"], r"compared with b and a, .* no names.*'b': \.\.\., 'a': \.\.\."),
    ):
        for callback in (SampleGrid(tmp_path, real=rows), Diagnosis(rows)):
            with pytest.raises(InputError, match=said):
                fit(model, real, 1, [callback])


def test_rows_are_given_to_a_model_that_can_do_without_them(model, real, monkeypatch):
    monkeypatch.setattr(TwoWays, "inputs", ())
    given = examples.spread(model, real, 4)
    np.testing.assert_array_equal(given["b"], real["b"][[0, 13, 26, 39]])
    assert given.keys() == {"a", "b"}
    assert examples.spread(model, None, 4) == {}


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
        evaluator = DistributionEvaluator(images, extractor, inputs=real, **options)
        return evaluator, evaluator.measure(model, ["frechet_distance"])

    evaluator, of_b = measured(output="a_to_b")
    # One that resembles no element of its own is compared with one by name.
    assert measured(output="a_to_b", element="a")[1] == of_b
    for options, said in (
        ({}, "output is None. TwoWays has samples a_to_b, b_to_a that can be measured"),
        ({"output": "a_to_b", "element": "c"}, "element 'c'. .* elements a, b. Name"),
    ):
        with pytest.raises(InputError, match=said):
            measured(**options)[0].check(["frechet_distance"], model)
    assert "networks as trained, seed 0" in evaluator.protocol(model)
    # These are dark, and the real ones bright.
    model.to_b.set_weights([np.zeros((1, 1)), np.full(1, 0.5)])
    _, closer = measured(output="a_to_b")
    assert closer["frechet_distance"] < 0.7 * of_b["frechet_distance"]
    with pytest.raises(InputError, match=r"'cycled'.*a_to_b, b_to_a"):
        measured(output="cycled")[0].check(["frechet_distance"], model)
    with pytest.raises(InputError, match="no rows of it"):
        alone = DistributionEvaluator(images, extractor, output="a_to_b")
        alone.check(["frechet_distance"], model)
    twice = Images(np.concatenate([real["a"]] * 2))
    with pytest.raises(InputError, match="40 rows of b"):
        DistributionEvaluator(twice, extractor, 60, inputs=real)
    # A count that nobody gave fits.
    assert DistributionEvaluator(twice, extractor, inputs=real).count == 40
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
class Domains:
    """Pictures a and pictures b, of which none are pairs."""

    a: Images
    b: Images
    summary = "Pictures of two kinds."
    files = digests = None

    def __len__(self):
        return max(len(self.a), len(self.b))

    @property
    def skipped(self):
        return (*self.a.skipped, *self.b.skipped)

    def steps_per_epoch(self, count):
        return len(self) // count

    def split(self, share, seed):
        parts = zip(self.a.split(share, seed), self.b.split(share, seed), strict=True)
        return tuple(Domains(*part) for part in parts)


class Shift(Evaluator):
    """How much brighter held-out pictures become: a measure with nothing beside it."""

    measures: ClassVar = {
        "shift": Quantity("Shift", "higher", "Mean of b less a.", when="training"),
        "shift_std": Quantity("its deviation", None, "Of the shift."),
    }

    def __init__(self, held_out, draws=1):
        self.held_out, self.draws = held_out, draws

    def measure(self, model, names=None):
        rows = {name: getattr(self.held_out, name).array[:8] for name in "ab"}
        made = model.samples(8, examples=rows)
        shift = made["a_to_b"].astype(float) - made["a"]
        values = {"shift": shift.mean(), "shift_std": shift.std()}
        return {name: values[name] for name in names or values}

    def protocol(self, model):
        return f"8 pictures that are held out, draws {self.draws}"

    def thorough(self, count, seed):
        return Shift(self.held_out, draws=5)


@dataclasses.dataclass(frozen=True)
class TwoWaysRecipe(Recipe):
    """Pictures of two sources."""

    family: ClassVar[str] = "two-ways"
    sources: ClassVar[tuple[str, ...]] = ("a", "b")

    a: str = setting("digits", "source of pictures a", location=True)
    b: str = setting("digits", "source of pictures b", location=True)

    def read(self, *, facts=None):
        return Domains(datasets.read(self.a), datasets.read(self.b))

    def facts(self, data):
        return {name: len(getattr(data, name)) for name in "ab"}

    def examples(self, data):
        return {"a": data.a.array, "b": data.b.array}

    def batches(self, data, model, first_step, context):
        parts = [
            images.batches(
                self.batch_size, seed=seed, first_step=first_step, context=context
            )
            for seed, images in enumerate((data.a, data.b))
        ]
        return tf.data.Dataset.zip(*parts)

    def held_out_batches(self, data, model):
        count = min(len(data.a), len(data.b))
        parts = (images.in_order(8, most=count) for images in (data.a, data.b))
        return tf.data.Dataset.zip(*parts)

    def build(self, facts):
        model = TwoWays()
        model.compile()
        return model

    def evaluators(self, data, held_out):
        rows, found = self.examples(data), {}
        for output, images in (("a_to_b", data.b), ("b_to_a", data.a)):
            extractor = features.get(self.features, images)
            found[output] = DistributionEvaluator(
                images, extractor, 12, output=output, inputs=rows
            )
        return {**found, "held_out": Shift(held_out)}


@pytest.fixture(scope="module")
def sources(real, tmp_path_factory):
    """Settings of a run on the pictures of two files."""
    folder = tmp_path_factory.mktemp("sources")
    for name, rows in real.items():
        np.savez(folder / f"{name}.npz", images=rows)
    return {name: f"npz:{folder / name}.npz" for name in "ab"}


SETTINGS = {
    **{"steps": 8, "batch_size": 8, "evaluate_steps": 3, "features": "pixels"},
    **{"checkpoint_steps": 3, "sample_steps": 4, "validation": "0.25"},
}


@pytest.fixture(scope="module")
def run(sources, deterministic, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run"
    recipe = TwoWaysRecipe("two ways", **SETTINGS, **sources)
    return training.train(recipe, path)


MEASURED = {
    "a_to_b_frechet_distance": "a to b: Fréchet distance",
    "b_to_a_frechet_distance": "b to a: Fréchet distance",
    "shift": "Shift",
}


def test_a_run_of_two_sources_is_measured_by_all_evaluators(run):
    path = run.run.path
    header, *rows = (path / "measures.csv").read_text().splitlines()
    assert header.split(",") == ["epoch", "step", *MEASURED]
    assert [row.split(",")[1] for row in rows] == ["3", "6", "8"]
    assert run.measures["measures"].keys() == {
        *MEASURED,
        "a_to_b_kernel_distance",
        "b_to_a_kernel_distance",
    }
    beside = run.measures["between_halves"]
    assert beside.keys() == run.measures["measures"].keys() - {"shift"}
    # Dark pictures are far from bright ones, whichever way.
    for name in ("a_to_b_frechet_distance", "b_to_a_frechet_distance"):
        assert run.measures["measures"][name] > 2 * beside[name]
    best = json.loads((path / "best/best.json").read_text())
    assert best["measure"] == "a_to_b_frechet_distance"
    assert "; held out: 8 pictures that are held out" in best["protocol"]
    assert "val_loss" in (path / "metrics.csv").read_text()
    config = json.loads((path / "config.json").read_text())
    assert config["data"] == {"a": 60, "b": 40}
    assert "data" not in config["settings"]


def test_its_measures_are_those_of_each_evaluator_alone(run):
    recipe = run.run.recipe
    parts = recipe.evaluators(*recipe.divided(run.run.read_data()))
    alone = parts["b_to_a"].measure(run.model, ["frechet_distance"])
    together = run.measures["measures"]["b_to_a_frechet_distance"]
    assert alone["frechet_distance"] == together
    assert parts["held_out"].measure(run.model)["shift"] == pytest.approx(
        run.measures["measures"]["shift"]
    )


def test_tensorboard_has_the_measures_of_all(run):
    tags = {
        value.tag
        for file in (run.run.path / "tensorboard").rglob("events.*")
        for event in summary_iterator(str(file))
        for value in event.summary.value
    }
    assert tags >= MEASURED.keys()


def test_it_resumes_as_if_never_cut(run, sources, tmp_path):
    recipe = TwoWaysRecipe("two ways", **{**SETTINGS, "steps": 5}, **sources)
    training.train(recipe, tmp_path / "run")
    resumed = training.train(run.run.recipe, tmp_path / "run", resume=True)
    for one, other in zip(
        run.model.get_weights(), resumed.model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    for name in ("measures.csv", "evaluation.json"):
        ours, theirs = (r.run.path / name for r in (run, resumed))
        assert ours.read_text() == theirs.read_text()


def test_each_of_its_sources_is_named_when_it_moved(run, sources, tmp_path, capsys):
    path = shutil.copytree(run.run.path, tmp_path / "run")
    moved = tmp_path / "moved.npz"
    for file in (path / "config.json", path / "checkpoints" / "config.json"):
        file.write_text(file.read_text().replace(sources["b"], f"npz:{moved}"))
    argv = ["--resume", "--run-dir", str(path), "--no-export"]
    assert train.main(argv) == 2
    said = capsys.readouterr().err
    assert f"{argv[1]} {path} --b npz:PATH." in said and "--a " not in said
    shutil.copy(sources["b"].removeprefix("npz:"), moved)
    assert train.main([*argv, "--steps", "9"]) == 0


def test_each_of_its_sources_is_an_option(sources, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(recipes.RECIPES, "two-ways", TwoWaysRecipe("two", **SETTINGS))
    assert train.main(["two-ways", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "--a STR" in shown and "--b STR" in shown and "--data STR" not in shown
    path = tmp_path / "run"
    argv = ["two-ways", "--run-dir", str(path), "--no-export", "--steps", "2"]
    options = [word for name in "ab" for word in (f"--{name}", sources[name])]
    assert train.main([*argv, *options]) == 0
    assert "two-ways: 45 examples, 5 steps an epoch" in capsys.readouterr().out
    assert runs.Run.open(path).recipe.data_words == " and ".join(sources.values())
    other = tmp_path / "other"
    argv = ["two-ways", *options, "--run-dir", str(other), "--validation", "digits"]
    assert train.main(argv) == 2
    assert "validation is 'digits'. Give a share" in capsys.readouterr().err


def test_it_is_sampled_and_evaluated(run, tmp_path, capsys):
    path = run.run.path
    out = tmp_path / "samples.png"
    assert sample.main([str(path), "--out", str(out), "--count", "3"]) == 0
    with Image.open(out) as picture:
        assert picture.width > picture.height  # four columns of three rows
    argv = [str(path), "--out", str(out), "--truncation", "0.7"]
    assert sample.main(argv) == 2
    said = capsys.readouterr()
    assert "3 rows of a, a to b, b, b to a in" in said.out
    assert "--truncation is 0.7, and TwoWays draws no latent vectors" in said.err
    assert len([*(path / "samples").iterdir()]) == 3
    argv = ["evaluate", str(path), "--samples", "12", "--out", str(tmp_path)]
    argv += ["--features", "pixels"]
    assert keras_gan_command.main(argv) == 0
    printed = capsys.readouterr().out
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    # The same images as in the run itself, and the same samples.
    for name, value in run.measures["measures"].items():
        assert metrics["measures"][name] == pytest.approx(value, rel=1e-6)
    assert metrics["samples"] == {"a_to_b": 12, "b_to_a": 12}
    assert metrics["data"] == run.run.recipe.data_words
    assert "shift_std" in metrics["measures"]  # by the command alone
    assert "draws 5" in metrics["protocol"]
    assert metrics["nearest"] is None
    page = (tmp_path / "report.html").read_text()
    assert "not chosen: a, a to b, b, b to a." in page
    for title in MEASURED.values():
        assert f"{title} " in printed
        assert f"<h3>{title}</h3>" in page and f">{title} <span" in page
    assert all(f"<h3>{name}</h3>" in page for name in ("loss", "real a", "fake b"))
    assert "objective" not in page


def test_an_experiment_on_one_set_of_images_refuses_it(run):
    with pytest.raises(InputError, match=r"a\.npz and .*gives no one set of images"):
        TrainedRun.load(run.run.path)


def test_measures_with_one_name_are_refused():
    one = Shift(None)
    with pytest.raises(InputError, match=r"two measures of .* are called b_shift"):
        together({"a": Named("b_shift"), "b": one, "c": one})
    assert together({"a": one}) is one
    assert together({}) is None


class Named(Evaluator):
    """Has one measure of a name."""

    def __init__(self, name):
        self.measures = {name: Quantity("One", "lower", "It.")}
