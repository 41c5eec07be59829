"""The DCGAN's networks against the figures of its paper."""

import re

import keras
import numpy as np
import pytest

from keras_gan.errors import InputError
from keras_gan.networks import (
    dcgan_discriminator,
    dcgan_generator,
    dcgan_stages,
)
from keras_gan.networks.layers import RandomTranslation, SpectralNormalization

LAYERS = keras.layers


@pytest.fixture(scope="module")
def paper_generator():
    return dcgan_generator((64, 64, 3), seed=1)


@pytest.fixture(scope="module")
def paper_discriminator():
    return dcgan_discriminator((64, 64, 3), seed=2)


def trainable_parameters(network):
    return sum(int(np.prod(v.shape)) for v in network.trainable_variables)


def of_kind(network, kind):
    return [layer for layer in network.layers if type(layer) is kind]


def kinds(network):
    return [type(layer).__name__ for layer in network.layers]


def test_parameters_of_the_paper(paper_generator, paper_discriminator):
    assert trainable_parameters(paper_generator) == 18_885_760
    assert trainable_parameters(paper_discriminator) == 17_232_768


def test_hidden_units_of_the_authors_network_for_mnist():
    generator = dcgan_generator((28, 28, 1), base_filters=64, hidden_units=1024)
    discriminator = dcgan_discriminator((28, 28, 1), base_filters=64, hidden_units=1024)
    maps = 7 * 7 * 128
    assert trainable_parameters(generator) == sum(
        [
            *[100 * 1024 + 2 * 1024, 1024 * maps + 2 * maps],
            *[25 * 128 * 64 + 2 * 64, 25 * 64],
        ]
    )
    assert trainable_parameters(discriminator) == sum(
        [25 * 64, 25 * 64 * 128 + 2 * 128, maps * 1024 + 2 * 1024, 1024]
    )
    dense = ["Dense", "BatchNormalization"]
    assert kinds(generator)[1:7] == [*dense, "ReLU", *dense, "ReLU"]
    assert kinds(discriminator)[-5:] == ["Flatten", *dense, "LeakyReLU", "Dense"]


def test_generator_layers(paper_generator):
    stage = ["Conv2DTranspose", "BatchNormalization", "ReLU"]
    assert kinds(paper_generator) == [
        *["InputLayer", "Dense", "BatchNormalization", "ReLU", "Reshape"],
        *stage * 3,
        *["Conv2DTranspose", "Activation"],
    ]
    # The last batch norm is before the last convolution: none on the output.
    assert paper_generator.layers[-1].activation is keras.activations.tanh
    assert paper_generator.input_shape == (None, 100)


def test_generator_shapes(paper_generator):
    (start,) = of_kind(paper_generator, LAYERS.Reshape)
    convolutions = of_kind(paper_generator, LAYERS.Conv2DTranspose)
    assert [start.output.shape, *[c.output.shape for c in convolutions]] == [
        (None, 4, 4, 1024),
        (None, 8, 8, 512),
        (None, 16, 16, 256),
        (None, 32, 32, 128),
        (None, 64, 64, 3),
    ]


def test_generator_normalises_the_flat_projection(paper_generator):
    first, *others = of_kind(paper_generator, LAYERS.BatchNormalization)
    assert first.gamma.shape == (4 * 4 * 1024,)
    assert [layer.gamma.shape for layer in others] == [(512,), (256,), (128,)]


def test_discriminator_layers(paper_discriminator):
    stage = ["Conv2D", "BatchNormalization", "LeakyReLU"]
    assert kinds(paper_discriminator) == [
        *["InputLayer", "Conv2D", "LeakyReLU"],
        *stage * 3,
        *["Flatten", "Dense"],
    ]
    convolutions = of_kind(paper_discriminator, LAYERS.Conv2D)
    assert [c.output.shape for c in convolutions] == [
        (None, 32, 32, 128),
        (None, 16, 16, 256),
        (None, 8, 8, 512),
        (None, 4, 4, 1024),
    ]
    slopes = [x.negative_slope for x in of_kind(paper_discriminator, LAYERS.LeakyReLU)]
    assert slopes == pytest.approx([0.2] * 4)
    assert paper_discriminator.layers[-1].activation is keras.activations.linear
    assert paper_discriminator.output_shape == (None, 1)


