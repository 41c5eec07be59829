"""keras-gan serve beside ONNX Runtime in a loop and Triton: python -m benchmarks.server

    python -m benchmarks.server --triton-python .serving/triton/bin/python

All answer with the same DCGAN of 28x28 pixels and 64 filters, and take turns. A client
in a process of its own asks them and compares each answer with what ONNX Runtime gives.
"Rows a processor second" counts the processor time of the server's processes alone, so
other work on the machine changes it little.
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

import numpy as np
import onnxruntime

from benchmarks import timing
from export import onnx, triton
from export.exportable import describe
from export.formats import ExportOptions
from keras_gan import DCGAN
from keras_gan_server.latents import from_seeds

_ROOT = pathlib.Path(__file__).parents[1]
_SEEDS = 4096
_BATCH = 64
_LOOP = 15  # batches of a round
# (clients, rows of a request): requests of each client in a round.
_LOADS = {(8, 1): 100, (64, 1): 16, (8, 64): 6, (64, 64): 1}


def main() -> None:
    """Prints latencies, rates and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--triton-python", help="of an environment with pytriton")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="of ONNX Runtime")
    options = parser.parse_args()
    print(timing.describe_machine(), f"ONNX Runtime {onnxruntime.__version__}")
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = pathlib.Path(name)
        session = prepare(folder, options.threads)
        ours = [sys.executable, "-m", "keras_gan_server", folder / "dcgan.onnx"]
        ours += ["--port", "0", "--threads", str(options.threads)]
        pattern = r"listens at .*:(\d+)"
        servers = {"keras-gan": stack.enter_context(started(ours, pattern))}
        if options.triton_python:
            program = _ROOT / "benchmarks" / "server_triton.py"
            theirs = [options.triton_python, program, folder / "triton"]
            servers["triton"] = stack.enter_context(started(theirs, r"(\d+)$"))
        contestants = {"ONNX Runtime in a loop": lambda: loop(session, folder)}
        for (clients, rows), requests in _LOADS.items():
            formats = {"npy": "keras-gan", "triton": "triton"}
            if rows == 1:
                formats["png"] = "keras-gan"
            for format, server in formats.items():
                if server in servers:
                    task = {"clients": clients, "rows": rows, "requests": requests}
                    title = f"{server} {clients} x {rows}, {format}"
                    contestants[title] = asking(
                        servers[server],
                        task | {"format": format, "model": "dcgan"},
                        folder,
                    )
        report(in_turns(contestants, options.rounds))


def prepare(folder: pathlib.Path, threads: int) -> onnxruntime.InferenceSession:
    """Writes the model and what it makes of all seeds; returns a session of it."""
    gan = DCGAN((28, 28, 1), base_filters=64, seed=0)
    rng = np.random.default_rng(0)
    for weight in gan.generator.weights:
        if len(weight.shape) == 1:
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
    exportable = describe(gan, "dcgan")
    onnx.write(exportable, folder / "dcgan.onnx")
    options = ExportOptions(triton_backend="python")  # nvidia-pytriton has no other
    served = exportable.with_options(options)
    triton.write(served, folder / "triton" / "dcgan" / "1")
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(folder / "dcgan.onnx", settings)
    seeds, free = np.arange(_SEEDS), np.full(_SEEDS, np.inf, "float32")
    latent = from_seeds(seeds, free, 100, "uniform", (-1, 1))
    parts = np.split(latent, _SEEDS // _BATCH)
    images = [session.run(["image"], {"latent": part})[0] for part in parts]
    np.savez(folder / "data.npz", latent=latent, expected=np.concatenate(images))
    return session


@contextlib.contextmanager
def started(command: list, pattern: str) -> Iterator[tuple[int, int]]:
    """Starts a server; gives its process and the port that it prints."""
    process = subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=_ROOT,
    )
    try:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if found := re.search(pattern, line):
                yield process.pid, int(found[1])
                return
        sys.exit("".join(lines))
    finally:
        process.terminate()
        process.wait()


def loop(session: onnxruntime.InferenceSession, folder: pathlib.Path) -> dict:
    """Runs batches one after the other in this process."""
    with np.load(folder / "data.npz") as data:
        parts = np.split(data["latent"], _SEEDS // _BATCH)[:_LOOP]
    begin, used = time.perf_counter(), time.process_time()
    for part in parts:
        session.run(["image"], {"latent": part})
    return {
        "rows": len(parts) * _BATCH,
        "seconds": time.perf_counter() - begin,
        "processor": time.process_time() - used,
    }


def asking(
    server: tuple[int, int], task: dict, folder: pathlib.Path
) -> Callable[[], dict]:
    """Returns a function that loads a server once."""
    process, port = server
    given = json.dumps({**task, "port": port, "data": str(folder / "data.npz")})

    def ask():
        used = processor_seconds(process)
        client = [sys.executable, _ROOT / "benchmarks" / "server_client.py"]
        result = subprocess.run(
            client, input=given, capture_output=True, text=True, check=True, cwd=_ROOT
        )
        spent = processor_seconds(process) - used
        return {**json.loads(result.stdout), "processor": spent}

    return ask


def processor_seconds(process: int) -> float:
    """Returns what a process and those that it started have used."""
    total, known = 0.0, {process}
    fields = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields[int(path.parent.name)] = path.read_text().rpartition(")")[2].split()
    while more := {p for p, x in fields.items() if int(x[1]) in known} - known:
        known |= more
    for one in known & fields.keys():
        total += int(fields[one][11]) + int(fields[one][12])
    return total / os.sysconf("SC_CLK_TCK")


def in_turns(
    contestants: dict[str, Callable[[], dict]], rounds: int
) -> dict[str, list[dict]]:
    """Returns the results of each, round by round; one round before them warms up."""
    results: dict[str, list[dict]] = {name: [] for name in contestants}
    for i in range(rounds + 1):
        names = list(contestants)
        for name in reversed(names) if i % 2 else names:
            result = contestants[name]()
            if i:
                results[name].append(result)
    return results


def report(results: dict[str, list[dict]]) -> None:
    """Prints a line for each contestant: medians over the rounds."""
    base = next(iter(results))

    def rates(name, kind):
        return np.array([each["rows"] / each[kind] for each in results[name]])

    for name, rounds in results.items():
        by_clock, by_processor = rates(name, "seconds"), rates(name, "processor")
        line = (
            f"{name:<32}{np.median(by_clock):7.0f} rows/s "
            f"({np.median(by_clock / rates(base, 'seconds')):.2f} of the loop) "
            f"{np.median(by_processor):7.0f} rows a processor second "
            f"({np.median(by_processor / rates(base, 'processor')):.2f})"
        )
        if "latencies" in rounds[0]:
            latencies = np.concatenate([each["latencies"] for each in rounds])
            points = np.quantile(latencies, [0.5, 0.95, 0.99]) * 1e3
            line += "  p50 {:.1f}, p95 {:.1f}, p99 {:.1f} ms".format(*points)
            counts = {
                key: sum(each[key] for each in rounds) for key in ("lost", "wrong")
            }
            line += f"  of {len(latencies)} lost {counts['lost']}, wrong "
            line += f"{counts['wrong']} (largest difference "
            line += f"{max(each['worst'] for each in rounds):.1g})"
            for problem in {p for each in rounds for p in each["problems"]}:
                line += f"\n    {problem}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
