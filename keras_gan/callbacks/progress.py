"""One line that tells how fast training goes and how long it will take."""

import time
from collections.abc import Mapping

import tqdm

from keras_gan.callbacks.held_out import HeldOut
from keras_gan.callbacks.step_callback import LogCallback
from keras_gan.checkpoints import steps_taken


class Progress(LogCallback):
    """Shows images per second, time left, and the newest means of the metrics.

    The means are those of `MetricsCSV`.

    Args:
        images_per_step: images of the data that one step uses.
        total_steps: steps of the whole run, or None.
        minutes: minutes that are left for training; used where `total_steps` is None.
        measures: label -> measure of `Evaluate` whose newest value is shown too, or
            None.
        held_out: `HeldOut` whose numbers are shown beside the others, or None.

    Example:

    ```python
    from keras_gan.callbacks import Progress

    steps = 2 * images.steps_per_epoch(64)
    progress = Progress(images_per_step=64, total_steps=steps)
    gan.fit(images.batches(64), epochs=2, verbose=0, callbacks=[progress])
    ```
    """

    def __init__(
        self,
        images_per_step: int,
        total_steps: int | None = None,
        minutes: float | None = None,
        measures: Mapping[str, str] | None = None,
        held_out: HeldOut | None = None,
    ):
        super().__init__(held_out=held_out)
        self.images_per_step = images_per_step
        self.total_steps = total_steps
        self.minutes = minutes
        self.measures = measures or {}
        self._shown: dict[str, str] = {}

    def on_train_begin(self, logs: dict | None = None) -> None:
        super().on_train_begin(logs)
        step = steps_taken(self.model)
        self._begin = time.monotonic()
        self._first = step * self.images_per_step
        self._bar = tqdm.tqdm(
            initial=self._first,
            total=self.total_steps and self.total_steps * self.images_per_step,
            unit="img",
            unit_scale=True,
            dynamic_ncols=True,
            mininterval=1.0,
        )

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        super().on_epoch_begin(epoch, logs)
        self._bar.set_description(f"epoch {epoch + 1}", refresh=False)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        images = self.step_after(batch) * self.images_per_step
        if self.total_steps is None and self.minutes is not None:
            fraction = (time.monotonic() - self._begin) / (60 * self.minutes)
            done = images - self._first
            self._bar.total = self._first + round(done / max(fraction, 1e-3))
        self._bar.update(images - self._bar.n)
        super().on_train_batch_end(batch, logs)
        self._show_measure(logs)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        super().on_epoch_end(epoch, logs)
        self._show_measure(logs)

    def on_point(self, epoch: int, step: int, means: dict[str, float]) -> None:
        shown = {}
        for label, name in self.model.headline.items():
            shown[label] = f"{means[name]:.3g}"
            if f"val_{name}" in means:
                shown[label] += f" (held out {means[f'val_{name}']:.3g})"
        self._show(shown)

    def _show_measure(self, logs):
        logs, measures = logs or {}, self.measures.items()
        found = {label: f"{logs[n]:.4g}" for label, n in measures if n in logs}
        if found:
            self._show(found)

    def _show(self, values):
        self._shown |= values
        self._bar.set_postfix(self._shown)

    def on_train_end(self, logs: dict | None = None) -> None:
        super().on_train_end(logs)
        self._bar.close()
