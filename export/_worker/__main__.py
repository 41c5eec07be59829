"""Runs an export in a process of its own, without the code that trained it.

Started by `verify.py` with: format or file of its loader, export, file of inputs, file
for the outputs (both .npz), batch sizes such as 1,3,64. Arrays are named
SIGNATURE/CASE/INPUT, and SIGNATURE/CASE/OUTPUT/SIZE; the case "examples" is timed.
Prints one line of JSON.
"""

import gc
import json
import sys
import time

import numpy as np
from loaders import loader_of

gc.disable()  # the process is short, and its imports make millions of objects

_CALLS = 5  # that the median latency is taken of


def main(format, path, inputs_path, outputs_path, sizes):
    loader = loader_of(format)
    for name in loader.blocked:
        sys.modules[name] = None  # an import of it fails from here on
    export = loader(path)
    inputs = {}
    with np.load(inputs_path) as file:
        for key in file.files:
            signature, case, name = key.split("/")
            inputs.setdefault((signature, case), {})[name] = file[key]
    names = {signature: set(values) for (signature, _), values in inputs.items()}
    if export.signatures != names:
        sys.exit(f"its inputs are {export.signatures} and should be {names}")
    outputs, milliseconds = {}, {}
    for size in sizes.split(","):
        for (signature, case), values in inputs.items():
            batch = {name: rows[: int(size)] for name, rows in values.items()}
            for name, rows in export.run(signature, batch).items():
                # Bytes in an array of objects could only be saved as a pickle.
                rows = rows.astype("S") if rows.dtype == object else rows
                outputs[f"{signature}/{case}/{name}/{size}"] = rows
        shown = inputs["serving_default", "examples"]
        batch = {name: rows[: int(size)] for name, rows in shown.items()}
        milliseconds[size] = median_milliseconds(lambda b=batch: export.timed(b))
    np.savez(outputs_path, **outputs)
    outcome = {
        "runtime": export.runtime,
        "runtime_version": export.version,
        "milliseconds": milliseconds,
        **export.facts,
        "imported": [
            name
            for name, module in sys.modules.items()
            if name.split(".")[0] in loader.blocked and module is not None
        ],
    }
    print(json.dumps(outcome))


def median_milliseconds(call):
    times = []
    for _ in range(_CALLS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return round(1e3 * float(np.median(times)), 3)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Exception as error:
        # One line, since it becomes part of a sentence; some messages fill a screen.
        text = " ".join(str(error).split())
        sys.exit(f"{type(error).__name__}: {text[:300]}")
