"""Measures during training, and the best model kept."""

import csv
import json
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.summary.summary_iterator import summary_iterator

from keras_gan import DCGAN, InputError, datasets
from keras_gan.callbacks import (
    Checkpoint,
    Evaluate,
    MetricsCSV,
    Progress,
    StopAfter,
    StopOnSignal,
    restore_newest,
)
from keras_gan.evaluators import DistributionEvaluator
from keras_gan.features import RandomNetwork

pytestmark = pytest.mark.usefixtures("deterministic")
STEPS = 5


@pytest.fixture(scope="module")
def images():
    digits = datasets.read("digits")
    return datasets.read((digits.array[:40], digits.labels[:40]))


@pytest.fixture(scope="module")
def real(images):
    return DistributionEvaluator(images, RandomNetwork(images))


class Scripted(DistributionEvaluator):
    """Real images of which one measure goes through given values."""

    def script(self, values, name="frechet_distance"):
        self.name, self.values = name, iter(values)
        return self

    def measure(self, gan, names=None):
        return {**super().measure(gan, names), self.name: next(self.values)}


@pytest.fixture
def scripted(images):
    return Scripted(images, RandomNetwork(images))


def make_gan(seed=3):
    gan = DCGAN((8, 8, 1), 4, 2, seed=seed)
    gan.compile(
        keras.optimizers.Adam(1e-2), keras.optimizers.Adam(1e-2), generator_average=0.9
    )
    return gan


def fit(gan, images, epochs, callbacks):
    step = int(gan.step.numpy())
    return gan.fit(
        images.batches(8, first_step=step),
        steps_per_epoch=STEPS,
        initial_epoch=step // STEPS,
        epochs=epochs,
        callbacks=callbacks,
        verbose=0,
    )


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def state(gan):
    return {
        name: [variable.numpy() for variable in variables]
        for name, variables in gan.training_state().items()
    }


def assert_same(a, b):
    for name, values in a.items():
        for x, y in zip(values, b[name], strict=True):
            np.testing.assert_array_equal(x, y, err_msg=name)


