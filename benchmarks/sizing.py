"""What exports need: python -m benchmarks.sizing [MODEL ...]

Prints the table of docs/sizing.md: megabytes, milliseconds of a call by batch, rows a
second, and how many times as fast two threads are, for each format. The weights are
random, because they do not matter here. In each round all formats take turns.

Milliseconds are of one thread and processor time, the median of the rounds: other work
on the machine does not change it. What two threads gain can only be told by the clock:
it is the median over the rounds of the time with one thread by that with two. On a
machine that does other work it says little of one that does not.
"""

import argparse
import pathlib
import tempfile
import time
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

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
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", metavar="MODEL", help=", ".join(MODELS))
    options = parser.parse_args()
    # TensorFlow takes this once; the other runtimes have threads of their own.
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    print(timing.describe_machine(), "\n", sep="")
    print("| model | format | MB | ms at 1 | at 8 | at 64 | rows/s | 2 threads |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as made:
        for name in options.models or MODELS:
            folder = pathlib.Path(made, MODELS[name][0])
            if not folder.exists():
                write(folder, name)
            for row in rows_of(folder, name, measure(folder, name)):
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


def measure(folder: pathlib.Path, name: str) -> dict[int, dict]:
    """Returns batch -> (format, 1) -> processor seconds of each round.

    Of the largest batch also (format, 2) -> how many times as fast two threads were in
    each round. That comes last, as threads that wait take processor time too.
    """
    _, _, side, batches = MODELS[name]
    runs = {title: loaded(folder / file, 1) for title, file in _FILES.items()}
    found = {n: taken(runs, rows_of_batch(n, side)) for n in batches}
    del runs["SavedModel"]  # TensorFlow cannot change its threads
    pairs = {(title, 1): run for title, run in runs.items()}
    pairs |= {(title, 2): loaded(folder / _FILES[title], 2) for title in runs}
    rows = rows_of_batch(batches[-1], side)
    calls = {key: lambda run=run: run(rows) for key, run in pairs.items()}
    clocked = timing.take_turns(calls, rounds_of(calls), warm_up=1, clock=clocks)
    for title in runs:
        one, two = (clocked[title, threads][:, 1] for threads in (1, 2))
        found[batches[-1]][title, 2] = one / two
    return found


def rows_of_batch(batch: int, side: int | None) -> dict[str, np.ndarray]:
    """Returns what a model takes: latents, or pictures of a side."""
    rng = np.random.default_rng(0)
    if side is None:
        return {"latent": rng.uniform(-1, 1, (batch, 100)).astype("float32")}
    source = rng.uniform(-1, 1, (batch, side, side, 3))
    return {"source": source.astype("float32")}


def taken(runs: dict[str, Callable], rows: dict) -> dict:
    """Returns (format, 1) -> processor seconds of each round."""
    calls = {(title, 1): lambda run=run: run(rows) for title, run in runs.items()}
    clocked = timing.take_turns(calls, rounds_of(calls), warm_up=1, clock=clocks)
    return {key: each[:, 0] for key, each in clocked.items()}


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
    signature = tf.saved_model.load(path).signatures["serving_default"]
    return lambda rows: [
        x.numpy()
        for x in signature(**{n: tf.constant(r) for n, r in rows.items()}).values()
    ]


def rows_of(
    folder: pathlib.Path, name: str, measured: dict[int, dict]
) -> Iterator[tuple[str, ...]]:
    """Yields the cells of each line of the table."""
    most = max(measured)
    for title, file in _FILES.items():
        files = [folder / file, *(folder / file).rglob("*")]
        size = sum(each.stat().st_size for each in files if each.is_file())
        seconds = {n: np.median(one[title, 1]) for n, one in measured.items()}
        times = [rounded(1e3 * seconds[n]) if n in seconds else "" for n in (1, 8, 64)]
        gains = measured[most].get((title, 2))
        gain = "" if gains is None else rounded(np.median(gains))
        speed = rounded(most / seconds[most])
        yield (name, title, f"{size / 1e6:.2f}", *times, speed, gain)


def rounded(value: float) -> str:
    """Returns a number with two digits, as exact as these measures are."""
    return f"{float(f'{value:.2g}'):,g}"


if __name__ == "__main__":
    main()
