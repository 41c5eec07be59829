"""What `train.py` costs besides its arithmetic: python -m benchmarks.overhead [CASE]

Epochs of `training.fit`, with every callback of a run, take turns with the same number
of steps of a hand-written loop on data in memory.
"""

import argparse
import pathlib
import tempfile
import time

import keras
import numpy as np
import tensorflow as tf

from benchmarks import timing
from keras_gan import distribution, recipes, runs, training
from keras_gan.evaluators import together

# Recipes without a penalty and an average, because the loop does not have them.
CASES = {
    "mlp": (
        "gan-mnist",
        {"data": "tfds:mnist:train[:20000]", "penalty": None, "generator_average": 0},
    ),
    "dcgan": (
        "dcgan-64",
        {
            "data": "tfds:utkface64",
            "batch_size": 128,
            "generator_average": 0,
        },
    ),
    "points": ("ring", {"penalty": None, "generator_average": 0}),
}


def hand_written_loop(gan, images, batch_size):
    """Returns a function that takes a number of steps with the networks of a GAN."""
    generator, discriminator = gan.generator, gan.discriminator
    optimizers = gan.generator_optimizer, gan.discriminator_optimizer
    low, high = gan.latent_bounds

    @tf.function
    def step(real):
        shape = (batch_size, gan.latent_dim)
        if gan.latent_distribution == "normal":
            latent = tf.random.normal(shape)
        else:
            latent = tf.random.uniform(shape, low, high)
        with tf.GradientTape(persistent=True) as generation:
            fake = generator(latent, training=True)
        with tf.GradientTape() as tape:
            real_logits = discriminator(real, training=True)
            fake_logits = discriminator(tf.stop_gradient(fake), training=True)
            loss = tf.reduce_mean(tf.nn.softplus(-real_logits))
            loss += tf.reduce_mean(tf.nn.softplus(fake_logits))
        variables = discriminator.trainable_variables
        optimizers[1].apply(tape.gradient(loss, variables), variables)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(fake)
            logits = discriminator(fake, training=True)
            loss = tf.reduce_mean(tf.nn.softplus(-logits))
        variables = generator.trainable_variables
        gradients = generation.gradient(fake, variables, tape.gradient(loss, fake))
        optimizers[0].apply(gradients, variables)
        return loss

    def run(steps):
        for i in range(steps):
            start = i * batch_size % (len(images) - batch_size + 1)
            loss = step(images[start : start + batch_size])
        float(loss)

    return run


class TakeTurns(keras.callbacks.Callback):
    """Runs the loop after each epoch, and records the times of both contestants."""

    def __init__(self, loop):
        super().__init__()
        self.loop = loop
        self.moments = []

    def on_train_begin(self, logs=None):
        self.loop(2)
        self._mark()

    def on_epoch_end(self, epoch, logs=None):
        self._mark()
        self.loop(self.params["steps"])
        self._mark()

    def _mark(self):
        self.moments.append((time.perf_counter(), time.process_time()))

    def seconds(self):
        """Returns both contestants' times and processor times, one for each epoch."""
        times = np.diff(self.moments, axis=0)[2:]  # without the first epoch: it traces
        return [{"loop": t[1::2], "fit": t[::2]} for t in times.T]


def compare(name, changes, epochs):
    recipe = recipes.get(name).override({**changes, "epochs": epochs})
    images = recipe.read()
    low, high = (0.0, 1.0) if name == "gan-mnist" else (-1.0, 1.0)
    values = images.array.astype("float32")
    if images.array.dtype == np.uint8:
        values = values / 255 * (high - low) + low
    values = tf.constant(values)
    with tempfile.TemporaryDirectory() as folder:
        run = runs.Run.new(pathlib.Path(folder) / "run", name, recipe, images)
        gan, rival = run.build(), run.build()
        run.write()
        turns = TakeTurns(hand_written_loop(rival, values, recipe.batch_size))
        fit = gan.fit
        gan.fit = lambda *args, callbacks, **kwargs: fit(
            *args, callbacks=[*callbacks, turns], **kwargs
        )
        workers = distribution.workers_of(gan.distribute_strategy)
        evaluator = together(recipe.evaluators(images, None))
        parts = training.Parts(run, gan, images, None, workers, evaluator)
        training.fit(parts, False, "no more")
    steps = images.steps_per_epoch(recipe.batch_size)
    wall, processor = turns.seconds()
    timing.report(f"{name}, batch {recipe.batch_size}", wall, steps, base="loop")
    speed = timing.ratio(processor, "fit", "loop")
    print(f"  by processor time the speed of fit is {speed} of loop")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", default=list(CASES))
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--data-dir")
    options = parser.parse_args()
    print(timing.describe_machine())
    for case in options.cases:
        name, changes = CASES[case]
        compare(name, {**changes, "data_dir": options.data_dir}, options.epochs)


if __name__ == "__main__":
    main()