def test_values_are_those_of_the_model_at_that_epoch(images, real, tmp_path):
    names = ["frechet_distance", "recall"]
    expected = {}

    class ByHand(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            expected[epoch] = real.measure(self.model, names)

    gan, path = make_gan(), tmp_path / "m.csv"
    evaluate = Evaluate(real, names, every_epochs=3, path=path)
    history = fit(gan, images, 8, [evaluate, ByHand()]).history
    table = rows(path)
    assert [row["epoch"] for row in table] == ["2", "5", "7"]  # the last one too
    for row in table:
        values = expected[int(row["epoch"])]
        assert {name: float(row[name]) for name in names} == values
    assert history["frechet_distance"] == [
        expected[epoch]["frechet_distance"] for epoch in (2, 5, 7)
    ]


def test_it_changes_nothing_in_training(images, real, tmp_path):
    alone, watched = make_gan(), make_gan()
    fit(alone, images, 3, [MetricsCSV(tmp_path / "alone.csv")])
    evaluate = Evaluate(real, path=tmp_path / "m.csv", best_directory=tmp_path / "best")
    fit(watched, images, 3, [evaluate, MetricsCSV(tmp_path / "watched.csv")])
    alone.generate(1), watched.generate(1)  # draws from the model's own sequence
    assert_same(state(alone), state(watched))
    np.testing.assert_array_equal(alone.generate(4), watched.generate(4))
    assert (tmp_path / "alone.csv").read_text() == (
        tmp_path / "watched.csv"
    ).read_text()


def test_callbacks_after_it_see_the_values(images, real, tmp_path, capsys):
    callbacks = [
        Evaluate(real, every_epochs=2, path=tmp_path / "m.csv"),
        Progress(8, 4 * STEPS, measures={"Fréchet distance": "frechet_distance"}),
        keras.callbacks.TensorBoard(tmp_path / "tb", write_graph=False),
        keras.callbacks.CSVLogger(tmp_path / "keras.csv"),
    ]
    fit(make_gan(), images, 4, callbacks)
    values = [float(row["frechet_distance"]) for row in rows(tmp_path / "m.csv")]
    written = {
        event.step: float(tf.make_ndarray(value.tensor))
        for path in (tmp_path / "tb").rglob("events.*")
        for event in summary_iterator(str(path))
        for value in event.summary.value
        if value.tag == "epoch_frechet_distance"
    }
    assert written == pytest.approx({1: values[0], 3: values[1]})
    assert f"Fréchet distance={values[1]:.4g}" in capsys.readouterr().err
    assert len(rows(tmp_path / "keras.csv")) == 4


def test_progress_keeps_the_newest_value(images, scripted, capsys):
    evaluate = Evaluate(scripted.script([12.345678]), every_steps=6)
    progress = Progress(8, 10, measures={"Fréchet distance": "frechet_distance"})
    progress.every_steps = 3  # within an epoch of five steps
    shown = {}

    class Shown(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            shown[int(self.model.step.numpy())] = dict(progress._shown)

    class NotAtTheEnd(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            evaluate._is_due = lambda epoch: False

    fit(make_gan(), images, 2, [NotAtTheEnd(), evaluate, progress, Shown()])
    assert shown[2] == {}
    assert shown[3].keys() == shown[5].keys() == {"D loss", "G loss", "D(x)", "D(G(z))"}
    assert shown[6]["Fréchet distance"] == shown[9]["Fréchet distance"] == "12.35"
    assert shown[9]["D loss"] != shown[6]["D loss"]
    line = capsys.readouterr().err.replace("\n", "\r").rstrip("\r").split("\r")[-1]
    assert "epoch 2" in line and "Fréchet distance=12.35" in line


def test_measures_come_by_steps_whatever_the_length_of_an_epoch(images, real, tmp_path):
    def run(path, gan, *callbacks):
        best, log = path / "best", path / "m.csv"
        evaluate = Evaluate(real, path=log, best_directory=best, every_steps=7)
        fit(gan, images, 4, [*callbacks[:-1], evaluate, *callbacks[-1:]])
        return [(row["epoch"], row["step"]) for row in rows(log)]

    whole, parts = tmp_path / "whole", tmp_path / "parts"
    expected = [("1", "7"), ("2", "14"), ("3", "20")]  # the last step too
    whole.mkdir(), parts.mkdir()
    assert run(whole, make_gan()) == expected
    steps = run(parts, make_gan(), StopAfter(12), Checkpoint(parts / "c"))
    assert steps == [("1", "7"), ("2", "12")]
    gan, checkpoint = make_gan(), Checkpoint(parts / "c")
    assert checkpoint.restore(gan)
    assert run(parts, gan, checkpoint) == expected
    assert (parts / "m.csv").read_text() == (whole / "m.csv").read_text()
    best = [(path / "best" / "best.json").read_text() for path in (whole, parts)]
    assert best[0] == best[1]


def best_step(folder):
    (path,) = folder.glob("ckpt-*.index")
    return int(path.stem[5:])


def test_the_best_model_is_kept_whole(images, scripted, tmp_path):
    states = {}

    class Recorded(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            states[epoch] = state(self.model)

    seconds = tf.Variable(7.5, dtype="float64")
    evaluate = Evaluate(
        scripted.script([5.0, 3.0, 4.0, 3.0]),
        best_directory=tmp_path,
        extra_variables={"seconds": seconds},
    )
    fit(make_gan(), images, 4, [evaluate, Recorded()])
    assert best_step(tmp_path) == 2 * STEPS
    facts = json.loads((tmp_path / "best.json").read_text())
    protocol = facts.pop("protocol")
    assert facts == {
        "measure": "frechet_distance",
        "value": 3.0,
        "epoch": 2,
        "step": 2 * STEPS,
    }
    assert "20 generated images against 20 of the 40" in protocol

    restored = make_gan(seed=99)
    seconds.assign(0.0)
    assert restore_newest(restored, tmp_path, {"seconds": seconds})
    assert seconds.numpy() == 7.5
    assert_same(state(restored), states[1])
    # Training goes on from it as it did from there.
    restored.seed = 3
    fit(restored, images, 4, [])
    assert_same(state(restored), states[3])


def test_the_highest_is_best_where_higher_is_better(images, scripted, tmp_path):
    evaluate = Evaluate(
        scripted.script([0.5, 0.7, 0.6], "recall"),
        ["frechet_distance", "recall"],
        best_directory=tmp_path,
        best="recall",
    )
    fit(make_gan(), images, 3, [evaluate])
    facts = json.loads((tmp_path / "best.json").read_text())
    assert (facts["measure"], facts["value"], facts["epoch"]) == ("recall", 0.7, 2)


def test_a_resumed_run_replaces_the_best_by_a_better_one_only(
    images, scripted, tmp_path
):
    def run(values, epochs, again=False):
        gan = make_gan()
        checkpoint = Checkpoint(tmp_path / "checkpoints")
        assert checkpoint.restore(gan) is again
        evaluate = Evaluate(
            scripted.script(values), path=tmp_path / "m.csv", best_directory=best
        )
        fit(gan, images, epochs, [evaluate, checkpoint])
        return json.loads((best / "best.json").read_text())["value"], best_step(best)

    best = tmp_path / "best"
    assert run([3.0, 5.0], 2) == (3.0, STEPS)
    assert run([4.0, 3.5], 4, again=True) == (3.0, STEPS)
    assert run([2.0], 5, again=True) == (2.0, 5 * STEPS)
    values = [
        (row["epoch"], row["frechet_distance"]) for row in rows(tmp_path / "m.csv")
    ]
    assert values == [
        ("0", "3.0"),
        ("1", "5.0"),
        ("2", "4.0"),
        ("3", "3.5"),
        ("4", "2.0"),
    ]
    # Measured in another way, the old value does not compare.
    scripted.seed = 1
    assert run([9.0], 6, again=True) == (9.0, 6 * STEPS)


def test_a_new_run_leaves_the_best_model_of_another(images, scripted, tmp_path):
    def run(values):
        evaluate = Evaluate(
            scripted.script(values), path=tmp_path / "m.csv", best_directory=tmp_path
        )
        fit(make_gan(), images, len(values), [evaluate])

    run([2.0, 1.0])
    with pytest.raises(InputError, match="another training"):
        run([0.5])
    assert json.loads((tmp_path / "best.json").read_text())["value"] == 1.0
    assert [row["epoch"] for row in rows(tmp_path / "m.csv")] == ["0", "1"]


def test_resumed_in_the_middle_of_an_epoch_it_ends_the_same(images, real, tmp_path):
    def run(path, gan, epochs, *callbacks):
        evaluate = Evaluate(
            real, every_epochs=2, path=path / "m.csv", best_directory=path / "best"
        )
        fit(gan, images, epochs, [*callbacks[:-1], evaluate, callbacks[-1]])

    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    run(tmp_path / "a", make_gan(), 5, Checkpoint(tmp_path / "a" / "c"))
    checkpoints = tmp_path / "b" / "c"
    first, second = make_gan(), make_gan()
    run(tmp_path / "b", first, 5, StopAfter(12), Checkpoint(checkpoints))
    # Stopped in the third epoch, it was measured there: training had ended.
    assert [row["epoch"] for row in rows(tmp_path / "b" / "m.csv")] == ["1", "2"]
    checkpoint = Checkpoint(checkpoints)
    assert checkpoint.restore(second)
    run(tmp_path / "b", second, 5, checkpoint)
    whole, resumed = (tmp_path / run / "m.csv" for run in "ab")
    assert [row["epoch"] for row in rows(whole)] == ["1", "3", "4"]
    assert whole.read_text() == resumed.read_text()


def test_a_signal_is_obeyed_without_a_measurement(images, real, tmp_path):
    signals = StopOnSignal()

    class Signalled(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if int(self.model.step.numpy()) == STEPS + 2:
                signals._receive(15, None)

    evaluate = Evaluate(real, path=tmp_path / "m.csv", signals=signals)
    gan = make_gan()
    fit(gan, images, 4, [Signalled(), signals, evaluate])
    assert int(gan.step.numpy()) == STEPS + 2
    assert [row["epoch"] for row in rows(tmp_path / "m.csv")] == ["0"]


def test_a_run_that_diverged_is_told_of_once_and_never_best(
    images, real, tmp_path, capsys
):
    class Poisoned(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                weight = self.model.generator.trainable_weights[0]
                weight.assign(np.full(weight.shape, np.nan))

    evaluate = Evaluate(real, path=tmp_path / "m.csv", best_directory=tmp_path)
    fit(make_gan(), images, 4, [Poisoned(), evaluate])
    values = [float(row["frechet_distance"]) for row in rows(tmp_path / "m.csv")]
    assert math.isfinite(values[0]) and all(map(math.isnan, values[1:]))
    assert best_step(tmp_path) == STEPS
    warnings = [line for line in capsys.readouterr().err.splitlines() if line]
    assert len(warnings) == 1
    assert warnings[0].startswith("step 10: the run has diverged: ")


def test_other_measures_after_a_resume_get_columns_of_their_own(images, real, tmp_path):
    gan, path = make_gan(), tmp_path / "m.csv"
    for epochs, names in ((1, ["frechet_distance"]), (2, ["recall"])):
        fit(gan, images, epochs, [Evaluate(real, names, path=path)])
    first, second = rows(path)
    assert list(first) == ["epoch", "step", "frechet_distance", "recall"]
    assert first["recall"] == second["frechet_distance"] == ""
    assert float(second["recall"]) == real.measure(gan, ["recall"])["recall"]


def test_what_cannot_be_measured_is_refused(images, real):
    with pytest.raises(InputError, match="every_epochs is 0"):
        Evaluate(real, every_epochs=0)
    with pytest.raises(InputError, match="every_epochs is 2 and every_steps 9"):
        Evaluate(real, every_epochs=2, every_steps=9)
    for names in ([], "frechet_distance"):
        with pytest.raises(InputError, match="a list of measures is accepted"):
            Evaluate(real, names)
    with pytest.raises(InputError, match=r"best is 'recall'.*frechet_distance"):
        Evaluate(real, best="recall")
    with pytest.raises(InputError, match="best is 'kernel_distance_std'"):
        Evaluate(real, ["kernel_distance_std"])
    with pytest.raises(InputError, match="class_score cannot be measured"):
        fit(make_gan(), images, 1, [Evaluate(real, ["class_score"])])


@pytest.mark.parametrize(
    ("shape", "classes", "count", "name", "words"),
    [
        ((8, 8, 1), None, 6, "class_accuracy", "class_accuracy cannot be measured"),
        ((8, 8, 1), None, 3, "precision", "precision needs 4 images in each half"),
        ((8, 8, 1), None, 5, "coverage", r"coverage needs 6 .* at least 12 images"),
        ((16, 8, 1), None, 6, "frechet_distance", "16x8x1, and the real .* 8x8x1"),
        ((8, 8, 1), 3, 6, "frechet_distance", r"label \d, and the model has 3 classes"),
    ],
)
def test_what_this_model_does_not_allow_is_refused_as_training_begins(
    images, shape, classes, count, name, words
):
    gan = DCGAN(shape, 4, 2, seed=3, num_classes=classes)
    gan.compile("sgd", "sgd")
    labelled = RandomNetwork(images)
    labelled.accuracy = 0.9  # a classifier's, which takes seconds to learn
    evaluate = Evaluate(DistributionEvaluator(images, labelled, count), [name])
    evaluate.set_model(gan)
    evaluate.set_params({"steps": 5, "epochs": 1})
    with pytest.raises(InputError, match=words):
        evaluate.on_train_begin()
