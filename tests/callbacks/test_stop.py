"""Signals to the process that trains, and training in another thread."""

import os
import signal
import threading

import keras
import numpy as np
import pytest

from keras_gan import DCGAN, datasets
from keras_gan.callbacks import StopOnSignal, TensorBoardPoints


@pytest.fixture(scope="module")
def images():
    pixels = np.random.default_rng(0).integers(0, 256, (16, 8, 8, 1), "uint8")
    return datasets.read(pixels)


class Sends(keras.callbacks.Callback):
    """Sends a signal to this process at the second step."""

    def __init__(self, number):
        super().__init__()
        self.number = number

    def on_train_batch_begin(self, batch, logs=None):
        if batch == 1:
            os.kill(os.getpid(), self.number)


def steps_of_fit(images, *callbacks):
    """Returns how many of four steps a fit takes."""
    gan = DCGAN((8, 8, 1), 4, 2, seed=3)
    players = keras.optimizers.Adam(1e-3), keras.optimizers.Adam(1e-3)
    gan.compile(*players, run_eagerly=True)
    gan.fit(images.batches(4), steps_per_epoch=4, callbacks=list(callbacks), verbose=0)
    return int(gan.step.numpy())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_training_after_its_step(number, images):
    def own(number, frame):
        """Stands for what the process did before: a terminal may ignore SIGHUP."""

    before = signal.signal(number, own)
    try:
        stop = StopOnSignal()
        assert steps_of_fit(images, stop, Sends(number)) == 2
        assert stop.received == number
        assert signal.getsignal(number) == own
    finally:
        signal.signal(number, before)


def test_nohup_keeps_a_closed_terminal_ignored(images):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        stop = StopOnSignal()
        assert steps_of_fit(images, stop, Sends(signal.SIGHUP)) == 4
        assert stop.received is None
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_fit_in_another_thread_trains(images, tmp_path):
    taken = []
    callbacks = [StopOnSignal(), TensorBoardPoints(tmp_path)]
    thread = threading.Thread(
        target=lambda: taken.append(steps_of_fit(images, *callbacks))
    )
    thread.start()
    thread.join()
    assert taken == [4]
    assert list((tmp_path / "train").iterdir())
