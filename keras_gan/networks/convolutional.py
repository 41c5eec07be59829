"""The convolutional networks of Radford et al. 2015, for images of many sizes."""

import keras

from keras_gan import seeding
from keras_gan.errors import InputError
from keras_gan.networks.conditioning import label_input, with_label
from keras_gan.networks.layers import RandomTranslation, SpectralNormalization

KERNEL_SIZE = 5
_LAST = "channels_last"  # whatever keras.json says
_SMALLEST_START = 4
_LARGEST_START = 15


def dcgan_stages(height: int, width: int) -> int:
    """Returns how many strides of two lead from a small start to the image.

    Both sides are halved together, as long as they stay whole numbers of at least 4
    pixels. So 64x64 takes four strides from 4x4, and 28x28 takes two from 7x7. The
    shorter side must start at 15 pixels or less.

    Raises:
        InputError: for a size that strides of two cannot reach.
    """
    stages = _stages(height, width)
    if stages is None:
        raise InputError(
            f"image size {height}x{width} cannot be made by strides of two. Use sides "
            f"of 8 to 256 pixels that are {_SMALLEST_START} to {_LARGEST_START} times "
            "a power of two, such as 28, 32, 48, 64, 96 or 128. Nearest to "
            f"{height}x{width}: {_nearest_sizes(height, width)}."
        )
    return stages


