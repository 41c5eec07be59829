"""What an export needs to know: a trained generator and its description."""

import dataclasses
import inspect
import json
import operator
import os
import zipfile
from pathlib import Path, PurePosixPath

import keras
import numpy as np
import tensorflow as tf

from export.formats import DEFAULT_FORM, FORM_CHOICES, Form
from keras_gan import first_safe
from keras_gan.errors import InputError, first_line
from keras_gan.latents import Prior
from keras_gan.models import GAN
from keras_gan.pixels import PixelRange
from keras_gan.version import __version__


@dataclasses.dataclass(frozen=True)
class Generator:
    """A trained generator that computes in float32, and what its users must know.

    Args:
        name: of the model, as a server knows it.
        network: Keras model from `latent`, float32 [batch, latent_dim], to images, or
            from `[latent, label]` where `num_classes` is given.
        image_shape: shape of one image.
        latent_dim: size of the latent vector.
        latent_distribution: "normal" or "uniform".
        latent_bounds: (low, high) of the uniform distribution, else None.
        value_range: (low, high) of the images' values, or None for any value.
        num_classes: number of classes of a conditional model, or None.
        class_names: their names, or None.
        weights: "averaged" or "trained".
        average_decay: decay of the average, or None.
        batch_normalization_statistics: "moving averages", or None without batch norm.
        run: name of the run, or None.
        seed: seed of the training.
        step: steps trained.
        form: how `serve` gives images, and how an export stores weights.
    """

    name: str
    network: keras.Model
    image_shape: tuple[int, ...]
    latent_dim: int
    latent_distribution: str
    latent_bounds: tuple[float, float] | None
    value_range: tuple[float, float] | None
    num_classes: int | None
    class_names: tuple[str, ...] | None
    weights: str
    average_decay: float | None
    batch_normalization_statistics: str | None
    run: str | None
    seed: int
    step: int
    form: Form = DEFAULT_FORM

    def formed(self, form: Form) -> "Generator":
        """Returns the same generator in another form.

        Raises:
            InputError: where its images cannot have that form.
        """
        if form.layout != "nhwc" and len(self.image_shape) != 3:
            raise InputError(
                f"layout is {form.layout} and the generator makes vectors of shape "
                f"{self.image_shape}; only nhwc, which changes nothing, is accepted."
            )
        if form.output == "uint8" and self.value_range is None:
            raise InputError(
                "output is uint8 and the generator's values have no range to map to 0 "
                "to 255; only float32 is accepted."
            )
        return dataclasses.replace(self, form=form)

    def serve(self, latent, label=None):
        """Returns {"image": ...}: what every export computes.

        Args:
            latent: float32 [batch, latent_dim].
            label: int64 [batch], of a conditional model only, 0 to num_classes - 1. One
                that is no class counts as the nearest, in every format alike.

        Returns:
            float32 [batch, *image_shape], or what `form` says.
        """
        image = self._values(latent, label)
        if self.form.output == "uint8":
            image = self._pixels().to_uint8(image)
        if self.form.layout == "nchw":
            image = tf.transpose(image, [0, 3, 1, 2])
        return {"image": image}

    @property
    def prior(self) -> Prior:
        """The distribution that latent vectors come from."""
        bounds = self.latent_bounds or (-1.0, 1.0)
        return Prior(self.latent_dim, self.latent_distribution, bounds)

    @property
    def served_shape(self) -> tuple[int, ...]:
        """Shape of one image that `serve` gives."""
        if self.form.layout == "nchw":
            height, width, channels = self.image_shape
            return channels, height, width
        return self.image_shape

    @property
    def makes_pictures(self) -> bool:
        """Whether its images can be files: grey or colour, with a range of values."""
        shape = self.image_shape
        return self.value_range is not None and len(shape) == 3 and shape[2] <= 4

    def picture(self, latent, label=None):
        """Returns images as `GAN.generate` does.

        Args:
            latent: float32 [batch, latent_dim].
            label: as in `serve`.

        Returns:
            uint8 [batch, *image_shape], 0 to 255; float32 where `value_range` is None.
        """
        image = self._values(latent, label)
        return image if self.value_range is None else self._pixels().to_uint8(image)

    def _values(self, latent, label):
        inputs = latent
        if label is not None:
            # Each runtime would make something else of a label outside the classes.
            label = tf.clip_by_value(label, 0, self.num_classes - 1)
            # Keras takes no array beside a tensor.
            inputs = [tf.convert_to_tensor(latent), label]
        # Batch statistics would make an image depend on its neighbours in the batch.
        return tf.cast(self.network(inputs, training=False), "float32")

    def _pixels(self):
        return PixelRange(*self.value_range)

    def examples(self, count: int, seed: int = 0) -> dict[str, np.ndarray]:
        """Returns inputs of `serve`, drawn from the distribution used in training.

        Args:
            count: rows; labels cover all classes where there are no more than that.
            seed: the same seed gives the same inputs.
        """
        rng = np.random.default_rng(seed)
        inputs = {"latent": self.prior.examples(count, rng)}
        if self.num_classes is not None:
            inputs["label"] = np.resize(rng.permutation(self.num_classes), count)
        return inputs

    def metadata(self) -> dict:
        """Returns the description that travels with an export, ready for JSON."""
        known = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name not in ("network", "form")
        }
        return {
            **known,
            **{name: getattr(self.form, name) for name in FORM_CHOICES},
            "keras_gan_version": __version__,
            "keras_version": keras.__version__,
            "tensorflow_version": tf.__version__,
        }