def test_kernels_strides_and_biases(paper_generator, paper_discriminator):
    convolutions = of_kind(paper_generator, LAYERS.Conv2DTranspose)
    convolutions += of_kind(paper_discriminator, LAYERS.Conv2D)
    assert len(convolutions) == 8
    for layer in convolutions:
        assert layer.kernel_size == (5, 5)
        assert layer.strides == (2, 2)
    dense = of_kind(paper_generator, LAYERS.Dense)
    dense += of_kind(paper_discriminator, LAYERS.Dense)
    assert not any(layer.use_bias for layer in convolutions + dense)


def test_initial_weights(paper_generator, paper_discriminator):
    for network in (paper_generator, paper_discriminator):
        for variable in network.trainable_variables:
            values = variable.numpy()
            mean = {"kernel": 0.0, "gamma": 1.0, "beta": 0.0}[variable.name]
            deviation = 0.0 if variable.name == "beta" else 0.02
            # Five standard errors of the estimates from this many values.
            error = 5 * 0.02 / np.sqrt(values.size)
            assert values.mean() == pytest.approx(mean, abs=error)
            assert values.std() == pytest.approx(deviation, abs=error)
    configured = [
        (type(i).__name__, i.mean, i.stddev)
        for network in (paper_generator, paper_discriminator)
        for layer in network.layers
        for i in [getattr(layer, "kernel_initializer", None)]
        if i is not None
    ]
    assert configured == [("RandomNormal", 0.0, 0.02)] * 10
    scales = [
        (layer.gamma_initializer.mean, layer.gamma_initializer.stddev)
        for network in (paper_generator, paper_discriminator)
        for layer in of_kind(network, LAYERS.BatchNormalization)
    ]
    assert scales == [(1.0, 0.02)] * 7


def test_no_two_layers_start_alike(paper_generator):
    starts = [tuple(w.ravel()[:4]) for w in paper_generator.get_weights()]
    drawn = [start for start in starts if len(set(start)) > 1]
    assert len(drawn) == len(set(drawn)) == 9


SIZES = [
    *[(8, 8, 1), (28, 28, 1), (32, 32, 3), (48, 48, 4), (96, 96, 3), (256, 256, 3)],
    *[(32, 64, 3), (64, 32, 1), (48, 64, 3)],
]


@pytest.mark.parametrize("image_shape", SIZES)
def test_shapes_of_other_sizes(image_shape):
    generator = dcgan_generator(image_shape, latent_dim=5, base_filters=2, seed=0)
    images = generator(np.ones((2, 5), "float32"))
    assert images.shape == (2, *image_shape)
    assert np.abs(images).max() <= 1
    discriminator = dcgan_discriminator(image_shape, base_filters=2, seed=0)
    assert discriminator(images).shape == (2, 1)
    # The discriminator mirrors the generator.
    ups = of_kind(generator, LAYERS.Conv2DTranspose)
    (start,) = of_kind(generator, LAYERS.Reshape)
    downs = of_kind(discriminator, LAYERS.Conv2D)
    maps = [start, *ups[:-1]]
    assert [c.output.shape for c in downs] == [m.output.shape for m in maps[::-1]]
    assert 4 <= min(start.output.shape[1:3]) <= max(start.output.shape[1:3]) <= 15


@pytest.mark.parametrize(
    ("size", "stages"),
    [((8, 8), 1), ((28, 28), 2), ((48, 64), 3), ((64, 64), 4), ((256, 256), 6)],
)
def test_stages(size, stages):
    assert dcgan_stages(*size) == stages


REFUSED = [(s, s) for s in (0, 4, 7, 27, 31, 254, 258, 300, 512)] + [(28, 31), (6, 64)]


@pytest.mark.parametrize("size", REFUSED)
@pytest.mark.parametrize("build", [dcgan_generator, dcgan_discriminator])
def test_sizes_that_strides_of_two_cannot_reach_are_refused(size, build):
    with pytest.raises(InputError, match=f"{size[0]}x{size[1]}"):
        build((*size, 1), base_filters=2)


@pytest.mark.parametrize(
    ("size", "nearest"),
    [
        ((100, 100), "Nearest to 100x100: 96 or 104."),
        ((31, 31), "Nearest to 31x31: 30 or 32."),
        ((300, 300), "Nearest to 300x300: 256."),
        ((4, 4), "Nearest to 4x4: 8."),
        ((100, 62), "Nearest to 100x62: 100x60 or 104x64."),
    ],
)
def test_the_nearest_sizes_are_named_and_can_be_made(size, nearest):
    with pytest.raises(InputError) as error:
        dcgan_stages(*size)
    assert str(error.value).endswith(nearest)
    for side in re.findall(r"\d+(?:x\d+)?", nearest.partition(": ")[2]):
        height, _, width = side.partition("x")
        assert dcgan_stages(int(height), int(width or height)) >= 1


