"""U-Net, patches and the residual translator against the figures of their papers."""

import contextlib

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from ai_edge_litert import interpreter

from export import litert, onnx
from export.exportable import Exportable
from keras_gan import serving
from keras_gan.errors import InputError
from keras_gan.networks import (
    InstanceNormalization,
    ReflectionPadding,
    StatelessBatchNormalization,
    patch_discriminator,
    residual_translator,
    unet,
)
from keras_gan.networks.layers import Dropout

LAYERS = keras.layers
RNG = np.random.default_rng(0)


def rgb(size):
    return (size, size, 3)


def of_kind(network, *kinds):
    return [layer for layer in network.layers if type(layer) in kinds]


def images_for(network, count=1, size=(8, 16)):
    """Returns random images for each input of a network."""
    images = [
        tf.constant(RNG.uniform(-1, 1, (count, *size, given.shape[-1])), "float32")
        for given in network.inputs
    ]
    return images if len(images) > 1 else images[0]


# Small networks of each kind, for images of any size if none is given.
KINDS = {
    "unet": lambda size=(None, None), **kwargs: unet(
        (*size, 3), (*size, 2), 2, depth=3, **kwargs
    ),
    "patches": lambda size=(None, None), **kwargs: patch_discriminator(
        (*size, 2), (*size, 3), 1, 2, **kwargs
    ),
    "instance": lambda size=(None, None), **kwargs: patch_discriminator(
        (*size, 2), None, 1, 2, "instance", **kwargs
    ),
    "residual": lambda size=(None, None), **kwargs: residual_translator(
        (*size, 3), (*size, 2), 2, 1, **kwargs
    ),
}
each_kind = pytest.mark.parametrize("kind", KINDS)


def spread(network, seed=0):
    """Gives a network weights that make outputs of all values."""
    rng = np.random.default_rng(seed)
    for weight in network.trainable_weights:
        deviation = 0.3 if len(weight.shape) == 1 else weight.shape[0] ** -1.0
        weight.assign(rng.normal(weight.name == "gamma", deviation, weight.shape))
    return network


@contextlib.contextmanager
def without_values():
    """Makes initial weights of zeros: large networks are counted at once."""
    draw = keras.initializers.RandomNormal.__call__
    keras.initializers.RandomNormal.__call__ = lambda self, shape, dtype=None: (
        keras.ops.zeros(shape, dtype)
    )
    yield
    keras.initializers.RandomNormal.__call__ = draw


@pytest.mark.parametrize(
    ("size", "filters", "parameters"),
    [
        (256, 64, 54_413_955),
        (128, 64, 41_828_995),
        (64, 64, 29_244_035),
        (64, 32, 7_314_755),
        (64, 16, 1_830_563),
    ],
)
def test_parameters_of_the_unet(size, filters, parameters):
    with without_values():
        assert unet(rgb(size), rgb(size), filters).count_params() == parameters


def test_parameters_of_the_encoder_decoder():
    with without_values():
        network = unet(rgb(256), rgb(256), skips=False)
        # The Lua code, which the figure is of, has a bias in each convolution.
        assert network.count_params() + 5_504 == 39_080_963


@pytest.mark.parametrize(
    ("layers", "of_pix2pix", "of_cyclegan"),
    [
        (0, 9_025, 8_705),
        (1, 139_585, 136_385),
        (2, 666_433, 662_977),
        (3, 2_768_705, 2_764_737),
        (4, 6_964_033, 6_959_553),
        (5, 11_159_361, 11_154_369),
    ],
)
def test_parameters_of_the_discriminators(layers, of_pix2pix, of_cyclegan):
    with without_values():
        network = patch_discriminator(rgb(256), rgb(256), layers)
        assert network.count_params() == of_pix2pix
        assert [i.name for i in network.inputs] == ["condition", "image"]
        network = patch_discriminator(rgb(256), None, layers, normalization="instance")
        assert network.count_params() == of_cyclegan


