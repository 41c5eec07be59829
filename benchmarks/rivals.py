"""A DCGAN's step against two other ways to write it: python -m benchmarks.rivals

"keras example": the style of the well-known example on keras.io. Real and generated
images go through the discriminator as one batch, and the generator makes another batch
for its own update.
"pytorch example": the style of PyTorch's DCGAN example. It runs in a process of its own
with `--torch-python`, the Python of an environment that has torch.

All have the same networks, batch, optimizer and number of threads.
"""

import argparse
import pathlib
import subprocess
import sys

import keras
import numpy as np
import tensorflow as tf

from benchmarks import timing
from keras_gan import DCGAN

WORKER = pathlib.Path(__file__).with_name("rivals_torch.py")
CASES = {
    "28x28x1": ((28, 28, 1), 64, 10),
    "64x64x3": ((64, 64, 3), 128, 1),
}
FILTERS, LATENT = 64, 100


class KerasExample(keras.Model):
    """Two networks trained in the style of keras.io's DCGAN example."""

    def __init__(self, generator, discriminator):
        super().__init__()
        self.generator = generator
        self.discriminator = discriminator
        self.d_loss = keras.metrics.Mean(name="d_loss")
        self.g_loss = keras.metrics.Mean(name="g_loss")
        self.loss_fn = keras.losses.BinaryCrossentropy(from_logits=True)

    def compile(self, g_optimizer, d_optimizer):
        super().compile()
        self.g_optimizer = g_optimizer
        self.d_optimizer = d_optimizer

    @property
    def metrics(self):
        return [self.d_loss, self.g_loss]

    def train_step(self, real):
        batch_size = tf.shape(real)[0]
        latent = tf.random.normal((batch_size, LATENT))
        generated = self.generator(latent, training=True)
        combined = tf.concat([generated, real], axis=0)
        labels = tf.concat(
            [tf.ones((batch_size, 1)), tf.zeros((batch_size, 1))], axis=0
        )
        labels += 0.05 * tf.random.uniform(tf.shape(labels))
        with tf.GradientTape() as tape:
            predictions = self.discriminator(combined, training=True)
            d_loss = self.loss_fn(labels, predictions)
        variables = self.discriminator.trainable_weights
        self.d_optimizer.apply(tape.gradient(d_loss, variables), variables)

        latent = tf.random.normal((batch_size, LATENT))
        misleading = tf.zeros((batch_size, 1))
        with tf.GradientTape() as tape:
            generated = self.generator(latent, training=True)
            predictions = self.discriminator(generated, training=True)
            g_loss = self.loss_fn(misleading, predictions)
        variables = self.generator.trainable_weights
        self.g_optimizer.apply(tape.gradient(g_loss, variables), variables)
        self.d_loss.update_state(d_loss)
        self.g_loss.update_state(g_loss)
        return {m.name: m.result() for m in self.metrics}


class PytorchExample:
    """A process that trains with PyTorch; each call makes it take some steps."""

    def __init__(self, python, shape, batch_size, steps, threads):
        arguments = [*shape, batch_size, steps, FILTERS, LATENT, threads]
        self._process = subprocess.Popen(
            [python, WORKER, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.parameters = int(self._process.stdout.readline())

    def __call__(self):
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        if not self._process.stdout.readline():
            raise RuntimeError("the process with torch has ended")

    def close(self):
        self._process.stdin.close()
        self._process.wait()


def adam():
    return keras.optimizers.Adam(2e-4, beta_1=0.5)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", default=list(CASES))
    parser.add_argument("--torch-python", default=sys.executable)
    parser.add_argument("--rounds", type=int, default=11)
    # PyTorch's threads wait for each other after each layer. On a busy machine the
    # waiting costs more than the arithmetic, unless there is only one thread.
    parser.add_argument("--threads", type=int, default=timing.cores())
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    print(f"{timing.describe_machine()}; {options.threads} threads")
    for case in options.cases:
        shape, batch_size, steps = CASES[case]
        images = np.random.default_rng(0).uniform(-1, 1, (batch_size, *shape))
        images = images.astype("float32")
        gan = DCGAN(shape, LATENT, FILTERS, latent_distribution="normal")
        gan.compile(adam(), adam())
        networks = DCGAN(shape, LATENT, FILTERS)
        keras_example = KerasExample(networks.generator, networks.discriminator)
        keras_example.compile(adam(), adam())
        pytorch = PytorchExample(
            options.torch_python, shape, batch_size, steps, options.threads
        )
        trainable = (*gan.generator.trainable_weights,)
        trainable += (*gan.discriminator.trainable_weights,)
        ours = sum(int(np.prod(weight.shape)) for weight in trainable)
        assert pytorch.parameters == ours, (pytorch.parameters, ours)
        contestants = {
            "keras_gan": timing.stepper(gan, images, steps),
            "keras example": timing.stepper(keras_example, images, steps),
            "pytorch example": pytorch,
        }
        seconds = timing.take_turns(contestants, options.rounds)
        pytorch.close()
        title = f"DCGAN {case}, batch {batch_size}"
        timing.report(title, seconds, steps, base="keras example")
        speed = timing.ratio(seconds, "keras_gan", "pytorch example")
        print(f"  keras_gan's speed is {speed} of the pytorch example's")


if __name__ == "__main__":
    main()
