"""What exports need: python -m benchmarks.sizing [MODEL ...]

Prints the table of docs/sizing.md: megabytes, milliseconds of a call by batch, rows a
second, and how many times as fast two threads are, for each format. The weights are
random, because they do not matter here. In each round all formats take turns.

Milliseconds are of one thread and processor time, the median of the rounds: other work
on the machine does not change it. What two threads gain can only be told by the clock,
as the ratio of the fastest rounds with one thread and with two. On a machine that does
other work it says little of one that does not.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

import numpy as np

from benchmarks import timing

# Recipe, facts of its data, sides of the pictures that go in, and batches.
MODELS = {
    "dcgan-mnist": ("dcgan-mnist", {"image_shape": (28, 28, 1)}, None, (1, 8, 64)),
    "dcgan-64": ("dcgan-64", {"image_shape": (64, 64, 3)}, None, (1, 8, 64)),
    "cyclegan, 64 px": ("cyclegan", "cyclegan", 64, (1, 8)),
    "cyclegan, 256 px": ("cyclegan", "cyclegan", 256, (1,)),
}
_SHAPES = {"a_shape": (256, 256, 3), "b_shape": (256, 256, 3)}
_FILES = {
    "ONNX float32": "float32.onnx",
    "ONNX float16": "float16.onnx",
    "ONNX int8": "int8.onnx",
    "SavedModel": "saved",
    "LiteRT": "float32.tflite",
    "LiteRT float16": "float16.tflite",
}
_SECONDS = 3  # of the rounds of one batch, about
_MOST_ROUNDS = 200


def main() -> None:
    """Prints the table, or measures the files of one model in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", metavar="MODEL", help=", ".join(MODELS))
    parser.add_argument("--files", help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.files is not None:
        measured = measure(
            pathlib.Path(options.files), *options.models, options.threads
        )
        print(json.dumps(measured))
        return
    print(timing.describe_machine(), "\n", sep="")
    print("| model | format | MB | ms at 1 | at 8 | at 64 | rows/s | 2 threads |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as made:
        for name in options.models or MODELS:
            folder = pathlib.Path(made, MODELS[name][0])
            if not folder.exists():
                write(folder, name)
            one, two = (in_a_process(folder, name, threads) for threads in (1, 2))
            for row in rows_of(folder, name, one, two):
                print(f"| {' | '.join(row)} |", flush=True)


def write(folder: pathlib.Path, name: str) -> None:
    """Writes the files of a model in all formats, unverified."""
    from export import litert, onnx, saved_model
    from export.exportable import describe
    from export.formats import ExportOptions
    from keras_gan import recipes

    folder.mkdir()
    recipe, facts, *_ = MODELS[name]
    model = recipes.get(recipe).build(_SHAPES if facts == recipe else facts)
    exportable = describe(model, "model").only("serving_default")
    for title, file in _FILES.items():
        if title == "SavedModel":
            saved_model.write(exportable, folder / file)
            continue
        module = onnx if title.startswith("ONNX") else litert
        options = ExportOptions(precision=pathlib.Path(file).stem)
        module.write(exportable.with_options(options), folder / file)


def in_a_process(folder: pathlib.Path, name: str, threads: int) -> dict:
    """Returns what `measure` finds in a process that never had other threads."""
    command = [sys.executable, "-m", "benchmarks.sizing", name]
    result = subprocess.run(
        [*command, "--files", folder, "--threads", str(threads)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(result.stdout.splitlines()[-1])


def measure(folder: pathlib.Path, name: str, threads: int) -> dict:
    """Returns batch -> format -> seconds of a call: of the processor, and elapsed."""
    _, _, side, batches = MODELS[name]
    runs = {title: loaded(folder / file, threads) for title, file in _FILES.items()}
    found = {}
    for batch in batches:
        rng = np.random.default_rng(0)
        rows = {"latent": rng.uniform(-1, 1, (batch, 100)).astype("float32")}
        if side is not None:
            rows = {"source": rng.uniform(-1, 1, (batch, side, side, 3))}
            rows["source"] = rows["source"].astype("float32")
        calls = {t: lambda run=run, rows=rows: run(rows) for t, run in runs.items()}
        seconds = timing.take_turns(calls, rounds_of(calls), warm_up=1, clock=clocks)
        found[batch] = {
            title: [float(np.median(each[:, 0])), float(each[:, 1].min())]
            for title, each in seconds.items()
        }
    return found


def clocks() -> np.ndarray:
    """Returns the processor time of this process, and the time."""
    return np.array([time.process_time(), time.perf_counter()])


def rounds_of(calls: dict[str, Callable[[], object]]) -> int:
    """Returns how many rounds take a few seconds, at least three."""
    begin = time.perf_counter()
    for call in calls.values():
        call()
    taken = time.perf_counter() - begin
    return int(np.clip(_SECONDS / taken, 3, _MOST_ROUNDS))


def loaded(path: pathlib.Path, threads: int) -> Callable[[dict], object]:
    """Returns a function that runs an export on a number of threads."""
    if path.suffix == ".onnx":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(path, options)
        return lambda rows: session.run(None, rows)
    if path.suffix == ".tflite":
        from ai_edge_litert.interpreter import Interpreter

        runner = Interpreter(str(path), num_threads=threads).get_signature_runner()
        return lambda rows: runner(**rows)
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    signature = tf.saved_model.load(path).signatures["serving_default"]
    return lambda rows: [
        x.numpy()
        for x in signature(**{n: tf.constant(r) for n, r in rows.items()}).values()
    ]


def rows_of(
    folder: pathlib.Path, name: str, one: dict, two: dict
) -> Iterator[tuple[str, ...]]:
    """Yields the cells of each line of the table."""
    most = max(one, key=int)
    for title, file in _FILES.items():
        files = [folder / file, *(folder / file).rglob("*")]
        size = sum(each.stat().st_size for each in files if each.is_file())
        times = [
            rounded(1e3 * one[n][title][0]) if n in one else ""
            for n in ("1", "8", "64")
        ]
        speed = rounded(int(most) / one[most][title][0])
        gain = rounded(one[most][title][1] / two[most][title][1])
        yield (name, title, f"{size / 1e6:.2f}", *times, speed, gain)


def rounded(value: float) -> str:
    """Returns a number with two digits, as exact as these measures are."""
    return f"{float(f'{value:.2g}'):,g}"


if __name__ == "__main__":
    main()
