"""Callbacks in one process; tests/test_train.py kills and resumes real ones."""

import csv

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_gan import DCGAN, InputError, datasets, pictures
from keras_gan.callbacks import (
    Checkpoint,
    Diagnosis,
    DivergenceGuard,
    Evaluate,
    MetricsCSV,
    SampleGrid,
    StopAfter,
)
from keras_gan.callbacks.step_callback import LogCallback
from keras_gan.evaluators import DistributionEvaluator
from keras_gan.features import Pixels

pytestmark = pytest.mark.usefixtures("deterministic")
STEPS_PER_EPOCH = 5


@pytest.fixture(scope="module")
def images():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), "uint8")
    return datasets.read((pixels, np.arange(40) % 2))


def make_gan(base_filters=2, num_classes=None, seed=3):
    gan = DCGAN((8, 8, 1), 4, base_filters, num_classes, seed=seed)
    gan.compile(
        keras.optimizers.Adam(1e-2), keras.optimizers.Adam(1e-2), generator_average=0.9
    )
    return gan


def fit(gan, images, epochs, callbacks=(), initial_epoch=0, labels=False):
    gan.fit(
        images.batches(8, labels=labels, first_step=int(gan.step.numpy())),
        steps_per_epoch=STEPS_PER_EPOCH,
        initial_epoch=initial_epoch,
        epochs=epochs,
        callbacks=list(callbacks),
        verbose=0,
    )


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_resume_in_the_middle_of_an_epoch_is_exact(images, tmp_path):
    whole = make_gan()
    fit(whole, images, 4, [MetricsCSV(tmp_path / "whole.csv")])

    first = make_gan()
    log = tmp_path / "resumed.csv"
    fit(
        first,
        images,
        4,
        [StopAfter(steps=12), MetricsCSV(log), Checkpoint(tmp_path / "checkpoints")],
    )
    assert int(first.step.numpy()) == 12

    second = make_gan(seed=99)  # its own weights must not matter, only its seed would
    second.seed = 3
    checkpoint = Checkpoint(tmp_path / "checkpoints")
    assert checkpoint.restore(second)
    assert int(second.step.numpy()) == 12
    fit(second, images, 4, [MetricsCSV(log), checkpoint], initial_epoch=2)

    assert int(second.step.numpy()) == 20
    for name, variables in whole.training_state().items():
        for a, b in zip(variables, second.training_state()[name], strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=name)
    assert log.read_text() == (tmp_path / "whole.csv").read_text()


def test_checkpoints_come_every_so_many_steps_and_the_oldest_go(images, tmp_path):
    fit(make_gan(), images, 2, [Checkpoint(tmp_path, every_steps=3, keep=2)])
    saved = {path.stem for path in tmp_path.glob("ckpt-*.index")}
    assert saved == {"ckpt-9", "ckpt-10"}


def test_an_epochs_metrics_are_written_before_the_checkpoint_of_its_end(
    images, tmp_path
):
    log, seen = tmp_path / "m.csv", {}

    class Recorded(Checkpoint):
        def save(self, step):
            if step:
                seen[step] = [row["epoch"] for row in rows(log)]
            super().save(step)

    callbacks = [MetricsCSV(log, 5), Recorded(tmp_path / "c", every_steps=5)]
    fit(make_gan(), images, 2, callbacks)
    assert seen == {5: ["0"], 10: ["0", "1"]}


def test_restore_says_that_there_is_nothing(tmp_path):
    assert not Checkpoint(tmp_path / "none").restore(make_gan())


def test_broken_checkpoint_gives_way_to_the_one_before(images, tmp_path):
    gan = make_gan()
    fit(gan, images, 2, [Checkpoint(tmp_path, every_steps=5, keep=2)])
    newest = tmp_path / "ckpt-10.data-00000-of-00001"
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 255
    newest.write_bytes(content)
    with pytest.warns(UserWarning, match="ckpt-10"):
        assert Checkpoint(tmp_path).restore(gan)
    assert int(gan.step.numpy()) == 5

    (tmp_path / "ckpt-5.index").write_bytes(b"")
    with pytest.raises(InputError, match="ckpt-5"), pytest.warns(UserWarning):
        Checkpoint(tmp_path).restore(gan)