def test_channels_double_from_the_image_on_up_to_eight_times():
    network = dcgan_discriminator((256, 256, 1), base_filters=2)
    filters = [layer.filters for layer in of_kind(network, LAYERS.Conv2D)]
    assert filters == [2, 4, 8, 16, 16, 16]


def test_discriminator_without_batch_normalization():
    network = dcgan_discriminator((32, 32, 1), 2, batch_normalization=False)
    assert not of_kind(network, LAYERS.BatchNormalization)


def build(kind, **kwargs):
    if kind == "generator":
        return dcgan_generator((16, 16, 1), 6, 4, **kwargs)
    return dcgan_discriminator((16, 16, 1), 4, **kwargs)


@pytest.mark.parametrize("kind", ["generator", "discriminator"])
def test_the_seed_decides_the_initial_weights(kind):
    first, again, other = (build(kind, seed=s).get_weights() for s in (1, 1, 2))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(first, other, strict=True):
        assert np.ptp(a) == 0 or np.abs(a - b).max() > 0.01


@pytest.mark.parametrize("kind", ["generator", "discriminator"])
def test_the_label_enters_every_layer_with_weights(kind):
    network = build(kind, num_classes=3, seed=1)
    plain = build(kind, seed=1)
    wider = sum(k == "ConcatenateLabel" for k in kinds(network))
    with_kernel = [layer for layer in plain.layers if hasattr(layer, "kernel")]
    assert wider == len(with_kernel) == 3
    inputs = [np.ones((3, *network.inputs[0].shape[1:]), "float32"), np.arange(3)]
    outputs = np.reshape(network(inputs), (3, -1))
    assert (np.ptp(outputs, axis=0) > 0).all()
    assert network.inputs[1].name == "label"


@pytest.mark.parametrize("conditional", [None, 3])
@pytest.mark.parametrize("spectral", [False, True])
@pytest.mark.parametrize("kind", ["generator", "discriminator"])
def test_saved_networks_give_the_same_outputs(kind, spectral, conditional, tmp_path):
    options = {"spectral_normalization": spectral} if kind == "discriminator" else {}
    network = build(kind, num_classes=conditional, seed=1, **options)
    inputs = np.random.default_rng(0).normal(size=(3, *network.inputs[0].shape[1:]))
    if conditional:
        inputs = [inputs, np.arange(3)]
    network(inputs, training=True)
    network.save(tmp_path / "network.keras")
    copy = keras.models.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(network(inputs), copy(inputs))
    np.testing.assert_array_equal(
        network(inputs, training=True), copy(inputs, training=True)
    )


def test_translation_is_before_all_and_in_training_alone():
    plain = build("discriminator", seed=1)
    network = build("discriminator", translation=0.25, seed=2)
    assert isinstance(network.layers[1], RandomTranslation)
    network.set_weights(plain.get_weights())
    images = np.random.default_rng(0).normal(size=(4, *network.inputs[0].shape[1:]))
    np.testing.assert_array_equal(network(images), plain(images))
    moved = network(images, training=True) - plain(images, training=True)
    assert (np.abs(moved) > 1e-4).all()


@pytest.mark.parametrize("translation", [-0.1, 0.6, float("nan")])
def test_translations_of_more_than_half_a_side(translation):
    with pytest.raises(InputError, match=f"translation is {translation}"):
        build("discriminator", translation=translation)


def test_spectral_normalization_brings_the_largest_singular_value_to_one():
    network = dcgan_discriminator(
        (16, 16, 1), 4, batch_normalization=False, spectral_normalization=True, seed=1
    )
    wrapped = of_kind(network, SpectralNormalization)
    assert len(wrapped) == 3
    images = np.random.default_rng(0).normal(size=(4, 16, 16, 1)).astype("float32")

    def largest():
        kernels = [w.layer.kernel.numpy() for w in wrapped]
        return [
            np.linalg.svd(k.reshape(-1, k.shape[-1]), compute_uv=False)[0]
            for k in kernels
        ]

    assert max(largest()) < 0.7
    for _ in range(30):
        network(images, training=True)
    assert largest() == pytest.approx([1.0] * 3, abs=0.02)


@pytest.mark.parametrize("spectral", [False, True])
def test_logits_and_images_are_float32_under_half_precision(spectral, half_precision):
    assert build("generator").output.dtype == "float32"
    network = build("discriminator", spectral_normalization=spectral)
    assert network.output.dtype == "float32"
    assert network.layers[1].output.dtype == "bfloat16"
