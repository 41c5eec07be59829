"""Layers that Keras does not have."""

import numbers
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from tensorflow import Tensor

from keras_gan import seeding
from keras_gan.augmentation import translated
from keras_gan.errors import InputError


@keras.saving.register_keras_serializable("keras_gan")
class Maxout(keras.layers.Dense):
    """A dense layer whose every unit is the largest of several linear pieces.

    Args:
        units: number of outputs, at least 1.
        pieces: number of linear functions behind each output, at least 1.
        **kwargs: arguments of `keras.layers.Dense`. `activation` is applied to the
            largest piece. Quantized dtypes are not accepted.

    Raises:
        ValueError: if a number or the dtype is not accepted.

    Example:

    ```python
    import keras
    from keras_gan import networks

    layers = [keras.Input((64,)), networks.Maxout(16, pieces=5), keras.layers.Dense(1)]
    discriminator = keras.Sequential(layers)
    assert discriminator.output_shape == (None, 1)
    ```

    Source: Goodfellow et al. 2013, arXiv 1302.4389, section 3.
    """

    def __init__(self, units: int, pieces: int, **kwargs: Any):
        for name, value in (("units", units), ("pieces", pieces)):
            if not isinstance(value, numbers.Integral) or value < 1:
                raise ValueError(f"{name} is {value!r}. Expected a positive integer.")
        super().__init__(int(units * pieces), **kwargs)
        if self.dtype_policy.quantization_mode is not None:
            raise ValueError(
                f"The dtype of Maxout is {self.dtype_policy.name!r}. Expected a "
                "floating point dtype: Keras does not quantize subclasses of Dense."
            )
        self.pieces = int(pieces)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        linear = ops.matmul(inputs, self.kernel)
        if self.bias is not None:
            linear = ops.add(linear, self.bias)
        outputs = self.units // self.pieces
        shape = (-1, *linear.shape[1:-1], outputs, self.pieces)
        largest = ops.max(ops.reshape(linear, shape), axis=-1)
        return largest if self.activation is None else self.activation(largest)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (*input_shape[:-1], self.units // self.pieces)

    def get_config(self) -> dict:
        outputs = self.units // self.pieces
        return {**super().get_config(), "units": outputs, "pieces": self.pieces}


@keras.saving.register_keras_serializable("keras_gan")
class Dropout(keras.layers.Dropout):
    """Keras's dropout, with draws that are the same with XLA and without.

    Args:
        *args, **kwargs: arguments of `keras.layers.Dropout`. If the first number of
            `noise_shape` is 1, each replica draws its own mask.

    Example:

    ```python
    import numpy as np
    from keras_gan.networks.layers import Dropout

    layer = Dropout(0.5, seed=1)
    ones = np.ones((4, 8), "float32")
    assert (layer(ones) == ones).numpy().all()
    assert set(np.unique(layer(ones, training=True))) == {0.0, 2.0}
    ```
    """

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training or self.rate == 0:
            return inputs
        if self.rate == 1:  # avoids a division by 0 below
            return ops.zeros_like(inputs)
        shape = ops.shape(inputs)
        if self.noise_shape is not None:
            pairs = zip(self.noise_shape, shape, strict=True)
            shape = [whole if size is None else size for size, whole in pairs]
        drawn = seeding.uniform(shape, self.seed_generator.next())
        kept = inputs / ops.cast(1 - self.rate, inputs.dtype)
        return ops.where(drawn < self.rate, ops.zeros_like(kept), kept)


@keras.saving.register_keras_serializable("keras_gan")
class RandomTranslation(keras.layers.Layer):
    """Moves each image by whole pixels during training; the free border is zero.

    As the first layer of a discriminator it moves real and generated images alike, so
    that a small data set is harder to memorise. The gradient of the generator passes
    through it. `Translation` of `keras_gan.augmentation` does the same for any
    discriminator; this layer stays for networks that have it.

    Args:
        fraction: largest move in each direction, as a fraction of height and width.
        seed: decides the moves; None draws a seed.
        **kwargs: arguments of `keras.layers.Layer`.

    Example:

    ```python
    import keras
    from keras_gan.networks.layers import RandomTranslation

    layers = [keras.Input((8, 8, 1)), RandomTranslation(0.125, seed=1)]
    layers += [keras.layers.Flatten(), keras.layers.Dense(1)]
    discriminator = keras.Sequential(layers)
    ```

    Source: Zhao et al. 2020, arXiv 2006.10738, figure 4.
    """

    def __init__(self, fraction: float, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.fraction = fraction
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, images: Tensor, training: bool = False) -> Tensor:
        if not training:
            return images
        shape = (ops.shape(images)[0], 2)
        drawn = seeding.uniform(shape, self.seed_generator.next())
        return translated(images, drawn, self.fraction)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return input_shape

    def get_config(self) -> dict:
        return {**super().get_config(), "fraction": self.fraction, "seed": self.seed}


@keras.saving.register_keras_serializable("keras_gan")
class ConcatenateLabel(keras.layers.Layer):
    """Appends the one-hot label to the last axis of vectors or feature maps.

    Called with `[features, label]`: float [batch, ..., channels] and int [batch];
    returns [batch, ..., channels + num_classes].

    Args:
        num_classes: number of classes; labels are 0 to num_classes - 1.

    Example:

    ```python
    import keras
    from keras_gan import networks

    latent = keras.Input((16,), name="latent")
    label = keras.Input((), dtype="int32", name="label")
    joined = networks.ConcatenateLabel(num_classes=10)([latent, label])
    assert joined.shape == (None, 26)
    ```

    Source: Mirza and Osindero 2014, arXiv 1411.1784; at every layer as in the code of
    Radford et al. 2015.
    """

    def __init__(self, num_classes: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.num_classes = num_classes

    def call(self, inputs: Tensor) -> Tensor:
        features, label = inputs
        one_hot = ops.one_hot(label, self.num_classes, dtype=features.dtype)
        middle = ops.shape(features)[1:-1]
        one_hot = ops.reshape(one_hot, (-1, *[1] * len(middle), self.num_classes))
        spread = ops.ones((1, *middle, 1), dtype=features.dtype)
        return ops.concatenate([features, one_hot * spread], axis=-1)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        features, _ = input_shape
        return (*features[:-1], features[-1] + self.num_classes)

    def get_config(self) -> dict:
        return {**super().get_config(), "num_classes": self.num_classes}


@keras.saving.register_keras_serializable("keras_gan")
class SpectralNormalization(keras.layers.SpectralNormalization):
    """Divides a layer's kernel by its largest singular value in each training pass.

    It computes in float32 under any policy. The seed of the kernel decides its first
    estimate of the singular vector.

    Args:
        layer: a layer with a `kernel`, or with `embeddings` like `Embedding`.
        **kwargs: arguments of `keras.layers.SpectralNormalization`.

    Example:

    ```python
    import keras
    from keras_gan.networks.layers import SpectralNormalization

    convolution = keras.layers.Conv2D(16, 3, strides=2, padding="same")
    layers = [keras.Input((8, 8, 1)), SpectralNormalization(convolution)]
    layers += [keras.layers.Flatten(), keras.layers.Dense(1)]
    discriminator = keras.Sequential(layers)
    ```

    Source: Miyato et al. 2018, arXiv 1802.05957, section 2.1.
    """

    def __init__(self, layer: keras.layers.Layer, **kwargs: Any):
        # In half precision Keras would store the kernel after dividing a rounded copy.
        super().__init__(layer, **{**kwargs, "dtype": "float32"})

    def build(self, input_shape: tuple) -> None:
        super().build(input_shape)
        name = "kernel" if hasattr(self.layer, "kernel") else "embeddings"
        initializer = getattr(self.layer, f"{name}_initializer", None)
        seed = getattr(initializer, "seed", None)
        initial = keras.initializers.TruncatedNormal(stddev=0.02, seed=seed)
        self.vector_u.assign(initial(self.vector_u.shape))

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if training and self.trainable:
            vector_u, kernel = ops.cond(
                ops.all(ops.equal(self.kernel.value, 0)),
                lambda: (self.vector_u.value, self.kernel.value),
                self.normalized_weights,
            )
            self.vector_u.assign(vector_u)
            self.kernel.assign(kernel)
        # Keras's own `call` casts to the dtype of the inputs: an Embedding would then
        # return integers (3.15.1).
        return self.layer(inputs)

    def compute_output_spec(
        self, inputs: keras.KerasTensor, training: bool = False
    ) -> keras.KerasTensor:
        return self.layer.compute_output_spec(inputs)


@keras.saving.register_keras_serializable("keras_gan")
class InstanceNormalization(keras.layers.Layer):
    """Gives each channel of each image mean 0 and variance 1.

    Images of one pixel become 0. The statistics are computed in float32 under any
    policy.

    Args:
        epsilon: added to the variance.
        scale: multiply each channel by a learned gain.
        center: add a learned shift to each channel.
        gamma_initializer: of the gain.
        **kwargs: arguments of `keras.layers.Layer`.

    Example:

    ```python
    import numpy as np
    from keras_gan import networks

    images = np.random.default_rng(0).uniform(size=(2, 8, 8, 3)).astype("float32")
    normalized = networks.InstanceNormalization()(images).numpy()
    assert np.allclose(normalized.mean(axis=(1, 2)), 0, atol=1e-5)
    assert np.allclose(normalized.std(axis=(1, 2)), 1, atol=1e-3)
    ```

    Source: Ulyanov et al. 2016, arXiv 1607.08022.
    """

    def __init__(
        self,
        epsilon: float = 1e-5,
        scale: bool = False,
        center: bool = False,
        gamma_initializer: keras.initializers.Initializer | str = "ones",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.epsilon = epsilon
        self.scale = scale
        self.center = center
        self.gamma_initializer = keras.initializers.get(gamma_initializer)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def build(self, input_shape: tuple) -> None:
        shape = (input_shape[-1],)
        self.gamma = self.beta = None
        if self.scale:
            self.gamma = self.add_weight(
                shape, self.gamma_initializer, name="gamma", autocast=False
            )
        if self.center:
            self.beta = self.add_weight(shape, "zeros", name="beta", autocast=False)

    def call(self, images: Tensor) -> Tensor:
        x = ops.cast(images, "float32")
        mean = ops.mean(x, axis=(1, 2), keepdims=True)
        variance = ops.mean(ops.square(x - mean), axis=(1, 2), keepdims=True)
        return self._normalized(x, mean, variance)

    def _normalized(self, x, mean, variance):
        factor = ops.rsqrt(variance + self.epsilon)
        if self.gamma is not None:
            factor = factor * self.gamma
        x = (x - mean) * factor
        if self.beta is not None:
            x = x + self.beta
        return ops.cast(x, self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return input_shape

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "epsilon": self.epsilon,
            "scale": self.scale,
            "center": self.center,
            "gamma_initializer": keras.initializers.serialize(self.gamma_initializer),
        }


@keras.saving.register_keras_serializable("keras_gan")
class StatelessBatchNormalization(InstanceNormalization):
    """Batch normalization without moving averages, with a learned gain and shift.

    In training it takes the statistics of the batch, on all replicas together. At
    inference it takes those of each image alone. So an image does not depend on others
    in its batch, and a batch of one image is treated alike in training and at
    inference: pix2pix was trained and tested in this way.

    Args:
        epsilon: added to the variance.
        gamma_initializer: of the gain.
        **kwargs: arguments of `keras.layers.Layer`.

    Example:

    ```python
    import numpy as np
    from keras_gan import networks

    layer = networks.StatelessBatchNormalization()
    images = np.random.default_rng(0).uniform(size=(2, 8, 8, 3)).astype("float32")
    batch = layer(images, training=True).numpy()
    assert np.allclose(batch.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    alone = layer(images[:1], training=True).numpy()
    assert np.allclose(layer(images)[:1], alone, atol=1e-5)
    ```

    Source: Ioffe and Szegedy 2015, arXiv 1502.03167; Isola et al. 2016, arXiv
    1611.07004, section 3.4.
    """

    def __init__(
        self,
        epsilon: float = 1e-5,
        gamma_initializer: keras.initializers.Initializer | str = "ones",
        **kwargs: Any,
    ):
        super().__init__(
            epsilon,
            scale=True,
            center=True,
            gamma_initializer=gamma_initializer,
            **kwargs,
        )

    def call(self, images: Tensor, training: bool = False) -> Tensor:
        if not training:
            return super().call(images)
        context = tf.distribute.get_replica_context()
        if context is not None and context.num_replicas_in_sync > 1:
            x = ops.cast(images, "float32")
            moments = ops.moments(x, (0, 1, 2), keepdims=True, synchronized=True)
            return self._normalized(x, *moments)
        # One kernel, which takes half of the time of the operations above.
        normalized, *_ = tf.compat.v1.nn.fused_batch_norm(
            images, self.gamma, self.beta, epsilon=self.epsilon, is_training=True
        )
        return normalized

    def get_config(self) -> dict:
        config = super().get_config()
        del config["scale"], config["center"]
        return config


@keras.saving.register_keras_serializable("keras_gan")
class ReflectionPadding(keras.layers.Layer):
    """Surrounds images with their mirror image; the outermost pixel is not repeated.

    Args:
        pixels: width of the border. Images must be larger than this.
        **kwargs: arguments of `keras.layers.Layer`.

    Raises:
        InputError: if the images are too small.

    Example:

    ```python
    import numpy as np
    from keras_gan import networks

    image = np.arange(3.0).reshape(1, 1, 3, 1).repeat(3, axis=1)
    padded = networks.ReflectionPadding(2)(image).numpy()
    assert padded[0, 0, :, 0].tolist() == [2, 1, 0, 1, 2, 1, 0]
    ```
    """

    def __init__(self, pixels: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.pixels = pixels
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, images: Tensor) -> Tensor:
        self._check(images.shape)
        border = (self.pixels, self.pixels)
        return ops.pad(images, ((0, 0), border, border, (0, 0)), mode="reflect")

    def _check(self, shape):
        height, width = shape[1:3]
        if min(height or self.pixels + 1, width or self.pixels + 1) <= self.pixels:
            raise InputError(
                f"images of {height}x{width} pixels are too small for a reflected "
                f"border of {self.pixels}. Use sides of at least {self.pixels + 1} "
                "pixels."
            )

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, *sides, channels = input_shape
        padded = [side and side + 2 * self.pixels for side in sides]
        return (batch, *padded, channels)

    def get_config(self) -> dict:
        return {**super().get_config(), "pixels": self.pixels}


@keras.saving.register_keras_serializable("keras_gan")
class HalfTurn(keras.layers.Layer):
    """Turns images by 180 degrees.

    Args:
        **kwargs: arguments of `keras.layers.Layer`.

    Example:

    ```python
    import numpy as np
    from keras_gan.networks.layers import HalfTurn

    image = np.arange(4.0).reshape(1, 2, 2, 1)
    assert HalfTurn()(image).numpy().ravel().tolist() == [3, 2, 1, 0]
    ```
    """

    def call(self, images: Tensor) -> Tensor:
        return images[:, ::-1, ::-1]

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return input_shape


@keras.saving.register_keras_serializable("keras_gan")
class SelectLabel(keras.layers.Layer):
    """Takes from each row the number of its label.

    Called with `[rows, label]`: float [batch, classes] and int [batch]; returns
    [batch, 1].

    Args:
        **kwargs: arguments of `keras.layers.Layer`.

    Example:

    ```python
    import numpy as np
    from keras_gan.networks.layers import SelectLabel

    rows, labels = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1, 0])
    assert SelectLabel()([rows, labels]).numpy().tolist() == [[2.0], [3.0]]
    ```

    Source: Miyato and Koyama 2018, arXiv 1802.05637.
    """

    def call(self, inputs: Tensor) -> Tensor:
        rows, label = inputs
        one_hot = ops.one_hot(label, rows.shape[-1], dtype=rows.dtype)
        return ops.sum(rows * one_hot, axis=-1, keepdims=True)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        rows, _ = input_shape
        return (rows[0], 1)


@keras.saving.register_keras_serializable("keras_gan")
class SmoothHalving(keras.layers.Layer):
    """Halves feature maps with the filter [1, 3, 3, 1] / 8 along height and width.

    Outside the maps are zeros. Sides must be even.

    Args:
        **kwargs: arguments of `keras.layers.Layer`.

    Example:

    ```python
    import numpy as np
    from keras_gan.networks.layers import SmoothHalving

    halved = SmoothHalving()(np.ones((1, 8, 8, 1), "float32")).numpy()
    assert halved.shape == (1, 4, 4, 1)
    assert (halved[0, 1:3, 1:3] == 1).all()
    ```

    Source: Karras et al. 2020, arXiv 1912.04958, appendix B.
    """

    def call(self, maps: Tensor) -> Tensor:
        line = np.array([1, 3, 3, 1]) / 8
        square = np.outer(line, line)[:, :, None, None]
        kernel = np.tile(square, (1, 1, maps.shape[-1], 1))
        # One kernel: sums of shifted maps take 2 to 30 times as long on a processor.
        return tf.nn.depthwise_conv2d(
            maps, tf.constant(kernel, maps.dtype), (1, 2, 2, 1), "SAME"
        )

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, height, width, channels = input_shape
        return (batch, height // 2, width // 2, channels)


@keras.saving.register_keras_serializable("keras_gan")
class PixelShuffle(keras.layers.Layer):
    """Doubles height and width with numbers from a fourth of the channels each.

    Called with float [batch, height, width, 4 * channels]; returns [batch, 2 * height,
    2 * width, channels].

    Args:
        **kwargs: arguments of `keras.layers.Layer`.

    Example:

    ```python
    import numpy as np
    from keras_gan.networks.layers import PixelShuffle

    shuffled = PixelShuffle()(np.arange(4.0).reshape(1, 1, 1, 4)).numpy()
    assert shuffled[0, :, :, 0].tolist() == [[0, 1], [2, 3]]
    ```

    Source: Shi et al. 2016, arXiv 1609.05158.
    """

    def call(self, maps: Tensor) -> Tensor:
        return tf.nn.depth_to_space(maps, 2)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, height, width, channels = input_shape
        return (batch, 2 * height, 2 * width, channels // 4)
