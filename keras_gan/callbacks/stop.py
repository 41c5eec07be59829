"""Ending `fit` early, with everything saved."""

import signal
import threading
import time

import keras
import numpy as np
import tensorflow as tf

from keras_gan.callbacks.step_callback import StepCallback
from keras_gan.distribution import workers_of


class StopAfter(StepCallback):
    """Ends training after a number of steps or minutes of the whole run.

    Args:
        steps: steps of the model at which training ends, or None.
        minutes: minutes of training, those before a resume included, or None.

    `seconds` is a `tf.Variable` with the time trained. To count on after a resume, save
    it with the model: `Checkpoint(..., extra_variables={"seconds": stop.seconds})`. It
    is set, and compared with `minutes`, once a second.

    Example:

    ```python
    from keras_gan.callbacks import StopAfter

    gan.fit(images.batches(64), epochs=50, callbacks=[StopAfter(steps=3)])
    assert int(gan.step) == 3
    ```
    """

    def __init__(self, steps: int | None = None, minutes: float | None = None):
        super().__init__()
        self.steps = steps
        self.minutes = minutes
        self.seconds = tf.Variable(0.0, dtype="float64", trainable=False)

    def minutes_left(self) -> float | None:
        """Returns the minutes that training may still take; None without a limit."""
        if self.minutes is None:
            return None
        return self.minutes - float(self.seconds.numpy()) / 60

    def reached(self, step: int) -> bool:
        """Returns whether a model that has taken `step` steps has trained enough."""
        if self.steps is not None and step >= self.steps:
            return True
        return self._time_is_up()

    def _time_is_up(self):
        left = self.minutes_left()
        return left is not None and left <= 0

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._begin = time.monotonic() - float(self.seconds.numpy())
        self._next_look = self._begin

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        now = time.monotonic()
        if now >= self._next_look:  # a variable each step is 2 % of a small one
            self._next_look = now + 1
            self._set_seconds(now)
            if self._time_is_up():
                self.model.stop_training = True
        if self.steps is not None and self.step_after(batch) >= self.steps:
            self.model.stop_training = True

    def on_train_end(self, logs: dict | None = None) -> None:
        self._set_seconds(time.monotonic())

    def _set_seconds(self, now):
        # TensorFlow keeps each Python number that it has made a tensor of for ever.
        self.seconds.assign(np.float64(now - self._begin))


class SyncStop(keras.callbacks.Callback):
    """Ends training on all workers after the step at which one of them would end it.

    Put it last: any of the others may end training. It asks the other workers at every
    step and at the end of every epoch.

    Args:
        signals: `StopOnSignal` of the same training, which then knows of a signal that
            another worker received.

    Example:

    ```python
    from keras_gan.callbacks import StopOnSignal, SyncStop

    signals = StopOnSignal()
    callbacks = [signals, SyncStop(signals)]
    gan.fit(images.batches(64), epochs=2, callbacks=callbacks)
    ```
    """

    def __init__(self, signals: "StopOnSignal"):
        super().__init__()
        self.signals = signals

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._workers = workers_of(self.model.distribute_strategy)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self._ask()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self._ask()

    def _ask(self):
        received, stop = self._workers.gather(
            self.signals.received or 0, int(self.model.stop_training)
        ).max(axis=0)
        self.signals.received = int(received) or None
        if stop:  # Keras takes 0.1 ms to set an attribute of a model
            self.model.stop_training = True


class StopOnSignal(StepCallback):
    """Ends training at the next step after a signal; a second Ctrl-C ends it at once.

    The signals are Ctrl-C, SIGTERM and SIGHUP, which a closed terminal sends; SIGHUP
    stays ignored under nohup. Python gives signals to the main thread only, so training
    in another thread goes on until something else ends it.

    `received` is the signal's number, or None.

    Example:

    ```python
    from keras_gan.callbacks import StopOnSignal

    signals = StopOnSignal()
    gan.fit(images.batches(64), epochs=2, callbacks=[signals])
    if signals.received is not None:
        print(f"stopped by signal {signals.received}")
    ```
    """

    def __init__(self):
        super().__init__()
        self.received = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._previous = {}
        if threading.current_thread() is not threading.main_thread():
            return
        numbers: list[int] = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            numbers.append(signal.SIGHUP)
        for number in numbers:
            self._previous[number] = signal.signal(number, self._receive)

    def _receive(self, number, frame):
        if self.received is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.received = number

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        if self.received is not None:
            self.model.stop_training = True

    def on_train_end(self, logs: dict | None = None) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
