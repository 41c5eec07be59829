"""Generators served by each format: python -m benchmarks.export [SIZE]

Calls of the Keras model and of its exports take turns, at batch 1 and 64. With
--one-core they run on one core and their processor time counts. Use it on a busy
machine, where threads spend their time waiting for each other.

The weights are random, because they do not matter here. `transposed convolutions` is
the ONNX file without sub-kernels, as used in browsers.
"""

import argparse
import os
import pathlib
import tempfile
import time
from collections.abc import Callable

import numpy as np
import onnxruntime
import tensorflow as tf

from benchmarks import timing
from export import onnx as onnx_format
from export import saved_model
from export.exportable import describe
from export.formats import ExportOptions
from keras_gan import DCGAN

_SHAPES = {"28": (28, 28, 1), "32": (32, 32, 3), "64": (64, 64, 3)}
_BATCHES = {1: 50, 64: 7}  # batch size: rounds


def main() -> None:
    """Prints times, ratios and sizes for one image size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("size", nargs="?", choices=_SHAPES, default="64")
    parser.add_argument(
        "--one-core", action="store_true", help="measure processor time"
    )
    parser.add_argument("--run", help="only compare the precisions of this run")
    options = parser.parse_args()
    clock = time.perf_counter
    if options.one_core:
        clock = time.process_time
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    print(timing.describe_machine(), f"ONNX Runtime {onnxruntime.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        if options.run:
            compare_precisions(options.run, pathlib.Path(folder))
            return
        compare(options.size, pathlib.Path(folder), clock)


def compare(size: str, folder: pathlib.Path, clock: Callable[[], float]) -> None:
    """Prints the comparison of one generator with 64 filters."""
    gan = DCGAN(_SHAPES[size], base_filters=64, seed=0)
    rng = np.random.default_rng(0)
    for weight in gan.generator.weights:
        if len(weight.shape) == 1:  # a scale of 1 and a shift of 0 could be left out
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
    exportable = describe(gan, "model")
    files = {}
    for precision in ("float32", "float16", "int8"):
        files[f"onnx {precision}"] = folder / f"{precision}.onnx"
        formed = exportable.with_options(ExportOptions(precision=precision))
        onnx_format.write(formed, files[f"onnx {precision}"])
    files["transposed convolutions"] = folder / "transposed.onnx"
    whole = exportable.with_options(ExportOptions(precision="float32"))
    onnx_format.write(whole, files["transposed convolutions"], sub_kernels=False)
    saved_model.write(exportable, folder / "saved")

    signature = tf.saved_model.load(folder / "saved").signatures["serving_default"]
    sessions = {name: session(path) for name, path in files.items()}
    weights = 4 * exportable.parameters
    for name, path in files.items():
        print(f"  {name}: {path.stat().st_size / weights:.4f} of the float32 weights")
    for batch, rounds in _BATCHES.items():
        rows = exportable.default.examples(batch)
        latent = tf.constant(rows["latent"])
        calls = {
            "saved-model": lambda x=latent: signature(latent=x)["image"].numpy(),
            "keras call": lambda x=latent: gan.generator(x, training=False).numpy(),
            **{
                name: lambda s=s, rows=rows: s.run(None, rows)[0]
                for name, s in sessions.items()
            },
        }
        expected = calls["keras call"]()
        for name, call in calls.items():
            worst = np.abs(call() - expected).max()
            print(f"  {name}: largest difference from Keras {worst:.1e}")
        seconds = timing.take_turns(calls, rounds, clock=clock)
        title = f"{'x'.join(map(str, _SHAPES[size]))}, batch {batch}"
        timing.report(title, seconds, 1, "saved-model")
        against = timing.ratio(seconds, "onnx float32", "keras call")
        print(f"  onnx float32 is {against} times as fast as the Keras call")
        other = timing.ratio(seconds, "onnx float32", "transposed convolutions")
        print(f"  onnx float32 is {other} times as fast as transposed convolutions")


def compare_precisions(run: str, folder: pathlib.Path) -> None:
    """Prints how much precision changes 1,000 images of a generator, in grey levels."""
    exportable = describe(run, "model")
    rows = exportable.default.examples(1000)
    levels = {}
    for precision in ("float32", "float16", "int8"):
        path = folder / f"{precision}.onnx"
        options = ExportOptions(precision=precision, output="uint8")
        onnx_format.write(exportable.with_options(options), path)
        (images,) = session(path).run(None, rows)
        levels[precision] = images.astype(int)
        moved = np.abs(levels[precision] - levels["float32"])
        print(
            f"  {precision}: {path.stat().st_size / 1e6:.2f} MB; grey levels from "
            f"float32: mean {moved.mean():.2f}, 99.9 % of values within "
            f"{np.quantile(moved, 0.999):.0f}, largest {moved.max()}"
        )


def session(path: pathlib.Path) -> onnxruntime.InferenceSession:
    """Returns a session with one thread for each core of this process."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = timing.cores()
    return onnxruntime.InferenceSession(path, options)


if __name__ == "__main__":
    main()
