"""What exports need: python -m benchmarks.sizing [MODEL ...]

Prints the table of docs/sizing.md: megabytes, milliseconds of a call by batch, and rows
a second with one thread and with two, for each format. The weights are random, because
they do not matter here.

On one thread the processor time of this process counts, because other work on the
machine does not change it; the figure is the median of the rounds. Two threads can only
be measured by the clock: that figure is of the fastest twentieth of the rounds, in the
hope that the machine did nothing else then. In each round all formats take turns.
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
_SECONDS = 6  # of the rounds of one batch, about
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
    print("| model | format | MB | ms at 1 | at 8 | at 64 | rows/s | with 2 threads |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name in options.models or MODELS:
        with tempfile.TemporaryDirectory() as folder:
            write(pathlib.Path(folder), name)
            one, two = (in_a_process(folder, name, threads) for threads in (1, 2))
            for row in rows_of(pathlib.Path(folder), name, one, two):
                print(f"| {' | '.join(row)} |", flush=True)


def write(folder: pathlib.Path, name: str) -> None:
    """Writes the files of a model in all formats, unverified."""
    from export import litert, onnx, saved_model
    from export.exportable import describe
    from export.formats import ExportOptions
    from keras_gan import recipes

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


def in_a_process(folder: str, name: str, threads: int) -> dict:
    """Returns what `measure` finds in a process that never had other threads."""
    command = [sys.executable, "-m", "benchmarks.sizing", name, "--files", folder]
    result = subprocess.run(
        [*command, "--threads", str(threads)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(result.stdout.splitlines()[-1])


def measure(folder: pathlib.Path, name: str, threads: int) -> dict:
    """Returns batch -> format -> seconds of a call."""
    _, _, side, batches = MODELS[name]
    runs = {title: loaded(folder / file, threads) for title, file in _FILES.items()}
    clock = time.process_time if threads == 1 else time.perf_counter
    found = {}
    for batch in batches:
        rng = np.random.default_rng(0)
        rows = {"latent": rng.uniform(-1, 1, (batch, 100)).astype("float32")}
        if side is not None:
            rows = {"source": rng.uniform(-1, 1, (batch, side, side, 3))}
            rows["source"] = rows["source"].astype("float32")
        calls = {t: lambda run=run, rows=rows: run(rows) for t, run in runs.items()}
        seconds = timing.take_turns(calls, rounds_of(calls), warm_up=1, clock=clock)
        best = 0.5 if threads == 1 else 0.05
        found[batch] = {t: float(np.quantile(s, best)) for t, s in seconds.items()}
    return found


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
            rounded(1e3 * one[n][title]) if n in one else "" for n in ("1", "8", "64")
        ]
        speeds = [rounded(int(most) / found[most][title]) for found in (one, two)]
        yield (name, title, f"{size / 1e6:.2f}", *times, *speeds)


def rounded(value: float) -> str:
    """Returns a number with two digits, as exact as these measures are."""
    return f"{float(f'{value:.2g}'):,g}"


if __name__ == "__main__":
    main()
