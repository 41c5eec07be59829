"""The families that every contract test runs over, and how they train there.

A line in `FAMILIES` is all that a family needs: a function that returns a tiny compiled
model with weights of its own seed, and passes its options on to `compile`. Batches are
drawn as the model's `elements` say.

Optimizers here are not Adam with its own epsilon: it makes whole steps of the roundings
of a gradient near zero, and hides a loss that is scaled wrongly.
"""

import keras
import numpy as np
import tensorflow as tf
import toy

from keras_gan import DCGAN, GAN, VAE, Autoencoder, CycleGAN, Pix2Pix, losses
from keras_gan.models.elements import LabelElement
from keras_gan.networks import (
    convolutional_encoder,
    dcgan_generator,
    maxout_discriminator,
    mlp_decoder,
    mlp_encoder,
    mlp_generator,
    patch_discriminator,
    residual_discriminator,
    residual_generator,
    residual_translator,
    unet,
    with_learned_scale,
)
from keras_gan.optimizers import Adam, LinearDecay

# Two epochs of three steps.
BATCH, STEPS_PER_EPOCH, STEPS = 8, 3, 6


def adam(rate=3e-3, beta_1=0.5):
    return Adam(rate, beta_1=beta_1, epsilon=1e-3)


def gan(**compiling):
    """Labels, another range, dropout, an average, momentum and a schedule."""
    model = GAN(
        mlp_generator((8, 8, 1), 4, (8,), num_classes=3, seed=1),
        maxout_discriminator((8, 8, 1), (6,), 2, num_classes=3, seed=2),
        latent_dim=4,
        latent_distribution="uniform",
        latent_bounds=(-2, 2),
        value_range=(0, 1),
        num_classes=3,
        seed=7,
    )
    schedule = keras.optimizers.schedules.ExponentialDecay(20.0, 2, 0.5)
    model.compile(
        keras.optimizers.SGD(schedule, momentum=0.5),
        adam(),
        objective=losses.Minimax(label_smoothing=0.1),
        penalty=losses.GradientPenalty(2.0),
        generator_average=0.9,
        **compiling,
    )
    return model


def dcgan(**compiling):
    """Spectral normalisation, augmentation, a lazy penalty and an average."""
    model = DCGAN(
        *((8, 8, 1), 4, 2),
        hidden_units=6,
        batch_normalization=False,
        spectral_normalization=True,
        translation=0.25,
        augmentation="color,cutout",
        seed=5,
    )
    model.compile(
        adam(),
        adam(beta_1=0.4),
        penalty="r1",
        penalty_interval=2,
        generator_average=0.9,
        **compiling,
    )
    return model


def conditional_dcgan(**compiling):
    """Labels, batch normalisation in both networks, an adaptive augmentation."""
    model = DCGAN(
        *((8, 8, 3), 4, 2),
        num_classes=3,
        latent_distribution="normal",
        augmentation="color,translation,cutout",
        augmentation_target=0.6,
        seed=5,
    )
    model.augmentation_p = 0.5
    model.compile(adam(), adam(), **compiling)
    return model


def residual(**compiling):
    """Residual networks without normalisation, with labels, and a lazy penalty."""
    sizes = {"base_filters": 2, "num_classes": 3, "full_size_blocks": False}
    model = GAN(
        residual_generator((16, 16, 3), 4, seed=1, **sizes),
        residual_discriminator((16, 16, 3), seed=2, **sizes),
        latent_dim=4,
        num_classes=3,
        seed=5,
    )
    model.compile(
        adam(beta_1=0.0),
        adam(beta_1=0.0),
        objective="relativistic",
        penalty="r1r2",
        penalty_interval=2,
        generator_average=0.9,
        **compiling,
    )
    return model


def points(**compiling):
    """Layers of a user's own, regularizers, no range, and players that move at once.

    Rates, beta_2 and the penalty change along cosines.
    """

    def dense(units, activation=None):
        return keras.layers.Dense(
            *(units, activation),
            kernel_initializer=keras.initializers.GlorotUniform(seed=units),
            kernel_regularizer=keras.regularizers.L2(0.01),
        )

    model = GAN(
        keras.Sequential([keras.Input((4,)), dense(8, "tanh"), dense(2)]),
        keras.Sequential([keras.Input((2,)), dense(9, "tanh"), dense(1)]),
        latent_dim=4,
        value_range=None,
        seed=1,
    )
    cosine = keras.optimizers.schedules.CosineDecay
    model.compile(
        Adam(cosine(3e-3, STEPS, 0.25), 0.5, cosine(0.9, STEPS, 1.1), epsilon=1e-3),
        adam(),
        objective="relativistic",
        penalty=losses.R1R2(cosine(0.5, 2 * STEPS, 0.1)),
        penalty_interval=3,
        discriminator_steps=2,
        update="simultaneous",
        **compiling,
    )
    return model


def mean_image(**compiling):
    """No player, no discriminator."""
    model = toy.MeanImage(toy.painter((8, 8, 1), seed=1), seed=7)
    model.compile(adam(), **compiling)
    return model


def vae(**compiling):
    """Labels, binarised images, warm-up, decay of weights and three samples."""
    model = VAE(
        mlp_encoder((8, 8, 1), 4, (8,), num_classes=3, weight_decay=0.1, seed=1),
        mlp_decoder((8, 8, 1), 4, (8,), num_classes=3, seed=2),
        latent_dim=4,
        value_range=(0, 1),
        num_classes=3,
        seed=7,
    )
    model.compile(
        adam(),
        "bernoulli",
        beta_warmup_steps=4,
        importance_samples=3,
        **compiling,
    )
    return model


