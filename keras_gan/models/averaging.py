"""A second set of weights of a network: its moving average.

A model keeps the averaged network as its attribute `averaged_NAME`, beside the network
NAME that is trained, so that Keras saves both.
"""

import json
import os
import pathlib
import zipfile
from typing import Any, ClassVar, Self

import h5py
import keras
import numpy as np
import tensorflow as tf

from keras_gan.errors import InputError


class Averaged(keras.Model):
    """What a model has that may keep the moving average of one of its networks.

    A family has it before its other base, and names the network in `averages`. It has
    the attributes `averaged_NAME` and `NAME_average`, the decay, None at first. It
    calls `set_average` in `compile`, `with_average` in `networks` and `update_average`
    in `train_step`. Checkpoints, files and exports then have the average.

    Example:

    ```python
    gan.compile("adam", "adam", generator_average=0.99)
    assert gan.networks()["averaged_generator"] is gan.average()
    ```
    """

    averages: ClassVar[str]

    def average_inputs(self) -> tf.Tensor | list[tf.Tensor]:
        """Returns a batch that the network takes."""
        raise NotImplementedError

    def average(self) -> keras.Model | None:
        """Returns the averaged network, or None without one."""
        return getattr(self, f"averaged_{self.averages}")

    def set_average(self, decay: float | None) -> None:
        """Begins an average with the weights of the network, or ends it.

        Args:
            decay: in (0, 1), of the exponential moving average; None keeps none. With a
                decay, an average that there is goes on.
        """
        setattr(self, f"{self.averages}_average", decay)
        if decay is None:
            setattr(self, f"averaged_{self.averages}", None)
        elif self.average() is None:
            self._add_average()

    def with_average(self, networks: dict[str, keras.Model]) -> dict[str, keras.Model]:
        """Returns the networks of the model, and their average if there is one."""
        if self.average() is None:
            return networks
        return {**networks, f"averaged_{self.averages}": self.average()}

    def update_average(self) -> None:
        """Moves the average, if there is one, after the update of its network."""
        if self.average() is not None:
            update(
                self.average(),
                getattr(self, self.averages),
                decay=getattr(self, f"{self.averages}_average"),
                step=self.step,
            )

    def training_state(self) -> dict[str, list[tf.Variable]]:
        # Checkpoints have the entry of the average without one too.
        names = [*self.networks(), f"averaged_{self.averages}"]
        return {**{name: [] for name in names}, **super().training_state()}

    def export_facts(self) -> dict:
        # A model that was read from a file without its optimizers has no decay.
        decay = getattr(self, f"{self.averages}_average")
        return {
            **super().export_facts(),
            "average_decay": None if self.average() is None else decay,
        }

    def load_weights(
        self, filepath: str | os.PathLike, *args: Any, **kwargs: Any
    ) -> None:
        """Reads weights as `keras.Model.load_weights` does.

        Raises:
            InputError: if the file has an average and the model has none, or the other
                way round.
        """
        saved = saved_in(filepath)
        if saved is not None and saved != (self.average() is not None):
            raise InputError(mismatch(filepath, saved, f"averaged_{self.averages}"))
        super().load_weights(filepath, *args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "averaged": kind_of(self.average())}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        config = dict(config)
        kind = config.pop("averaged", False)
        model = super().from_config(config)
        # Here, not in compile, so that a model loaded without compiling has it too.
        if kind:
            model._add_average(kind)
        return model

    def _add_average(self, kind=True):
        average = twin_of(getattr(self, self.averages), self.average_inputs(), kind)
        setattr(self, f"averaged_{self.averages}", average)


def twin_of(
    network: keras.Model,
    inputs: tf.Tensor | list[tf.Tensor],
    kind: bool | str = True,
) -> keras.Model:
    """Returns a network that computes the same, with weights of its own.

    That is a copy if Keras can make one from the network's config. If it cannot, as for
    a `Lambda` or a layer without `get_config`, it is a `Twin`, which runs the network.

    Args:
        network: Keras model, built.
        inputs: a batch of what it takes.
        kind: "twin" for a `Twin` in any case, which a file may hold; see `kind_of`.

    Example:

    ```python
    import keras
    import tensorflow as tf
    from keras_gan.models import averaging

    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    average = averaging.twin_of(network, tf.zeros([1, 2]))
    network.set_weights([2.0 * w for w in network.get_weights()])
    averaging.update(average, network, decay=0.999, step=tf.constant(0))
    ```
    """
    if kind == "twin":
        return Twin(network)
    try:
        copy = type(network).from_config(network.get_config())
        if not copy.built:
            copy(inputs)
        copy.set_weights(network.get_weights())
        # A config may also lack an argument without an error.
        same = np.allclose(
            copy(inputs, training=False), network(inputs, training=False), atol=1e-3
        )
    except Exception:  # own layers fail in as many ways as they are written
        same = False
    if not same:
        return Twin(network)
    copy.trainable = False
    return copy


