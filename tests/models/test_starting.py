"""Which weights a new model takes over from another one that differs from it."""

import keras
import numpy as np
import pytest

from keras_gan import (
    DCGAN,
    GAN,
    VAE,
    Autoencoder,
    InputError,
    Pix2Pix,
    callbacks,
    networks,
)


def dcgan(size=8, filters=2, channels=1, **kwargs):
    compiling = {
        name: kwargs.pop(name)
        for name in ("generator_average", "freeze_discriminator_layers")
        if name in kwargs
    }
    gan = DCGAN((size, size, channels), 3, filters, seed=1, **kwargs)
    gan.compile("adam", "adam", **compiling)
    return gan


def trained(model):
    """Returns the model with other weights, which tell from where each one comes."""
    rng = np.random.default_rng(0)
    for network in model.networks().values():
        network.set_weights([rng.uniform(0.1, 1, w.shape) for w in network.weights])
    return model


def kernels(network):
    """Returns the kernels of a network, from its input on."""
    return [w.numpy() for w in network.weights if w.name == "kernel"]


def test_a_larger_size_takes_over_the_layers_next_to_latent_vector_and_logit():
    small, large = trained(dcgan(16, filters=4)), dcgan(32, filters=2)
    said = large.start_from(small)
    assert "4 of 8 layers" in said
    assert "generator layer 4 (Conv2DTranspose 5x5x1x2, there none)" in said
    (dense, first, *_), (mine, second, *_) = (
        kernels(one.generator) for one in (small, large)
    )
    np.testing.assert_array_equal(mine, dense)
    np.testing.assert_array_equal(second, first)
    np.testing.assert_array_equal(
        kernels(large.discriminator)[-1], kernels(small.discriminator)[-1]
    )


def test_a_layer_more_is_new_at_the_far_end():
    def layers(count):
        wide = (4,) * count
        gan = GAN(
            networks.points_generator(2, 2, wide),
            networks.points_discriminator(2, wide),
            latent_dim=2,
            value_range=None,
        )
        gan.compile("adam", "adam")
        return gan

    old, new = trained(layers(2)), layers(3)
    assert "generator layer 3 (Dense 4x4, there none)" in new.start_from(old)
    for mine, theirs in zip(
        kernels(new.generator)[:2], kernels(old.generator)[:2], strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize(("here", "there"), [(3, None), (None, 3), (2, 3)])
def test_labels_have_weights_of_their_own(here, there):
    old = trained(dcgan(num_classes=there))
    new = dcgan(num_classes=here)
    before = [kernels(one) for one in (new.generator, new.discriminator)]
    assert ("label inputs of 4 layers" in new.start_from(old)) == (here is not None)
    for network, other, begun in zip(
        (new.generator, new.discriminator),
        (old.generator, old.discriminator),
        before,
        strict=True,
    ):
        for kernel, theirs, own in zip(
            kernels(network), kernels(other), begun, strict=True
        ):
            # The input is the last axis of a transposed convolution.
            axis = -1 if kernel.shape[-1] - theirs.shape[-1] else -2
            kernel, theirs, own = (
                np.moveaxis(one, axis, 0) for one in (kernel, theirs, own)
            )
            features = len(kernel) - (here or 0)
            assert features == len(theirs) - (there or 0)
            np.testing.assert_array_equal(kernel[:features], theirs[:features])
            np.testing.assert_array_equal(kernel[features:], own[features:])


def test_grey_and_colour_images_get_the_same_logit():
    grey, colour, alpha = (dcgan(channels=n) for n in (1, 3, 4))
    image = np.random.default_rng(0).uniform(-1, 1, (2, 8, 8, 1)).astype("float32")
    expected = trained(grey).discriminator(image).numpy()
    colour.start_from(grey)
    assert colour.discriminator(np.repeat(image, 3, -1)).numpy() == pytest.approx(
        expected, rel=1e-5
    )
    grey.discriminator.set_weights([0 * w for w in grey.discriminator.get_weights()])
    grey.start_from(colour)
    assert grey.discriminator(image).numpy() == pytest.approx(expected, rel=1e-5)
    latent = np.ones((2, 3), "float32")
    made = colour.generator(latent).numpy()
    np.testing.assert_allclose(made[..., 0], made[..., 2])
    assert grey.generator(latent).numpy() == pytest.approx(made[..., :1], abs=1e-5)
    assert "alpha channel of 2 layers" in alpha.start_from(colour)
    np.testing.assert_allclose(alpha.generator(latent)[..., :3], made, atol=1e-6)


def test_what_does_not_fit_is_refused_and_nothing_changes():
    new = dcgan()
    before = new.generator.get_weights()
    pix2pix = Pix2Pix(
        networks.unet((8, 8, 1), (8, 8, 1), 2),
        networks.patch_discriminator((8, 8, 1), (8, 8, 1), 1, 2),
    )
    for other, why in (
        (dcgan(filters=3), r"no layer fits \(generator layer 1 .* there Dense 3x48\)"),
        (pix2pix, "a DCGAN cannot start from a Pix2Pix"),
        ("runs/old", "start_from was given a str"),
    ):
        with pytest.raises(InputError, match=why):
            new.start_from(other)
    for mine, own in zip(new.generator.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, own)
    new.step.assign(1)
    with pytest.raises(InputError, match="taken 1 steps"):
        new.start_from(dcgan())
    with pytest.raises(InputError, match="Compile the model first"):
        DCGAN((8, 8, 1), 3, 2).start_from(new)


def test_what_numbers_mean_is_told_if_it_differs():
    def gan(*args):
        model = GAN(
            networks.mlp_generator((4, 4, 1), 2, (3,)),
            networks.maxout_discriminator((4, 4, 1), (3,)),
            2,
            *args,
        )
        model.compile("adam", "adam")
        return model

    assert gan().start_from(gan()).endswith("layers")
    said = gan().start_from(gan("uniform", (0, 2), (0, 1)))
    assert said.split("; ")[1:] == [
        "its image values are from 0 to 1, here from -1 to 1",
        "its prior is uniform from 0 to 2, here normal",
    ]


def test_grey_and_colour_fit_where_the_last_layer_makes_four_pixels():
    def residual(channels):
        shape = (8, 8, channels)
        gan = GAN(
            networks.residual_generator(shape, 2, 4, full_size_blocks=False),
            networks.residual_discriminator(shape, 4, full_size_blocks=False),
            latent_dim=2,
        )
        gan.compile("adam", "adam")
        return gan

    grey, colour = trained(residual(1)), residual(3)
    assert "new" not in colour.start_from(grey)
    latent = np.ones((2, 2), "float32")
    expected = np.repeat(grey.generator(latent).numpy(), 3, -1)
    np.testing.assert_allclose(colour.generator(latent), expected, atol=1e-6)


def test_an_average_starts_as_the_average_of_the_other_one():
    def gan():
        layers = [keras.Input((2,)), keras.layers.Lambda(lambda x: 2 * x)]
        model = GAN(  # a Lambda cannot be copied: its average is a Twin
            keras.Sequential([*layers, keras.layers.Dense(3)]),
            keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]),
            latent_dim=2,
            value_range=None,
        )
        model.compile("adam", "adam", generator_average=0.9)
        return model

    old, new = trained(gan()), gan()
    assert not np.array_equal(
        old.generator.weights[0], old.averaged_generator.weights[0]
    )
    new.start_from(old)
    for name, network in new.networks().items():
        for mine, theirs in zip(
            network.get_weights(), old.networks()[name].get_weights(), strict=True
        ):
            np.testing.assert_array_equal(mine, theirs)


