"""What another training left where a new one is told to write."""

import csv
import json

import keras
import numpy as np
import pytest
from PIL import Image

from keras_gan import DCGAN, InputError, datasets
from keras_gan.callbacks import (
    Checkpoint,
    Diagnosis,
    DivergenceGuard,
    Evaluate,
    MetricsCSV,
    SampleGrid,
    TensorBoardPoints,
    restore_newest,
)
from keras_gan.evaluators import DistributionEvaluator
from keras_gan.features import Pixels

STEPS_PER_EPOCH = 2


@pytest.fixture(scope="module")
def images():
    pixels = np.random.default_rng(0).integers(0, 256, (16, 8, 8, 1), "uint8")
    return datasets.read(pixels)


def make_gan(seed=3):
    gan = DCGAN((8, 8, 1), 4, 2, seed=seed)
    players = keras.optimizers.Adam(1e-3), keras.optimizers.Adam(1e-3)
    gan.compile(*players, run_eagerly=True)  # tracing would take longer
    return gan


def fit(gan, images, epochs, *callbacks):
    """Trains a model for so many epochs in all."""
    step = int(gan.step.numpy())
    gan.fit(
        images.batches(8, first_step=step),
        steps_per_epoch=STEPS_PER_EPOCH,
        initial_epoch=step // STEPS_PER_EPOCH,
        epochs=epochs,
        callbacks=list(callbacks),
        verbose=0,
    )


def weights(gan):
    return np.concatenate([w.numpy().ravel() for w in gan.generator.weights])


def checkpoints(folder):
    return {path.stem for path in folder.glob("ckpt-*.index")}


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def another(images, tmp_path_factory):
    """Folder of the checkpoints of another training, and its model."""
    folder = tmp_path_factory.mktemp("another")
    gan = make_gan(seed=9)
    fit(gan, images, 3, Checkpoint(folder, every_steps=2, keep=2))
    return folder, gan


def test_checkpoints_of_another_training_are_refused_untouched(images, another):
    folder, _ = another
    before = content(folder)
    gan = make_gan()
    checkpoint = Checkpoint(folder, every_steps=1)
    guard = DivergenceGuard(checkpoint, retries=1)
    with pytest.raises(InputError, match=r"steps 4, 6\), but this model has taken 0"):
        fit(gan, images, 1, guard, checkpoint)
    assert int(gan.step.numpy()) == 0
    assert content(folder) == before


def test_a_model_that_has_trained_elsewhere_is_refused_too(images, another):
    folder, other = another
    gan = make_gan()
    fit(gan, images, 3)
    assert int(gan.step.numpy()) == int(other.step.numpy())
    with pytest.raises(InputError, match="another training"):
        fit(gan, images, 4, Checkpoint(folder))


def test_fit_goes_on_with_a_new_checkpoint_object(images, tmp_path):
    gan = make_gan()
    for epochs in 1, 2:
        fit(gan, images, epochs, Checkpoint(tmp_path))
    assert "ckpt-4" in checkpoints(tmp_path)