@pytest.mark.parametrize(
    ("filters", "blocks", "parameters"),
    [
        (64, 9, 11_378_179),
        (64, 6, 7_837_699),
        (32, 6, 1_965_059),
        (16, 6, 494_083),
    ],
)
def test_parameters_of_the_residual_translator(filters, blocks, parameters):
    with without_values():
        network = residual_translator(rgb(64), None, filters, blocks)
        assert network.count_params() == parameters


@pytest.mark.parametrize(("size", "patches"), [(256, 30), (128, 14), (64, 6), (70, 6)])
def test_logits_of_three_layers(size, patches):
    network = patch_discriminator(rgb(size), base_filters=1)
    assert network.output_shape == (None, patches, patches, 1)


@pytest.mark.parametrize(
    ("layers", "field"), [(0, 1), (1, 16), (2, 34), (3, 70), (4, 142), (5, 286)]
)
def test_a_patch_is_what_the_gradient_of_a_logit_reaches(layers, field):
    size = field + 2 ** (layers + 2)
    network = patch_discriminator((size, size, 1), None, layers, 1, normalization=None)
    network.set_weights([np.ones(w.shape) for w in network.weights])
    image = tf.ones([1, size, size, 1])
    with tf.GradientTape() as tape:
        tape.watch(image)
        logits = network(image)
        rows, columns = logits.shape[1:3]
        logit = logits[0, rows // 2, columns // 2, 0]
    reached = np.argwhere(tape.gradient(logit, image)[0, :, :, 0])
    assert (np.ptp(reached, axis=0) + 1).tolist() == [field, field]


def test_layers_of_the_unet():
    network = unet((64, 64, 3), (64, 64, 1), 2, seed=1)
    downs, ups = (
        of_kind(network, LAYERS.Conv2D),
        of_kind(network, LAYERS.Conv2DTranspose),
    )
    assert [c.filters for c in downs] == [2, 4, 8, 16, 16, 16]
    assert [c.filters for c in ups] == [16, 16, 8, 4, 2, 1]
    for layer in downs + ups:
        assert (layer.kernel_size, layer.strides) == ((4, 4), (2, 2))
    # A normalization replaces the bias; the outermost and innermost maps have none.
    assert [c.use_bias for c in downs + ups] == [False] * 11 + [True]
    assert downs[-1].output.shape[1:3] == (1, 1)
    normed = of_kind(network, StatelessBatchNormalization)
    assert [n.input.shape[1] for n in normed] == [16, 8, 4, 2, 2, 4, 8, 16, 32]
    # Dropout after the first three; then the encoder's features before activation.
    dropped = of_kind(network, Dropout)
    assert [d.input for d in dropped] == [n.output for n in normed[4:7]]
    assert [d.rate for d in dropped] == [0.5] * 3
    joined = of_kind(network, LAYERS.Concatenate)
    skipped = [downs[0], *normed[:4]]
    assert [j.input[1] for j in joined] == [s.output for s in reversed(skipped)]
    after = [d.output for d in dropped] + [n.output for n in normed[7:]]
    assert [j.input[0] for j in joined] == after
    # LeakyReLU before each down but the first, ReLU before each up.
    assert [a.output for a in of_kind(network, LAYERS.LeakyReLU)] == [
        c.input for c in downs[1:]
    ]
    assert {a.negative_slope for a in of_kind(network, LAYERS.LeakyReLU)} == {0.2}
    assert [a.output for a in of_kind(network, LAYERS.ReLU)] == [c.input for c in ups]
    assert network.layers[-1].activation is keras.activations.tanh


def test_encoder_decoder_is_the_unet_without_skips_or_dropout():
    network = unet((32, 64, 1), (32, 64, 1), 2, skips=False, dropout=0.0)
    assert not of_kind(network, LAYERS.Concatenate, Dropout)
    assert of_kind(network, LAYERS.Conv2D)[-1].output.shape == (None, 1, 2, 16)


def test_layers_of_the_residual_translator():
    network = residual_translator((16, 16, 3), (16, 16, 1), 2, blocks=2)
    convolutions = of_kind(network, LAYERS.Conv2D)
    assert [c.filters for c in convolutions] == [2, 4, 8, 8, 8, 8, 8, 1]
    assert [c.kernel_size[0] for c in convolutions] == [7, *[3] * 6, 7]
    assert [c.strides[0] for c in convolutions] == [1, 2, 2, *[1] * 5]
    ups = of_kind(network, LAYERS.Conv2DTranspose)
    assert [(c.filters, c.kernel_size, c.strides) for c in ups] == [
        (4, (3, 3), (2, 2)),
        (2, (3, 3), (2, 2)),
    ]
    assert all(c.use_bias for c in convolutions + ups)
    # Borders are reflected around convolutions of stride 1 alone.
    padded = of_kind(network, ReflectionPadding)
    assert [p.pixels for p in padded] == [3, 1, 1, 1, 1, 3]
    assert [p.output for p in padded] == [
        c.input for c in convolutions if c.strides == (1, 1)
    ]
    # No ReLU after the sum.
    (first, second) = of_kind(network, LAYERS.Add)
    assert padded[3].input is first.output
    assert ups[0].input is second.output
    normed = of_kind(network, InstanceNormalization)
    assert len(normed) == 9
    assert not any(n.weights for n in normed)


@each_kind
def test_initial_weights(kind):
    first, again, other = (KINDS[kind](seed=seed) for seed in (1, 1, 2))
    values = {"kernel": [], "gamma": [], "bias": [np.zeros(1)], "beta": []}
    for weight in first.trainable_weights:
        values[weight.name].append(weight.numpy().ravel())
    assert not np.concatenate(values["bias"] + values["beta"]).any()
    for name, mean in (("kernel", 0.0), ("gamma", 1.0)):
        if values[name]:
            assert len({v[0] for v in values[name]}) == len(values[name])
            drawn = np.concatenate(values[name])
            error = 5 * 0.02 / np.sqrt(drawn.size)
            assert drawn.mean() == pytest.approx(mean, abs=error)
            assert drawn.std() == pytest.approx(0.02, abs=error)
    for a, b, c in zip(*(n.get_weights() for n in (first, again, other)), strict=True):
        np.testing.assert_array_equal(a, b)
        assert np.ptp(a) == 0 or np.any(a != c)


@each_kind
def test_images_of_any_size(kind):
    free = spread(KINDS[kind]())
    assert free.output_shape[:3] == (None, None, None)
    for size in ((8, 16), (16, 8)):
        fixed = KINDS[kind](size)
        fixed.set_weights(free.get_weights())
        images = images_for(free, size=size)
        np.testing.assert_array_equal(fixed(images), free(images))


@each_kind
def test_saved_networks_give_the_same_outputs(kind, tmp_path):
    options = {"dropout": 0.0} if kind == "unet" else {}
    network = spread(KINDS[kind](seed=1, **options))
    images = images_for(network, 2)
    network.save(tmp_path / "network.keras")
    copy = keras.models.load_model(tmp_path / "network.keras")
    for training in (False, True):
        found = network(images, training=training)
        assert np.std(found) > 0.01
        np.testing.assert_array_equal(found, copy(images, training=training))


@each_kind
def test_an_image_does_not_depend_on_its_batch_at_inference(kind):
    network = spread(KINDS[kind](seed=1))
    images = images_for(network, 3)
    alone = [tf.nest.map_structure(lambda i: i[1:2], images)]
    np.testing.assert_allclose(network(images)[1:2], network(alone[0]), atol=1e-5)
    depends = kind in ("unet", "patches")
    trained = network(images, training=True)[1:2] - network(images)[1:2]
    assert (np.abs(trained).max() > 0.01) == depends


def step(network):
    """Returns a function from images to outputs and gradients of training."""

    @tf.function(autograph=False)
    def traced(images):
        with tf.GradientTape() as tape:
            made = network(images, training=True)
            loss = tf.reduce_mean(made**2)
        return made, tape.gradient(loss, network.trainable_variables)

    return traced


@each_kind
def test_half_precision_and_kernels_for_gpus(kind, half_precision, without_gpu_kernel):
    network = spread(KINDS[kind](seed=1))
    assert network.output.dtype == "float32"
    kinds = (StatelessBatchNormalization, InstanceNormalization, ReflectionPadding)
    assert {layer.output.dtype for layer in of_kind(network, *kinds)} == {"bfloat16"}
    images = images_for(network, 2)
    keras.mixed_precision.set_global_policy("float32")
    single = spread(KINDS[kind](seed=1))
    np.testing.assert_allclose(network(images), single(images), atol=0.1)
    of_both = [step(n) for n in (network, single)]
    (made, gradients), (expected, exact) = (traced(images) for traced in of_both)
    assert {g.dtype for g in gradients} == {tf.float32}
    for a, b in ([made], [expected]), (gradients, exact):
        a, b = (np.concatenate([np.ravel(t) for t in tensors]) for tensors in (a, b))
        assert np.linalg.norm(a - b) < 0.6 * np.linalg.norm(b)
    for traced in of_both:
        graph = traced.get_concrete_function(images).graph
        assert any("Conv2DBackprop" in o.type for o in graph.get_operations())
        assert not without_gpu_kernel(graph)


def exportable(network):
    """Returns a network as an export takes it, without a model around it."""
    sides = [
        serving.image((*i.shape[1:3], i.shape[3]), (-1, 1))
        for i in (network.input, network.output)
    ]
    functions = serving.image_to_image(network, *sides)
    return Exportable("translator", {"generator": network}, functions, {})


@pytest.mark.parametrize("kind", ["unet", "residual"])
def test_onnx_and_litert_take_images_of_any_size(kind, tmp_path):
    network = spread(KINDS[kind](seed=1))
    onnx.write(exportable(network).only("serving_default"), tmp_path / "x.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "x.onnx")
    litert.write(exportable(network).only("serving_default"), tmp_path / "x.tflite")
    runner = interpreter.Interpreter(str(tmp_path / "x.tflite")).get_signature_runner()
    for count, size in ((1, (16, 24)), (3, (32, 8))):
        images = images_for(network, count, size)
        expected = network(images)
        (found,) = session.run(None, {"source": images.numpy()})
        np.testing.assert_allclose(found, expected, atol=1e-5)
        np.testing.assert_allclose(runner(source=images)["image"], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: unet((64, 96, 3), (64, 96, 3)), "64x96 pixels.* 6 times.*most 5"),
        (lambda: unet((28, 28, 3), (28, 28, 3)), "28x28 pixels.* 4 times.*most 2"),
        (lambda: unet((33, 33, 3), (33, 33, 3), depth=1), "multiples of 2.$"),
        (lambda: unet((None, 64, 3), (None, 64, 3)), "depth is None. Give"),
        (lambda: unet((64, 64, 3), (32, 64, 3)), "must be equal"),
        (lambda: unet((64, 64, 3), (64, 64, 3), depth=0), "depth is 0"),
        (lambda: residual_translator((66, 70, 3)), "multiples of 4"),
        (lambda: residual_translator((4, 64, 3)), "at least 8 pixels"),
        (lambda: residual_translator((8, 8, 3), (16, 8, 3)), "must be equal"),
        (lambda: residual_translator((8, 8, 3), blocks=-1), "blocks is -1"),
        (lambda: patch_discriminator((16, 64, 3)), "16x64 pixels.*at least 24"),
        (lambda: patch_discriminator((64, 64, 3), layers=6), "layers is 6"),
        (lambda: patch_discriminator((64, 64, 3), (32, 64, 3)), "must be equal"),
        (
            lambda: patch_discriminator((64, 64, 3), normalization="layer"),
            "normalization is 'layer'",
        ),
        (lambda: ReflectionPadding(3)(np.ones((1, 3, 9, 1))), "3x9 pixels.*at least 4"),
    ],
)
def test_what_the_networks_cannot_do(build, said):
    with pytest.raises(InputError, match=said):
        build()


@pytest.mark.parametrize(
    ("size", "depth"), [((32, 32), 5), ((512, 512), 9), ((64, 128), 6), ((8, 8), 3)]
)
def test_the_smaller_side_ends_at_one_pixel(size, depth):
    network = unet((*size, 3), (*size, 1), 1)
    downs = of_kind(network, LAYERS.Conv2D)
    assert len(downs) == depth
    assert min(downs[-1].output.shape[1:3]) == 1
    assert network.output_shape == (None, *size, 1)
