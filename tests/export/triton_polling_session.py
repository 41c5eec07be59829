"""Has Triton poll a model repository while another process exports into it.

Run by test_triton_polling.py in an environment that has nvidia-pytriton and
onnxruntime, with the repository, the model's name and a file of inputs (.npz). Prints
"version N" for each version that answers. Once standard input is closed, it prints how
often it asked, how often the server stopped being ready, and what failed.
"""

import json
import sys
import threading
import time

import numpy as np
import tritonclient.http
from triton_session import server

_PAUSE_SECONDS = 0.05


def main(repository, name, inputs_path):
    with np.load(inputs_path) as file:
        arrays = {key: values.reshape(len(values), -1) for key, values in file.items()}
    inputs = []
    for key, values in arrays.items():
        kind = "INT64" if values.dtype == np.int64 else "FP32"
        inputs.append(tritonclient.http.InferInput(key, values.shape, kind))
        inputs[-1].set_data_from_numpy(values)
    closed = threading.Event()
    threading.Thread(
        target=lambda: (sys.stdin.read(), closed.set()), daemon=True
    ).start()
    polling = ("--model-control-mode", "poll", "--repository-poll-secs", "1")
    asked, pauses, ready, failures, last = 0, 0, True, [], None
    with server(repository, *polling) as (address, _):
        client = tritonclient.http.InferenceServerClient(address)
        while not closed.is_set():
            asked += 1
            before, ready = ready, client.is_server_ready()
            pauses += before and not ready
            try:
                version = client.infer(name, inputs).get_response()["model_version"]
            except Exception as error:
                failures.append(str(error))
            else:
                if version != last:
                    print(f"version {version}", flush=True)
                last = version
            time.sleep(_PAUSE_SECONDS)
        states = client.get_model_repository_index()
    outcome = {"asked": asked, "pauses": pauses, "ready": ready, "failures": failures}
    print(json.dumps({**outcome, "states": states}))


if __name__ == "__main__":
    main(*sys.argv[1:])
