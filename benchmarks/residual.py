"""Residual networks: python -m benchmarks.residual speed|filters

speed: a step against the same networks and step in PyTorch, which runs in a process of
its own with `--torch-python`. Both have one thread, and the times are processor time.
filters: ways to write the filter [1, 3, 3, 1] that halves feature maps; forward, its
gradient, and the gradient of that, which a gradient penalty needs.
"""

import argparse
import pathlib
import subprocess
import sys
import time

import numpy as np
import tensorflow as tf

from benchmarks import timing
from keras_gan import recipes
from keras_gan.networks.layers import SmoothHalving

WORKER = pathlib.Path(__file__).with_name("residual_torch.py")
STEPS, BATCH = 4, 64  # one of four steps has the penalty
LINE = np.array([1, 3, 3, 1], "float32") / 8


class PyTorch:
    """A process that trains the same networks with PyTorch."""

    def __init__(self, python, recipe):
        sizes = recipe.base_filters, recipe.most_filters, recipe.latent_dim
        side = recipe.image_shape_asked_for()[0]
        arguments = side, BATCH, STEPS, *sizes, int(recipe.full_size_blocks)
        self._process = subprocess.Popen(
            [python, WORKER, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.parameters = [*map(int, self._process.stdout.readline().split())]

    def seconds(self):
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def close(self):
        self._process.stdin.close()
        self._process.wait()


def compare_speed(options):
    for name in options.recipes:
        recipe = recipes.get(name).override({"augment": None, "steps": 1000})
        recipe = recipe.override({"batch_size": BATCH, "penalty_interval": STEPS})
        shape = (*recipe.image_shape_asked_for(), 3)
        gan = recipe.build({"image_shape": shape})
        pytorch = PyTorch(options.torch_python, recipe)
        ours = [gan.generator.count_params(), gan.discriminator.count_params()]
        assert pytorch.parameters == ours, (pytorch.parameters, ours)
        images = np.random.default_rng(0).uniform(-1, 1, (BATCH, *shape))
        run = timing.stepper(gan, images.astype("float32"), STEPS)
        seconds = timing.beside_pytorch(run, pytorch.seconds, options.rounds, warm_up=1)
        pytorch.close()
        timing.report(f"{name}, batch {BATCH}", seconds, STEPS, base="pytorch")


def matrices(maps):
    """Two multiplications by fixed matrices."""
    _, height, width, channels = maps.shape

    def matrix(side):
        full = np.zeros((side // 2, side + 2), "float32")
        for row in range(side // 2):
            full[row, 2 * row : 2 * row + 4] = LINE
        return tf.constant(full[:, 1:-1])

    rows = tf.reshape(maps, (-1, height, width * channels))
    rows = tf.matmul(matrix(height), rows)
    columns = tf.reshape(rows, (-1, width, channels))
    columns = tf.matmul(matrix(width), columns)
    return tf.reshape(columns, (-1, height // 2, width // 2, channels))


def shifted_sums(maps):
    """Sums of slices, along height and then along width."""
    _, height, width, channels = maps.shape

    def along(pairs, axis):
        first, second = tf.unstack(pairs, axis=axis + 1)
        border = [(0, 0)] * len(first.shape)
        size = first.shape[axis]
        begin = [slice(None)] * axis
        before = tf.pad(
            second[(*begin, slice(size - 1))],
            [*border[:axis], (1, 0), *border[axis + 1 :]],
        )
        after = tf.pad(
            first[(*begin, slice(1, size))],
            [*border[:axis], (0, 1), *border[axis + 1 :]],
        )
        return 0.375 * (first + second) + 0.125 * (before + after)

    pairs = tf.reshape(maps, (-1, height // 2, 2, width * channels))
    pairs = tf.reshape(along(pairs, 1), (-1, height // 2, width // 2, 2, channels))
    return along(pairs, 2)


def averages(maps):
    """Three means of 2x2 pixels, whose last one has strides of two."""
    maps = tf.pad(maps, ((0, 0), (1, 1), (1, 1), (0, 0)))
    for strides in (1, 1, 2):
        maps = tf.nn.avg_pool2d(maps, 2, strides, "VALID")
    return maps


def phases(maps):
    """Four channels of each pixel of the result, a depthwise convolution, a sum."""
    channels = maps.shape[-1]
    square = np.outer(LINE, LINE).reshape(2, 2, 2, 2).transpose(0, 2, 1, 3)
    kernel = np.repeat(square.reshape(2, 2, 4), channels, axis=2)[..., None]
    maps = tf.pad(maps, ((0, 0), (1, 1), (1, 1), (0, 0)))
    maps = tf.nn.space_to_depth(maps, 2)
    maps = tf.nn.depthwise_conv2d(maps, kernel, (1, 1, 1, 1), "VALID")
    return tf.add_n(tf.split(maps, 4, axis=-1))


WAYS = {
    "depthwise convolution": SmoothHalving(),
    "matrices": matrices,
    "shifted sums": shifted_sums,
    "three means": averages,
    "phases": phases,
}


def compare_filters(options):
    for shape in ((BATCH, 32, 32, 32), (BATCH, 64, 64, 24)):
        maps = tf.random.stateless_normal(shape, (0, 0))
        gradient = WAYS["depthwise convolution"](maps)
        print(f"{shape[1]}x{shape[2]}x{shape[3]}, batch {BATCH}: ms of processor time")
        for name, halve in WAYS.items():
            assert np.allclose(halve(maps), gradient, atol=1e-5), name
            functions = _functions(halve)
            times = []
            for function in functions:
                function(maps, gradient)
                spent = []
                for _ in range(options.rounds):
                    begin = time.process_time()
                    function(maps, gradient)
                    spent.append(time.process_time() - begin)
                times.append(f"{1e3 * np.median(spent):8.2f}")
            print(f"  {name:<24}", *times, flush=True)


def _functions(halve):
    @tf.function
    def forward(maps, gradient):
        return halve(maps)

    @tf.function
    def backward(maps, gradient):
        with tf.GradientTape() as tape:
            tape.watch(maps)
            halved = halve(maps)
        return tape.gradient(halved, maps, gradient)

    @tf.function
    def again(maps, gradient):
        with tf.GradientTape() as outer:
            outer.watch(gradient)
            of_maps = backward(maps, gradient)
        return outer.gradient(of_maps, gradient, maps)

    return forward, backward, again


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("speed", "filters"))
    parser.add_argument("--recipes", nargs="+", default=["residual-32", "residual-64"])
    parser.add_argument("--torch-python", default=sys.executable)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    print(timing.describe_machine())
    {"speed": compare_speed, "filters": compare_filters}[options.what](options)


if __name__ == "__main__":
    main()
