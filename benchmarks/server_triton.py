"""Starts Triton on a model repository for `benchmarks.server`.

Run in an environment that has nvidia-pytriton. It prints the port of HTTP, and SIGTERM
ends it and Triton.
"""

import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tests" / "export"))
import triton_session

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with triton_session.server(sys.argv[1]) as (http, _):
        print(http.rpartition(":")[2], flush=True)
        signal.pause()
