"""Callbacks that raise: training ends with the reason and a checkpoint."""

import shutil

import keras
import numpy as np
import pytest

from keras_gan import DCGAN, datasets, runs
from keras_gan.callbacks import Checkpoint, Failsafe, MetricsCSV, StopOnSignal
from keras_gan.checkpoints import restore_newest

HOOKS = (
    "set_model",
    "on_train_begin",
    "on_epoch_begin",
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_epoch_end",
    "on_train_end",
)


@pytest.fixture(scope="module")
def images():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), "uint8")
    return datasets.read(pixels)


@pytest.fixture(scope="module")
def gan():
    gan = DCGAN((8, 8, 1), 4, 2, seed=3)
    gan.compile(keras.optimizers.Adam(), keras.optimizers.Adam())
    return gan


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("error", [OSError(28, "No space left"), ZeroDivisionError()])
def test_a_callback_that_fails_ends_training_with_everything_saved(
    hook, error, gan, images, tmp_path, capsys
):
    class Broken(keras.callbacks.Callback):
        calls = 0

    def fail(self, *arguments):
        self.calls += 1
        raise error

    setattr(Broken, hook, fail)
    gan.step.assign(0)
    broken = Broken()
    checkpoint = Checkpoint(tmp_path / "c")
    callbacks = [broken, MetricsCSV(tmp_path / "m.csv"), checkpoint]
    failsafe = Failsafe(callbacks)
    gan.fit(
        images.batches(8, first_step=0),
        steps_per_epoch=5,
        epochs=2,
        callbacks=[failsafe],
        verbose=0,
    )
    assert failsafe.failure.startswith("Broken failed at step ")
    assert type(error).__name__ in failsafe.failure
    assert broken.calls == 1
    step = int(gan.step)
    assert step == {"on_epoch_end": 5, "on_train_end": 10}.get(hook, 1)
    assert checkpoint.saved_step == step
    assert restore_newest(gan, tmp_path / "c").endswith(f"ckpt-{step}")
    told = capsys.readouterr().err
    assert failsafe.failure in told
    assert ("Traceback" in told) == isinstance(error, ZeroDivisionError)


def test_ctrl_c_passes_through(gan, images, tmp_path):
    class Interrupted(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyboardInterrupt

    signals = StopOnSignal()
    with pytest.raises(KeyboardInterrupt):
        gan.fit(
            images.batches(8, first_step=0),
            steps_per_epoch=5,
            callbacks=[Failsafe([signals, Interrupted()])],
            verbose=0,
        )
    signals.on_train_end()  # as Keras did not, it gives the handlers back


def test_tensorboard_that_cannot_write_is_told_of(train, tiny, tmp_path, capsys):
    path = tmp_path / "run"
    assert train.main([*tiny, "--steps", "5", "--run-dir", str(path)]) == 0
    shutil.rmtree(path / "tensorboard")
    (path / "tensorboard").write_text("no folder")
    resume = ["--resume", "--steps", "90", "--run-dir", str(path), "--no-export"]
    assert train.main(resume) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: TensorBoardPoints failed at step ")
    step = int(runs.load(path).step)
    assert 5 < step < 90
    assert error.endswith(f"--resume goes on from step {step}.")
    (path / "tensorboard").unlink()
    assert train.main(resume) == 0