def describe(model_or_run, name: str) -> Generator:
    """Returns the generator that images come from, and its description.

    Args:
        model_or_run: a `keras_gan.GAN`, or the path of a run's folder or of the file
            that `GAN.save` wrote.
        name: of the model.

    Raises:
        InputError: for something else, or weights that are not finite.
    """
    gan, run, class_names = model_or_run, None, None
    if isinstance(model_or_run, str | os.PathLike) and Path(model_or_run).is_file():
        gan = _loaded(model_or_run)
    elif isinstance(model_or_run, str | os.PathLike):
        from keras_gan import runs

        run = Path(model_or_run).resolve().name
        class_names = runs.Run.open(model_or_run).data["class_names"]
        gan = runs.load(model_or_run)
    if not isinstance(gan, GAN):
        raise InputError(
            f"a {type(gan).__name__} was given; accepted are a keras_gan.GAN and the "
            "path of a run's folder or of the file that GAN.save wrote."
        )
    network = gan.inference_generator
    for weight in network.weights:
        if not np.isfinite(keras.ops.convert_to_numpy(weight).astype("float32")).all():
            raise InputError(
                f"the generator's weight {weight.path} holds NaN or infinite values; "
                "only finite ones are exported."
            )
    averaged = network is not gan.generator
    uniform = gan.latent_distribution == "uniform"
    return Generator(
        name=name,
        network=_in_float32(network, gan.generator),
        image_shape=gan.image_shape,
        latent_dim=gan.latent_dim,
        latent_distribution=gan.latent_distribution,
        latent_bounds=gan.latent_bounds if uniform else None,
        value_range=gan.value_range,
        num_classes=gan.num_classes,
        class_names=tuple(class_names) if class_names else None,
        weights="averaged" if averaged else "trained",
        average_decay=gan.generator_average if averaged else None,
        batch_normalization_statistics=gan.batch_norm_statistics,
        run=run,
        seed=gan.seed,
        step=int(keras.ops.convert_to_numpy(gan.step)),
    )


def _loaded(path):
    first_safe.warn(".keras files", "keras", "tensorflow")
    try:
        if Path(path).suffix != ".keras":  # Keras would read others as HDF5
            raise ValueError("its name does not end in .keras")
        with zipfile.ZipFile(path) as archive:
            for name in map(PurePosixPath, archive.namelist()):
                if name.is_absolute() or ".." in name.parts:
                    raise ValueError(f"its member {name} leads out of the archive")
            _refuse_calls(json.loads(archive.read("config.json")))
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # Keras raises many kinds on a broken file
        raise InputError(
            f"{path} cannot be read as a model ({first_line(error)}); a file that "
            "GAN.save wrote and the folder of a run are accepted."
        ) from error


def _refuse_calls(config):
    """Raises ValueError where a layer would call more than an activation.

    Keras's safe mode looks at classes when they are made from their configs. What a
    layer names as its function it calls unseen, with what the file says: any function
    that Keras exports and any class, also TFSMLayer, which runs a SavedModel. Keras
    itself writes activations, and functions that are registered, as "builtins".
    """
    parts = [config]
    while parts:
        part = parts.pop()
        if isinstance(part, list):
            parts += part
        if not isinstance(part, dict):
            continue
        parts += part.values()
        module, name = part.get("module"), part.get("class_name")
        if name == "TFSMLayer":  # Keras's safe mode refuses it from 3.13.2 on
            called = True
        elif name == "function":
            name, called = part.get("config"), module != "builtins"
        else:
            called = inspect.isfunction(_exported(f"{module}.{name}"))
        if called:
            raise ValueError(f"a layer would call {module}.{name}")


def _exported(name):
    """Returns what Keras exports under a name, or None."""
    try:
        return operator.attrgetter(name.removeprefix("keras."))(keras)
    except AttributeError:
        return None


def _in_float32(network, architecture):
    """Returns the network, or a float32 copy of one that computes in half precision.

    Args:
        network: that has the weights.
        architecture: that has the layers; it may be the network itself.

    Raises:
        InputError: where a layer cannot be copied.
    """
    # A wrapper, such as that of spectral normalisation, has another within it.
    layers = [getattr(layer, "layer", layer) for layer in architecture.layers]
    if all(layer.compute_dtype == "float32" for layer in layers):
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
            "in float32, as exports need it; give it get_config and from_config, or "
            "build the generator in float32."
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