def test_checkpoint_of_another_model_is_refused(images, tmp_path):
    fit(make_gan(), images, 1, [Checkpoint(tmp_path)])
    with pytest.raises(InputError, match="another model"):
        Checkpoint(tmp_path).restore(make_gan(base_filters=3))


def test_also_saves_what_is_named(images, tmp_path):
    seconds = tf.Variable(12.5, dtype="float64")
    fit(
        make_gan(),
        images,
        1,
        [Checkpoint(tmp_path, extra_variables={"seconds": seconds})],
    )
    seconds.assign(0.0)
    Checkpoint(tmp_path, extra_variables={"seconds": seconds}).restore(make_gan())
    assert seconds.numpy() == 12.5


def test_metrics_csv_has_no_empty_columns(images, tmp_path):
    gan = make_gan()
    fit(gan, images, 3, [MetricsCSV(tmp_path / "m.csv", every_steps=5)])
    table = rows(tmp_path / "m.csv")
    assert [row["epoch"] for row in table] == ["0", "1", "2"]
    names = {metric.name for metric in gan.metrics}
    assert table[0].keys() == {"epoch", "step", *names}
    assert all(np.isfinite(float(value)) for row in table for value in row.values())


@pytest.mark.parametrize(
    ("every_steps", "expected"),
    [
        # Longer epochs have rows within them, and one at their end.
        (2, [(0, 2), (0, 4), (0, 5), (1, 6), (1, 8), (1, 10)]),
        # Shorter ones have rows at their ends only.
        (7, [(1, 10)]),
        (None, [(1, 10)]),  # where training ends
    ],
)
def test_rows_come_by_steps_with_means_of_their_own_steps(
    every_steps, expected, images, tmp_path
):
    values, path = [0.0], tmp_path / "m.csv"

    class Recorded(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            total = float(self.model.metrics[0].variables[0].numpy())
            values.append(total - (sum(values[-batch:]) if batch else 0))

    fit(make_gan(), images, 2, [MetricsCSV(path, every_steps), Recorded()])
    table = rows(path)
    assert [(int(row["epoch"]), int(row["step"])) for row in table] == expected
    before = 0
    for row in table:
        step, begin = int(row["step"]), 5 * int(row["epoch"])
        mean = np.mean(values[max(before, begin) + 1 : step + 1])
        assert float(row["discriminator_loss"]) == pytest.approx(mean, rel=1e-5)
        before = step


class Points(LogCallback):
    """Keeps the points of the log."""

    def __init__(self, every_steps):
        super().__init__(every_steps)
        self.points = []

    def on_point(self, epoch, step, means):
        self.points.append((epoch, step, means))


def test_points_are_the_same_whoever_else_looks_at_their_steps(images):
    class GoBack(keras.callbacks.Callback):
        """Resets the means in the middle of an epoch, as `DivergenceGuard` does."""

        def on_train_batch_end(self, batch, logs=None):
            if int(self.model.step) == 8:
                self.model.reset_metrics()

    def points_of(*intervals):
        callbacks = [Points(n) for n in intervals]
        gan = make_gan()
        gan.steps_per_execution = 2
        fit(gan, images, 2, [GoBack(), *callbacks, Diagnosis(images.array, 8)])
        # The next training begins at the step at which this one ended.
        fit(gan, images, 2, callbacks)
        return [callback.points for callback in callbacks]

    intervals = 2, 3
    together = points_of(*intervals)
    for interval, points in zip(intervals, together, strict=True):
        assert len(points) >= 4 and points_of(interval) == [points]


@pytest.mark.parametrize("stop", [12, 15])
def test_a_resumed_run_has_the_rows_of_one_that_went_through(stop, images, tmp_path):
    whole, parts = tmp_path / "whole.csv", tmp_path / "parts.csv"
    fit(make_gan(), images, 4, [MetricsCSV(whole, 2)])
    folder = tmp_path / "c"
    first = [StopAfter(steps=stop), MetricsCSV(parts, 2), Checkpoint(folder)]
    fit(make_gan(), images, 4, first)
    kept = parts.read_text()
    for lost in False, True:
        # A killed run had written more, and a full disk had no room for the last row.
        end = kept[:-5] if lost else kept + "3,99,0,0,0,0,0\n"
        parts.write_text(end)
        gan, checkpoint = make_gan(), Checkpoint(folder, keep=9)
        for path in folder.glob("ckpt-20*"):
            path.unlink()
        assert checkpoint.restore(gan)
        fit(gan, images, 4, [MetricsCSV(parts, 2), checkpoint], stop // 5)
        assert parts.read_text() == whole.read_text()


def test_rows_of_older_versions_are_gone_on_with(images, tmp_path):
    path, folder = tmp_path / "m.csv", tmp_path / "c"
    fit(make_gan(), images, 2, [MetricsCSV(path, 5), Checkpoint(folder)])
    table = rows(path)
    names = [name for name in table[0] if name != "step"]
    lines = [",".join(names), *(",".join(row[name] for name in names) for row in table)]
    path.write_text("\n".join(lines) + "\n")
    gan, checkpoint = make_gan(), Checkpoint(folder)
    assert checkpoint.restore(gan)
    fit(gan, images, 3, [MetricsCSV(path, 5), checkpoint], 2)
    assert rows(path)[:2] == table
    assert [row["step"] for row in rows(path)] == ["5", "10", "15"]


def test_sample_grid_draws_the_same_latents_at_a_steady_rhythm(images, tmp_path):
    gan = make_gan()
    animation = tmp_path / "all.gif"
    grid = SampleGrid(tmp_path / "s", every_steps=4, count=6, animation=animation)
    fit(gan, images, 2, [grid])
    names = sorted(path.stem for path in (tmp_path / "s").iterdir())
    assert names == [f"step_{step:08d}" for step in (0, 4, 8, 10)]
    last = np.asarray(Image.open(tmp_path / "s" / "step_00000010.png"))
    factor = last.shape[1] // (3 * 9 - 1)
    drawn = last[: 8 * factor : factor, : 8 * factor : factor]
    np.testing.assert_array_equal(drawn, gan.generate(6, seed=0)[0, ..., 0])
    assert Image.open(animation).n_frames == 4


def test_sample_grid_of_a_conditional_model_shows_classes_together(images, tmp_path):
    gan = make_gan(num_classes=2)
    names = ["Covid-19", "Normal"]
    fit(gan, images, 1, [SampleGrid(tmp_path, class_names=names)], labels=True)
    picture = Image.open(tmp_path / "step_00000005.png")
    assert max(picture.size) < 1.5 * min(picture.size)
    drawing = pictures.drawing_of(gan, class_names=names)
    labels = np.repeat([0, 1], 32)
    # Both classes from the same latent vectors: they differ by their labels alone.
    latent = np.tile(gan.sample_latent(32, 0), (2, 1))
    expected = drawing.draw({"sample": gan.render(latent, labels)}, labels)
    np.testing.assert_array_equal(np.asarray(picture), np.asarray(expected))


@pytest.mark.parametrize("count", [0, -3])
def test_sample_grid_refuses_a_count_below_one(tmp_path, count):
    with pytest.raises(InputError, match=f"count is {count}; it must be at least 1"):
        SampleGrid(tmp_path, count=count)


@pytest.mark.parametrize("steps_per_epoch", [3, 1000])
def test_pictures_come_by_steps_whatever_the_length_of_an_epoch(
    steps_per_epoch, images, tmp_path
):
    gan = make_gan()
    gan.step.assign(899)
    grid = SampleGrid(tmp_path, count=2)
    grid.set_model(gan)
    grid.on_train_begin()
    for step in range(899, 1600):
        batch = (step - 899) % steps_per_epoch
        if batch == 0:
            gan.step.assign(step)
            grid.on_epoch_begin(0)
        grid.on_train_batch_end(batch)
    names = sorted(int(path.stem[5:]) for path in tmp_path.iterdir())
    assert names == [899, 900, 1000, 1500]


def test_pictures_come_where_several_steps_run_at_a_time(images, tmp_path):
    gan = make_gan()
    gan.steps_per_execution = 3
    gan.fit(
        images.batches(8, first_step=0),
        steps_per_epoch=9,
        epochs=1,
        verbose=0,
        callbacks=[SampleGrid(tmp_path, every_steps=4, count=2)],
    )
    names = sorted(int(path.stem[5:]) for path in tmp_path.iterdir())
    assert names == [0, 6, 9]  # after 4 and after 8


def test_sample_grid_refuses_a_rhythm_of_no_steps(tmp_path):
    with pytest.raises(InputError, match="every_steps is 0"):
        SampleGrid(tmp_path, every_steps=0)


def test_missing_folders_are_made(images, tmp_path):
    checkpoint = Checkpoint(tmp_path / "a/checkpoints")
    callbacks = [
        DivergenceGuard(checkpoint, path=tmp_path / "b/new/divergences.json"),
        Evaluate(
            DistributionEvaluator(images, Pixels()),
            path=tmp_path / "c/new/measures.csv",
        ),
        MetricsCSV(tmp_path / "d/new/metrics.csv"),
        Diagnosis(images.array, path=tmp_path / "e/new/findings.json"),
        SampleGrid(tmp_path / "f/samples", animation=tmp_path / "g/new/all.gif"),
        checkpoint,
    ]
    fit(make_gan(), images, 1, callbacks)
    written = {path.name for path in tmp_path.glob("*/new/*")}
    assert written == {"measures.csv", "metrics.csv", "findings.json", "all.gif"}
    assert (tmp_path / "b/new").is_dir()  # for what did not happen


def test_a_folder_that_cannot_be_made_is_known_as_training_begins(images, tmp_path):
    (tmp_path / "file").write_text("")
    gan = make_gan()
    with pytest.raises(OSError, match="file"):
        fit(gan, images, 1, [MetricsCSV(tmp_path / "file/metrics.csv")])
    assert int(gan.step.numpy()) == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda path, images: Checkpoint(path),
        lambda path, images: MetricsCSV(path / "m.csv"),
        lambda path, images: Evaluate(DistributionEvaluator(images, Pixels())),
    ],
)
def test_data_of_unknown_length(make, images, tmp_path):
    gan = make_gan()
    data = images.batches(8).filter(lambda batch: True)
    callback = make(tmp_path, images)
    message = f"{type(callback).__name__} counts .* give fit steps_per_epoch"
    with pytest.raises(InputError, match=message):
        gan.fit(data, epochs=2, callbacks=[callback], verbose=0)
    assert int(gan.step.numpy()) == 0
    gan.fit(data, epochs=2, steps_per_epoch=2, callbacks=[callback], verbose=0)


def test_stop_after_steps_counts_those_before_a_resume(images):
    gan = make_gan()
    fit(gan, images, 10, [StopAfter(steps=7)])
    assert int(gan.step.numpy()) == 7
    assert StopAfter(steps=7).reached(7)
    assert not StopAfter(steps=7).reached(6)


def test_stop_after_minutes_counts_those_before_a_resume(images):
    gan = make_gan()
    stop = StopAfter(minutes=1.0)
    stop.seconds.assign(60.0)
    assert stop.reached(0)
    fit(gan, images, 10, [stop])
    assert int(gan.step.numpy()) == 1