def convolutional_vae(**compiling):
    """DCGAN's generator as the decoder, batch normalisation and a learned scale."""
    decoder = dcgan_generator((8, 8, 1), 4, 4, seed=2)
    model = VAE(
        convolutional_encoder((8, 8, 1), 4, 4, seed=1),
        with_learned_scale(decoder, initial=1.0),
        latent_dim=4,
        seed=7,
    )
    model.compile(adam(), losses.Gaussian(None), **compiling)
    return model


def autoencoder(**compiling):
    """No prior, and pixels as probabilities of levels."""
    model = Autoencoder(
        mlp_encoder((8, 8, 1), 4, (8,), variational=False, seed=1),
        mlp_decoder((8, 8, 1), 4, (8,), "tanh", learned_scale=True, seed=2),
        latent_dim=4,
        seed=7,
    )
    model.compile(adam(), losses.DiscretizedLogistic(None), **compiling)
    return model


def pix2pix(**compiling):
    """Dropout, batch statistics, two inputs of the discriminator, an average."""
    source, target = (8, 8, 1), (8, 8, 3)
    model = Pix2Pix(
        unet(source, target, 2, seed=1),
        patch_discriminator(target, source, layers=1, base_filters=2, seed=2),
        l1_weight=5.0,
        seed=7,
    )
    model.compile(adam(), adam(), generator_average=0.9, **compiling)
    return model


def cyclegan(**compiling):
    """Other channels on each side, pools that fill, falling rates, two averages.

    Not 8x8: its blocks would normalise four pixels, which amplifies rounding.
    """
    shapes = {"a": (16, 16, 1), "b": (16, 16, 3)}
    model = CycleGAN(
        residual_translator(shapes["a"], shapes["b"], 2, blocks=1, seed=1),
        residual_translator(shapes["b"], shapes["a"], 2, blocks=1, seed=2),
        *(
            patch_discriminator(shapes[name], None, 1, 2, "instance", seed=3)
            for name in "ab"
        ),
        cycle_weight=1.0,
        identity_weight=0,
        pool_size=2 * BATCH - 2,
        seed=7,
    )
    rates = [LinearDecay(1e-3, 2 * STEPS, share=1.0) for _ in range(2)]
    model.compile(*map(adam, rates), generator_average=0.9, **compiling)
    return model


FAMILIES = {
    "gan": gan,
    "dcgan": dcgan,
    "conditional dcgan": conditional_dcgan,
    "residual": residual,
    "points": points,
    "mean image": mean_image,
    "vae": vae,
    "convolutional vae": convolutional_vae,
    "autoencoder": autoencoder,
    "pix2pix": pix2pix,
    "cyclegan": cyclegan,
}
# Compiling these takes seconds: only `-m slow` trains them, in one process.
SLOW = ("residual",)
QUICK = [name for name in FAMILIES if name not in SLOW]


def rows(model):
    """Returns the elements of an epoch, arrays in the order of a batch."""
    rng, count, drawn = np.random.default_rng(0), BATCH * STEPS_PER_EPOCH, []
    for element in model.elements.values():
        shape = (count, *(getattr(element, "shape", ())))
        if isinstance(element, LabelElement):
            drawn.append(np.arange(count) % element.num_classes)
        elif element.pixels is None:
            drawn.append(rng.normal(1, 2, shape).astype("float32"))
        else:
            levels = rng.integers(0, 256, shape, "uint8")
            drawn.append(element.pixels.to_float(levels))
    return drawn


def train(model, steps=STEPS, elements=None, callbacks=()):
    """Trains from the model's step up to another one; returns the last epoch's means.

    Args:
        model: compiled.
        steps: at which training ends.
        elements: other rows than `rows` gives.
        callbacks: of `fit`.
    """
    first = int(keras.ops.convert_to_numpy(model.step))
    elements = tuple(rows(model) if elements is None else elements)
    data = (
        tf.data.Dataset.from_tensor_slices(elements)
        .batch(BATCH, drop_remainder=True)
        .repeat()
    )
    history = model.fit(
        data.skip(first),
        steps_per_epoch=STEPS_PER_EPOCH,
        initial_epoch=first // STEPS_PER_EPOCH,
        epochs=-(-steps // STEPS_PER_EPOCH),
        callbacks=list(callbacks),
        verbose=0,
    )
    return {name: values[-1] for name, values in history.history.items()}


def state(model):
    """Returns all that training depends on: name/number -> array."""
    return {
        f"{name}/{i}": keras.ops.convert_to_numpy(variable)
        for name, variables in model.training_state().items()
        for i, variable in enumerate(variables)
    }


def set_state(model, values):
    """Gives a model the state of another one of its kind."""
    for name, variables in model.training_state().items():
        for i, variable in enumerate(variables):
            variable.assign(values[f"{name}/{i}"])


def inference(model):
    """Returns name -> network, or the average of its weights if there is one."""
    networks = model.networks()
    return {name: networks.get(f"averaged_{name}", networks[name]) for name in networks}


def results(model, count=5):
    """Returns what the functions of a model make: function/output -> array."""
    return {
        f"{name}/{output}": values.numpy()
        for name, signature in model.signatures(inference(model)).items()
        if signature.kind is not None
        for output, values in signature.function(
            *map(tf.constant, signature.examples(count).values())
        ).items()
    }
