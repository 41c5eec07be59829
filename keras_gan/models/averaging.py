"""A second set of weights of a network: its moving average."""

import keras
import numpy as np


def twin_of(network: keras.Model, inputs) -> keras.Model:
    """Returns a network that computes the same, with weights of its own.

    A copy where Keras can make one from the network's config. Where it cannot, as with
    a `Lambda` or a layer without `get_config`, a `Twin` that runs the network itself.

    Args:
        network: Keras model, built.
        inputs: a batch of what it takes.
    """
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


class Twin(keras.Model):
    """Runs another network with weights of its own.

    Args:
        network: Keras model, built. Its weights are where those of this one begin.
    """

    def __init__(self, network):
        super().__init__(name=network.name, trainable=False)
        # In a tuple Keras would find the network, and count its weights as ours too.
        self._network = lambda: network
        for weight in network.weights:
            own = self.add_weight(
                weight.shape, dtype=weight.dtype, trainable=False, name=weight.name
            )
            own.assign(weight)
        self.built = True

    def call(self, inputs, training=False):
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