def _stages(height, width):
    stages = 0
    sides = (height, width)
    while all(side % 2 == 0 and side // 2 >= _SMALLEST_START for side in sides):
        sides = tuple(side // 2 for side in sides)
        stages += 1
    if (
        stages == 0
        or min(sides) > _LARGEST_START
        or not 8 <= min(height, width) <= max(height, width) <= 256
    ):
        return None
    return stages


def _nearest_sizes(height, width):
    """Returns the next smaller and the next larger size that can be made."""
    sides = range(8, 257)
    sizes = [
        (h, w)
        for h in sides
        for w in ([h] if height == width else sides)
        if _stages(h, w) is not None
    ]
    smaller = [(h, w) for h, w in sizes if h <= height and w <= width]
    larger = [(h, w) for h, w in sizes if h >= height and w >= width]

    def distance(size):
        return abs(size[0] - height) + abs(size[1] - width)

    nearest = [min(some, key=distance) for some in (smaller, larger) if some]
    return " or ".join(f"{h}" if height == width else f"{h}x{w}" for h, w in nearest)


def filters_of(stages: int, base_filters: int) -> list[int]:
    """Returns the channels of a generator's feature maps, from the start on."""
    # The paper ends at 8 times its base of 128; larger images keep that width.
    return [base_filters * 2 ** min(i, 3) for i in reversed(range(stages))]


class Initializers:
    """Weights from N(0, 0.02) and batch norm scales from N(1, 0.02), seeded.

    Args:
        seed: makes the initial weights the same each time.

    Example:

    ```python
    import keras
    from keras_gan.networks.convolutional import Initializers

    initial = Initializers(seed=1)
    layer = keras.layers.Dense(4, **initial.kernel(use_bias=True))
    ```
    """

    def __init__(self, seed: int | None):
        self._rng = seeding.generator(seed)

    def seed(self) -> int:
        """Returns the next seed."""
        return seeding.draw(self._rng)

    def _normal(self, mean):
        return keras.initializers.RandomNormal(mean, 0.02, seed=self.seed())

    def kernel(self, use_bias: bool = False) -> dict:
        """Returns arguments of a layer with a kernel."""
        return {"kernel_initializer": self._normal(0.0), "use_bias": use_bias}

    def gain(self) -> keras.initializers.Initializer:
        """Returns the initializer of the gain of a normalization."""
        return self._normal(1.0)

    def batch_normalization(self) -> keras.layers.Layer:
        """Returns a layer of batch normalization."""
        # With Keras's momentum of 0.99, the averages of short runs would not settle.
        return keras.layers.BatchNormalization(
            momentum=0.9,
            epsilon=1e-5,
            gamma_initializer=self.gain(),
            # Over all replicas. Set on one device too: otherwise the variance comes
            # from tf.nn.moments, whose second derivative is wrong (tensorflow 2.21),
            # and the gradient of a penalty would be wrong.
            synchronized=True,
        )


def dcgan_generator(
    image_shape: tuple[int, int, int],
    latent_dim: int = 100,
    base_filters: int = 128,
    num_classes: int | None = None,
    hidden_units: int | None = None,
    seed: int | None = None,
) -> keras.Model:
    """Returns the generator of the paper's table and figure 1; images are in [-1, 1].

    At 64x64x3 with 128 base filters it is the paper's network, with 18,885,760
    trainable parameters.

    Args:
        image_shape: (height, width, channels); see `dcgan_stages` for the sizes.
        latent_dim: size of the latent vector.
        base_filters: channels of the last hidden feature map; each map before it has
            twice as many, up to eight times.
        num_classes: with it, the model takes `[latent, label]` and the one-hot label
            enters every layer.
        hidden_units: width of an additional fully connected layer after the latent
            vector, as in the authors' network for MNIST (1,024); None for no such
            layer.
        seed: makes the initial weights the same each time.

    Raises:
        InputError: for a size that strides of two cannot reach.

    Source: Radford et al. 2015, arXiv 1511.06434, section 3 and figure 1.
    """
    height, width, channels = image_shape
    stages = dcgan_stages(height, width)
    start = (height // 2**stages, width // 2**stages)
    first, *others = filters_of(stages, base_filters)
    initial = Initializers(seed)

    latent = keras.Input((latent_dim,), dtype="float32", name="latent")
    label = label_input(num_classes)
    x = latent
    if hidden_units is not None:
        x = with_label(x, label, num_classes)
        x = keras.layers.Dense(hidden_units, **initial.kernel())(x)
        x = initial.batch_normalization()(x)
        x = keras.layers.ReLU()(x)
    x = with_label(x, label, num_classes)
    x = keras.layers.Dense(start[0] * start[1] * first, **initial.kernel())(x)
    # On the flat units, before they become feature maps, as in the authors' code.
    x = initial.batch_normalization()(x)
    x = keras.layers.ReLU()(x)
    x = keras.layers.Reshape((*start, first))(x)

    def upsample(filters, x):
        return keras.layers.Conv2DTranspose(
            filters,
            KERNEL_SIZE,
            strides=2,
            padding="same",
            data_format=_LAST,
            **initial.kernel(),
        )(x)

    for filters in others:
        x = with_label(x, label, num_classes)
        x = upsample(filters, x)
        x = initial.batch_normalization()(x)
        x = keras.layers.ReLU()(x)
    x = with_label(x, label, num_classes)
    x = upsample(channels, x)
    # Half precision would leave too few grey levels.
    x = keras.layers.Activation("tanh", dtype="float32", name="image")(x)
    inputs = latent if label is None else [latent, label]
    return keras.Model(inputs, x, name="generator")


def dcgan_discriminator(
    image_shape: tuple[int, int, int],
    base_filters: int = 128,
    num_classes: int | None = None,
    batch_normalization: bool = True,
    spectral_normalization: bool = False,
    hidden_units: int | None = None,
    translation: float = 0.0,
    seed: int | None = None,
) -> keras.Model:
    """Returns the mirror of `dcgan_generator`, ending in one logit.

    At 64x64x3 with 128 base filters it has the paper's 17,232,768 trainable parameters.

    Args:
        image_shape: (height, width, channels); see `dcgan_stages` for the sizes.
        base_filters: channels of the first feature map; each map after it has twice as
            many, up to eight times.
        num_classes: with it, the model takes `[image, label]` and the one-hot label
            enters every layer.
        batch_normalization: as in the paper, on all feature maps but the first. Turn it
            off for gradient penalties, which are defined for each image alone. Without
            it, all layers have biases.
        spectral_normalization: divide each layer's kernel by its largest singular
            value (Miyato et al. 2018, arXiv 1802.05957).
        hidden_units: width of an additional fully connected layer before the logit, as
            in the authors' network for MNIST (1,024); None for no such layer.
        translation: largest random shift of the images during training, as a fraction
            of their sides, 0 to 0.5 (Zhao et al. 2020, arXiv 2006.10738); 0 turns it
            off.
        seed: makes the initial weights the same each time.

    Raises:
        InputError: for a size that strides of two cannot reach, or if `translation` is
            out of range.

    Source: Radford et al. 2015, arXiv 1511.06434, section 3.
    """
    stages = dcgan_stages(*image_shape[:2])
    if not 0 <= translation <= 0.5:
        raise InputError(f"translation is {translation}. Use a number from 0 to 0.5.")
    initial = Initializers(seed)
    # Without biases and batch norm the logit would be proportional to the contrast of
    # the image, so the network could not tell a faint image from a strong one.
    use_bias = not batch_normalization

    def normalized(layer):
        return SpectralNormalization(layer) if spectral_normalization else layer

    image = keras.Input(image_shape, dtype="float32", name="image")
    label = label_input(num_classes)

    def activated(layer, x, first=False):
        x = normalized(layer)(with_label(x, label, num_classes))
        if batch_normalization and not first:
            x = initial.batch_normalization()(x)
        return keras.layers.LeakyReLU(0.2)(x)

    x = image
    if translation:
        x = RandomTranslation(translation, seed=initial.seed())(x)
    for stage, filters in enumerate(reversed(filters_of(stages, base_filters))):
        layer = keras.layers.Conv2D(
            filters,
            KERNEL_SIZE,
            strides=2,
            padding="same",
            data_format=_LAST,
            **initial.kernel(use_bias),
        )
        x = activated(layer, x, first=stage == 0)
    x = keras.layers.Flatten(_LAST)(x)
    if hidden_units is not None:
        x = activated(keras.layers.Dense(hidden_units, **initial.kernel(use_bias)), x)
    x = with_label(x, label, num_classes)
    logit = keras.layers.Dense(1, dtype="float32", **initial.kernel(use_bias))
    inputs = image if label is None else [image, label]
    return keras.Model(inputs, normalized(logit)(x), name="discriminator")