def test_a_vae_starts_from_an_autoencoder():
    def model(kind):
        encoder = networks.mlp_encoder((4, 4, 1), 3, (5,), variational=kind is VAE)
        made = kind(encoder, networks.mlp_decoder((4, 4, 1), 3, (5,)), 3, (0, 1))
        made.compile("adam", "bernoulli")
        return made

    old, new = trained(model(Autoencoder)), model(VAE)
    assert "encoder layer 3 (Dense 5x3, there none)" in new.start_from(old)
    means = (one.encoder.get_layer("mean").kernel for one in (new, old))
    np.testing.assert_array_equal(*means)


def test_frozen_layers_of_the_discriminator_stay(tmp_path):
    def gan(frozen=2):
        options = {"size": 16, "spectral_normalization": True}
        return dcgan(**options, freeze_discriminator_layers=frozen)

    images = np.random.default_rng(0).uniform(-1, 1, (8, 16, 16, 1)).astype("float32")
    old, new = trained(gan(0)), gan()
    assert "6 of 6 layers (2 of them frozen)" in new.start_from(old)
    checkpoint = callbacks.Checkpoint(tmp_path / "checkpoints")
    new.fit(images, batch_size=4, verbose=0, callbacks=[checkpoint])
    new.save(tmp_path / "new.keras")
    kept = {id(w) for layer in new.frozen_layers for w in layer.weights}
    assert len(kept) == 8  # of two kernels and a batch norm
    for mine, theirs in zip(
        new.discriminator.weights, old.discriminator.weights, strict=True
    ):
        assert np.array_equal(mine, theirs) == (id(mine) in kept), mine.path
    resumed, loaded = gan(), keras.models.load_model(tmp_path / "new.keras")
    assert checkpoint.restore(resumed)
    for model in resumed, loaded:
        trainable = [w.trainable for w in model.discriminator.weights]
        assert trainable == [w.trainable for w in new.discriminator.weights]
        assert sum(trainable) == 1  # the kernel of the logit
    new.compile("adam", "adam")
    assert all(layer.trainable for layer in new.discriminator.layers)
    with pytest.raises(InputError, match="from 0 to 2"):
        gan(3)
    # Of a layer that is new in part, nobody trained the rest.
    with pytest.raises(
        InputError, match="layer 1 of the discriminator would be frozen"
    ):
        dcgan(channels=4, freeze_discriminator_layers=1).start_from(dcgan(channels=3))


@pytest.mark.parametrize("compiled", [True, False])
def test_a_file_keeps_what_the_user_froze_and_no_more(tmp_path, compiled):
    gan = GAN(
        networks.points_generator(2, 2, (3,)),
        networks.points_discriminator(2, (3, 3, 3)),
        latent_dim=2,
        value_range=None,
    )
    layers = [one for one in gan.discriminator.layers if one.weights]
    layers[1].trainable = False
    gan.compile("adam", "adam", freeze_discriminator_layers=2)
    gan.save(tmp_path / "gan.keras")
    assert [one.trainable for one in layers] == [False, False, True, True]
    loaded = keras.models.load_model(tmp_path / "gan.keras", compile=compiled)
    again = [one for one in loaded.discriminator.layers if one.weights]
    assert [one.trainable for one in again] == [not compiled, False, True, True]
    for model in gan, loaded:
        model.compile("adam", "adam")
    assert [one.trainable for one in layers] == [True, False, True, True]
    assert [one.trainable for one in again] == [True, False, True, True]