def update(
    average: keras.Model,
    network: keras.Model,
    decay: float,
    step: tf.Tensor | tf.Variable,
) -> None:
    """Moves an average towards the weights of its network, by one step.

    Args:
        average: from `twin_of`.
        network: after the step's update.
        decay: in (0, 1), of the exponential moving average.
        step: of the model, counted from 0: a tensor or variable.
    """
    # Early on the average would remember the random start, so its decay grows from 0.1
    # to the value asked for, as tf.train.ExponentialMovingAverage's does.
    step = tf.cast(step, "float32")
    decay = tf.minimum(decay, (1.0 + step) / (10.0 + step))
    pairs = [
        (mean, variable)
        for mean, variable in zip(average.weights, network.weights, strict=True)
        if "float" in variable.dtype
    ]
    sums = [tf.cast(tf.reduce_sum(variable), "float32") for _, variable in pairs]
    # A network that diverges does not take its average along.
    rate = tf.where(tf.reduce_all(tf.math.is_finite(sums)), 1 - decay, 0.0)
    for mean, variable in pairs:
        change = tf.math.multiply_no_nan(mean - variable, tf.cast(rate, variable.dtype))
        mean.assign_sub(change)


def kind_of(average: keras.Model | None) -> bool | str:
    """Returns how a file holds an average: True, "twin", or False for None."""
    return "twin" if isinstance(average, Twin) else average is not None


def is_average(name: str) -> bool:
    """Returns whether a network of this name is the average of another one."""
    return name.startswith("averaged_")


def mismatch(file: str | os.PathLike, saved: bool, name: str) -> str:
    """Returns why a model cannot take a file if only one of the two has an average.

    Args:
        file: what it is called.
        saved: whether it holds the average.
        name: of the averaged network.
    """
    option = f"{name.removeprefix('averaged_')}_average"
    return (
        f"{file} holds {'an' if saved else 'no'} average of the weights, and the model "
        f"has {'none' if saved else 'one'}; compile it "
        f"{'with' if saved else 'without'} {option} to read the file."
    )


def saved_in(path: str | os.PathLike) -> bool | None:
    """Returns whether a file of weights holds an average.

    Args:
        path: `.weights.h5`, `.keras`, or `.weights.json` of several files.

    Returns:
        None if it cannot be told; Keras says why it cannot read such a file.
    """
    try:
        if str(path).endswith(".json"):
            names = json.loads(pathlib.Path(path).read_bytes())["weight_map"]
            return any(is_average(name.strip("/")) for name in names)
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                config = json.loads(archive.read("config.json"))["config"]
                return bool(config["averaged"])
        with h5py.File(path) as file:
            return any(is_average(name) for name in file)
    except (OSError, KeyError, TypeError, ValueError):
        return None


class Twin(keras.Model):
    """Runs another network with weights of its own.

    Args:
        network: Keras model, built. Its weights are where those of this one begin.

    Example:

    ```python
    import keras
    import tensorflow as tf
    from keras_gan.models.averaging import Twin

    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    twin = Twin(network)
    before = twin(tf.ones([1, 2]))
    network.set_weights([2.0 * w for w in network.get_weights()])
    assert (twin(tf.ones([1, 2])) == before).numpy().all()
    ```
    """

    def __init__(self, network: keras.Model):
        super().__init__(name=network.name, trainable=False)
        # In a tuple Keras would find the network, and count its weights as ours too.
        self._network = lambda: network
        for weight in network.weights:
            own = self.add_weight(
                weight.shape, dtype=weight.dtype, trainable=False, name=weight.name
            )
            own.assign(weight)
        self.built = True

    def call(
        self, inputs: tf.Tensor | list[tf.Tensor], training: bool = False
    ) -> tf.Tensor:
        network = self._network()
        pairs = zip(network.weights, self.weights, strict=True)
        own = {id(theirs): ours for theirs, ours in pairs}

        def values(variables):
            return [own.get(id(variable), variable) for variable in variables]

        outputs, _ = network.stateless_call(
            values(network.trainable_variables),
            values(network.non_trainable_variables),
            inputs,
            training=training,
        )
        return outputs
