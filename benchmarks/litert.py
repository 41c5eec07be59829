"""Times a LiteRT file: python -m benchmarks.litert FILE

Prints the least milliseconds a picture of each signature, with XNNPACK, for which
other work on the machine counts least.
"""

import argparse
import time

import numpy as np
from ai_edge_litert.interpreter import Interpreter

_SECONDS = 3.0  # of calls for each line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    for signature, count in (("serving_default", 1), ("several", 1), ("several", 64)):
        interpreter = Interpreter(options.file, num_threads=options.threads)
        run = interpreter.get_signature_runner(signature)
        inputs = {
            name: np.zeros([count, *detail["shape_signature"][1:]], detail["dtype"])
            for name, detail in run.get_input_details().items()
        }
        least, end = np.inf, time.perf_counter() + _SECONDS
        while time.perf_counter() < end:
            start = time.perf_counter()
            run(**inputs)
            least = min(least, time.perf_counter() - start)
        print(f"{signature}, {count} rows: {1e3 * least / count:.2f} ms a picture")


if __name__ == "__main__":
    main()
