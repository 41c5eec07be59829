"""Processes of the contract tests: one that dies as it trains, and one that goes on.

`python processes.py killed FOLDER`, then `python processes.py later FOLDER`.
"""

import os
import signal
import sys
from pathlib import Path

import families
import keras
import numpy as np
import tensorflow as tf

from keras_gan import distribution, seeding
from keras_gan.callbacks import Checkpoint

CHECKPOINT, DEATH = 4, 5  # steps, both in the second epoch


class Then(keras.callbacks.Callback):
    """Calls a function in the middle of a `fit`."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.step) == DEATH:
            self.function()


def killed(folder, names=tuple(families.QUICK)):
    """Trains each family in the middle of the training before, and dies in all."""
    if not names:
        os.kill(os.getpid(), signal.SIGKILL)
    name, *others = names
    checkpoint = Checkpoint(folder / name, every_steps=CHECKPOINT, keep=1)
    then = Then(lambda: killed(folder, others))
    families.train(families.FAMILIES[name](), callbacks=[checkpoint, then])


def later(folder):
    """Writes what comes of each family in a process that has two devices."""
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration()] * 2,
    )
    keras.utils.set_random_seed(99)
    # One for all: those of a second one have the numbers of the first one's exchanges.
    mirrored = distribution.create("mirrored")
    for name in families.QUICK:
        build = families.FAMILIES[name]
        loaded = keras.models.load_model(folder / f"{name}.keras", safe_mode=True)
        write(folder / f"{name}.made.npz", **families.results(loaded))
        families.train(loaded)
        write(folder / f"{name}.loaded.npz", **families.state(loaded))

        # Into the model that has trained on: what the checkpoint lacks stays too new.
        checkpoint = Checkpoint(folder / name)
        assert checkpoint.restore(loaded)
        assert int(loaded.step) == CHECKPOINT
        if name == "gan":  # and into a new model, as --resume does
            new = build()
            assert Checkpoint(folder / name).restore(new)
            restored = families.state(loaded)
            assert families.state(new).keys() == restored.keys()
            for key, value in families.state(new).items():
                np.testing.assert_array_equal(value, restored[key], err_msg=key)
        families.train(loaded, callbacks=[checkpoint])
        write(folder / f"{name}.resumed.npz", **families.state(loaded))

        with mirrored.scope():
            shared = build()
        means = families.train(shared)
        write(folder / f"{name}.replicas.npz", **families.state(shared), **means)
    seed = tf.constant([1, 2], "int64")
    drawn = mirrored.run(lambda: seeding.normal((4, 3), seed))
    write(folder / "drawn.npz", drawn=np.concatenate(drawn.values))


def write(path, **values):
    # Names with a slash would be folders in the file.
    np.savez(path, **{name.replace("/", "|"): v for name, v in values.items()})


if __name__ == "__main__":
    seeding.make_deterministic()
    {"killed": killed, "later": later}[sys.argv[1]](Path(sys.argv[2]))
