"""Copies of networks that compute in float32."""

import keras
import numpy as np

from keras_gan.errors import InputError


def in_float32(network: keras.Model, architecture: keras.Model) -> keras.Model:
    """Returns the network, or a float32 copy of one that computes in half precision.

    Args:
        network: that has the weights.
        architecture: that has the layers; it may be the network itself.

    Raises:
        InputError: if a layer cannot be copied.
    """
    layers = architecture._flatten_layers(include_self=False)
    if all(layer.compute_dtype in ("float32", None) for layer in layers):
        return network
    # ONNX Runtime has no bfloat16 convolutions on a CPU.
    copy = _float32_copy(architecture)
    copy.set_weights([np.asarray(w, "float32") for w in network.get_weights()])
    return copy


def _float32_copy(network):
    if not isinstance(network, keras.Sequential) and not hasattr(network, "_nodes"):
        return _float32_layer(network)
    # Layer by layer: own classes are then those of the network, not those of a name.
    return keras.models.clone_model(
        network, clone_function=_float32_layer, recursive=True
    )


def _float32_layer(layer):
    if isinstance(layer, keras.layers.Lambda):
        # Keras writes the code of a function, not the names that it refers to.
        return keras.layers.Lambda(
            layer.function,
            arguments=layer.arguments,
            mask=layer.mask,
            output_shape=layer._output_shape,
            name=layer.name,
            dtype="float32",
        )
    try:
        return type(layer).from_config(_float32_config(layer.get_config()))
    except Exception as error:  # own layers fail in as many ways as they are written
        raise InputError(
            f"the layer {layer.name} of class {type(layer).__name__} cannot be copied "
            "in float32, which exports need. Give it get_config and from_config, or "
            "build the network in float32."
        ) from error


def _float32_config(config):
    """Returns the config of a layer or model with every floating dtype as float32."""
    if isinstance(config, list | tuple):
        return type(config)(_float32_config(part) for part in config)
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy":
            return "float32"
        return {key: _float32_config(value) for key, value in config.items()}
    if config in ("float16", "bfloat16", "float64"):
        return "float32"
    return config