def test_fit_goes_on_after_an_exception_in_the_middle(images, tmp_path):
    class Stops(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyboardInterrupt

    gan = make_gan()
    with pytest.raises(KeyboardInterrupt):
        fit(gan, images, 1, Checkpoint(tmp_path), Stops())
    assert (int(gan.step.numpy()), checkpoints(tmp_path)) == (1, {"ckpt-0"})
    fit(gan, images, 1, Checkpoint(tmp_path))
    assert "ckpt-3" in checkpoints(tmp_path)


def test_a_loaded_model_goes_on_from_the_checkpoint_of_its_state(images, tmp_path):
    gan = make_gan()
    fit(gan, images, 1, Checkpoint(tmp_path / "c"))
    gan.save(tmp_path / "gan.keras")
    loaded = keras.models.load_model(tmp_path / "gan.keras")
    fit(loaded, images, 2, Checkpoint(tmp_path / "c"))
    assert "ckpt-4" in checkpoints(tmp_path / "c")


def test_a_model_that_went_back_does_not_drop_what_came_after(images, tmp_path):
    gan = make_gan()
    fit(gan, images, 1, Checkpoint(tmp_path / "best"))
    fit(gan, images, 3, Checkpoint(tmp_path / "c"))
    restore_newest(gan, tmp_path / "best")
    before = content(tmp_path / "c")
    with pytest.raises(InputError, match="has taken 2 steps"):
        fit(gan, images, 2, Checkpoint(tmp_path / "c"))
    assert content(tmp_path / "c") == before


def test_fit_goes_on_from_the_checkpoint_before_a_broken_one(images, tmp_path):
    gan = make_gan()
    fit(gan, images, 2, Checkpoint(tmp_path, every_steps=2))
    (tmp_path / "ckpt-4.index").write_bytes(b"")
    resumed = make_gan()
    checkpoint = Checkpoint(tmp_path)
    with pytest.warns(UserWarning, match="ckpt-4"):
        checkpoint.restore(resumed)
    fit(resumed, images, 2, checkpoint)
    np.testing.assert_array_equal(weights(resumed), weights(gan))
    assert restore_newest(resumed, tmp_path) == str(tmp_path / "ckpt-4")


def test_untrained_state_of_another_model_gives_way(images, tmp_path):
    fit(make_gan(seed=9), images, 0, Checkpoint(tmp_path))  # killed before its step 1
    gan = make_gan()
    first = weights(gan)
    with pytest.raises(KeyboardInterrupt):
        fit(gan, images, 1, Checkpoint(tmp_path), _Interrupt())
    restored = make_gan(seed=5)
    restore_newest(restored, tmp_path)
    np.testing.assert_array_equal(weights(restored), first)


class _Interrupt(keras.callbacks.Callback):
    def on_train_batch_begin(self, batch, logs=None):
        raise KeyboardInterrupt


def test_best_model_of_another_training_is_refused_untouched(images, tmp_path):
    def evaluate():
        real = DistributionEvaluator(images, Pixels())
        return Evaluate(real, best_directory=tmp_path, path=tmp_path / "m.csv")

    gan = make_gan(seed=9)
    fit(gan, images, 1, evaluate())
    fit(gan, images, 2, evaluate())  # the same model may go on
    before = content(tmp_path)
    with pytest.raises(InputError, match="another training"):
        fit(make_gan(), images, 1, evaluate())
    assert json.loads(before["best.json"]) == json.loads(content(tmp_path)["best.json"])
    resumed = make_gan()
    restore_newest(resumed, tmp_path)
    fit(resumed, images, 3, evaluate())


def test_logs_and_pictures_of_another_training_are_set_aside(images, tmp_path, capsys):
    def callbacks():
        checkpoint = Checkpoint(tmp_path / "none")
        return [
            MetricsCSV(tmp_path / "metrics.csv"),
            DivergenceGuard(checkpoint, path=tmp_path / "divergences.json"),
            Diagnosis(images.array, path=tmp_path / "findings.json"),
            SampleGrid(tmp_path / "samples", 2, animation=tmp_path / "all.gif"),
            TensorBoardPoints(tmp_path / "tb"),
        ]

    other = make_gan(seed=9)
    fit(other, images, 2, *callbacks())
    fit(other, images, 3, *callbacks())
    (tmp_path / "findings.json").write_text('[{"epoch": 2}]')
    (tmp_path / "divergences.json").write_text('[{"step": 2}]')
    assert not list(tmp_path.glob("*.1*"))  # the same model went on
    rows = (tmp_path / "metrics.csv").read_text()
    events = content(tmp_path / "tb" / "train")
    capsys.readouterr()

    fit(make_gan(), images, 1, *callbacks())
    assert (tmp_path / "metrics.1.csv").read_text() == rows
    with (tmp_path / "metrics.csv").open(newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0"]
    assert json.loads((tmp_path / "findings.1.json").read_text()) == [{"epoch": 2}]
    assert json.loads((tmp_path / "findings.json").read_text()) == []
    assert json.loads((tmp_path / "divergences.1.json").read_text()) == [{"step": 2}]
    assert content(tmp_path / "tb" / "train.1") == events
    assert len(content(tmp_path / "tb" / "train")) == 1
    frames = {path.stem for path in (tmp_path / "samples.1").iterdir()}
    assert frames == {"step_00000002", "step_00000004", "step_00000006"}
    assert Image.open(tmp_path / "all.gif").n_frames == 2
    assert Image.open(tmp_path / "all.1.gif").n_frames == 4
    assert "metrics.1.csv" in capsys.readouterr().err


def test_the_animation_leaves_out_what_came_after_the_resumed_step(images, tmp_path):
    def callbacks():
        return [
            SampleGrid(tmp_path / "s", 2, animation=tmp_path / "all.gif"),
            Checkpoint(tmp_path / "c", every_steps=2),
        ]

    fit(make_gan(), images, 3, *callbacks())
    for path in (tmp_path / "c").glob("ckpt-[46]*"):
        path.unlink()  # the run died before it saved these
    resumed = make_gan()
    restore_newest(resumed, tmp_path / "c")
    fit(resumed, images, 2, *callbacks())
    assert Image.open(tmp_path / "all.gif").n_frames == 3
    assert len(list((tmp_path / "s").iterdir())) == 4  # but nothing is lost
