"""A model's numbers on data that it does not train on."""

from collections.abc import Iterable

import keras


class HeldOut:
    """What `evaluate` says of held-out data, under names that begin with `val_`.

    Callbacks that ask at the same step share one evaluation. A discriminator that is
    surer of the images it trains on than of these has learned them by heart.

    Args:
        batches: of held-out data, as `evaluate` takes them.

    Example:

    ```python
    from keras_gan.callbacks import HeldOut, MetricsCSV

    training, others = images.split(0.25, seed=0)
    held_out = HeldOut(others.in_order(32))
    log = MetricsCSV("log.csv", held_out=held_out)
    gan.fit(training.batches(32), epochs=2, callbacks=[log])
    ```
    """

    def __init__(self, batches: Iterable):
        self._batches = batches
        self._step: int | None = None
        self._values: dict[str, float] = {}

    def at(self, model: keras.Model, step: int) -> dict[str, float]:
        """Returns the numbers of a model that has taken this many steps."""
        if step != self._step:
            found = model.evaluate(self._batches, return_dict=True, verbose=0)
            self._values = {f"val_{name}": float(v) for name, v in found.items()}
            self._step = step
        return self._values
