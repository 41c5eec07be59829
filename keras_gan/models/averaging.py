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

from keras_gan import checks
from keras_gan.errors import InputError


class Averaged(keras.Model):
    """What a model has that may keep moving averages of some of its networks.

    A family has it before its other base, and names the networks in `averages`. For
    each it has the attribute `averaged_NAME`, None at first. It calls `set_average` in
    `compile`, `with_averages` in `networks` and `update_averages` in `train_step`.
    Checkpoints, files and exports then have the averages.

    Example:

    ```python
    gan.compile("adam", "adam", generator_average=0.99)
    assert gan.networks()["averaged_generator"] is gan.averaged_generator
    ```
    """

    averages: ClassVar[tuple[str, ...]]
    # The decay; a model that was read from a file without its optimizers has none.
    generator_average: float | None = None

    def average_inputs(self, name: str) -> tf.Tensor | list[tf.Tensor]:
        """Returns a batch that the network of a name takes."""
        raise NotImplementedError

    def set_average(self, decay: float | None) -> None:
        """Begins averages with the weights of the networks, or ends them.

        Args:
            decay: in (0, 1), of the exponential moving averages; None keeps none. With
                a decay, averages that there are go on.

        Raises:
            InputError: for another decay.
        """
        if decay is not None:
            checks.fraction("generator_average", decay)
        self.generator_average = decay
        for name in self.averages:
            if decay is None:
                setattr(self, f"averaged_{name}", None)
            elif getattr(self, f"averaged_{name}") is None:
                self._add_average(name)

    def with_averages(self, networks: dict[str, keras.Model]) -> dict[str, keras.Model]:
        """Returns the networks of the model, and their averages if there are any."""
        averages = {
            f"averaged_{name}": getattr(self, f"averaged_{name}")
            for name in self.averages
        }
        return {**networks, **{name: one for name, one in averages.items() if one}}

    def update_averages(self) -> None:
        """Moves the averages, if there are any, after the update of their networks."""
        if self.generator_average is None:
            return
        for name in self.averages:
            average, network = getattr(self, f"averaged_{name}"), getattr(self, name)
            update(average, network, self.generator_average, self.step)

    def training_state(self) -> dict[str, list[tf.Variable]]:
        # Checkpoints have the entries of averages without any too.
        names = [*self.networks(), *(f"averaged_{name}" for name in self.averages)]
        return {**{name: [] for name in names}, **super().training_state()}

    def export_facts(self) -> dict:
        decay = self.generator_average if self._is_averaged() else None
        return {**super().export_facts(), "average_decay": decay}

    def load_weights(
        self, filepath: str | os.PathLike, *args: Any, **kwargs: Any
    ) -> None:
        """Reads weights as `keras.Model.load_weights` does.

        Raises:
            InputError: if the file has an average and the model has none, or the other
                way round.
        """
        saved = saved_in(filepath)
        if saved is not None and saved != self._is_averaged():
            raise InputError(mismatch(filepath, saved))
        super().load_weights(filepath, *args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        kinds = [kind_of(getattr(self, f"averaged_{name}")) for name in self.averages]
        return {
            **super().get_config(),
            "averaged": kinds[0] if len(kinds) == 1 else kinds,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        config = dict(config)
        kinds = config.pop("averaged", False)
        model = super().from_config(config)
        # Here, not in compile, so that a model loaded without compiling has them too.
        for name, kind in zip(cls.averages, _listed(kinds), strict=False):
            if kind:
                model._add_average(name, kind)
        return model

    def _is_averaged(self):
        return any(getattr(self, f"averaged_{name}") for name in self.averages)

    def _add_average(self, name, kind=True):
        average = twin_of(getattr(self, name), self.average_inputs(name), kind)
        setattr(self, f"averaged_{name}", average)


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


def mismatch(file: str | os.PathLike, saved: bool) -> str:
    """Returns why a model cannot take a file if only one of the two has an average.

    Args:
        file: what it is called.
        saved: whether it holds the average.
    """
    return (
        f"{file} holds {'an' if saved else 'no'} average of the weights, and the model "
        f"has {'none' if saved else 'one'}; compile it "
        f"{'with' if saved else 'without'} generator_average to read the file."
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
                return any(_listed(config["averaged"]))
        with h5py.File(path) as file:
            return any(is_average(name) for name in file)
    except (OSError, KeyError, TypeError, ValueError):
        return None


def _listed(kinds):
    """Returns the kinds of several averages; a file of one network holds one kind."""
    return kinds if isinstance(kinds, list) else [kinds]


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

    @property
    def input_shape(self) -> Any:
        """That of the other network."""
        return self._network().input_shape

    @property
    def output_shape(self) -> Any:
        """That of the other network."""
        return self._network().output_shape

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
