"""Starts Triton on a model repository, asks it many things and saves what it said.

Run by test_triton.py in an environment that has nvidia-pytriton and onnxruntime, with
the repository, the model's name, a file of inputs and one for the outcome (.npz).
"""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np
import pytriton
import tritonclient.grpc
import tritonclient.http

_THREADS = 8
_REQUESTS = 1000
_PATIENCE_SECONDS = 120


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in sockets:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in sockets]


@contextlib.contextmanager
def server(repository, *options):
    """Starts the server that nvidia-pytriton bundles; gives its HTTP and gRPC ports."""
    package = pathlib.Path(pytriton.__file__).parent
    http, grpc = free_ports(2)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = package / "tritonserver/python_backend_stubs" / version
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder, "tritonserver")
        shutil.copytree(package / "tritonserver", home)
        # The backend starts the Python that its stub was built for.
        shutil.copy(stub / "triton_python_backend_stub", home / "backends/python")
        with open(pathlib.Path(folder, "log"), "w+") as log:
            process = subprocess.Popen(
                [
                    home / "bin/tritonserver",
                    *("--model-repository", repository),
                    *("--backend-directory", home / "backends"),
                    *("--http-port", str(http), "--grpc-port", str(grpc)),
                    *("--http-address", "127.0.0.1", "--grpc-address", "127.0.0.1"),
                    *("--allow-metrics", "false"),
                    *options,
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={
                    **os.environ,
                    "LD_LIBRARY_PATH": str(package.parent / "nvidia_pytriton.libs"),
                    "PATH": f"{sys.exec_prefix}/bin:{os.environ['PATH']}",
                },
            )
            try:
                wait_until_ready(process, http, log)
                yield f"127.0.0.1:{http}", f"127.0.0.1:{grpc}"
            finally:
                process.terminate()
                process.wait()


def wait_until_ready(process, port, log):
    client = tritonclient.http.InferenceServerClient(f"127.0.0.1:{port}")
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(Exception):
            if client.is_server_ready():
                return
        time.sleep(0.2)
    log.seek(0)
    sys.exit(f"Triton did not start:\n{log.read()[-3000:]}")


def ask(protocol, client, name, rows):
    inputs = []
    for key, values in rows.items():
        values = values.reshape(len(values), -1)
        kind = "INT64" if values.dtype == np.int64 else "FP32"
        inputs.append(protocol.InferInput(key, values.shape, kind))
        inputs[-1].set_data_from_numpy(values)
    return client.infer(name, inputs).as_numpy("image")


def main(repository, name, inputs_path, outcome_path):
    with np.load(inputs_path) as file:
        inputs = dict(file)
    few = {key: values[:5] for key, values in inputs.items()}
    wide = {**few, "latent": np.ones((5, few["latent"].shape[1] + 1), "float32")}
    latent = few["latent"].copy()
    latent[0, 0], latent[1, 1] = np.nan, np.inf
    bad = {
        "shape": wide,
        "label": {**few, "label": np.array([0, 1, -1, 0, 7])},
        "latent": {**few, "latent": latent},
    }
    outcome, refusals = {f"bad_{key}": bad[key][key] for key in ("label", "latent")}, {}
    with server(repository) as addresses:
        protocols = (tritonclient.http, tritonclient.grpc)
        for protocol, address in zip(protocols, addresses, strict=True):
            client = protocol.InferenceServerClient(address)
            short = protocol.__name__.rpartition(".")[2]
            for kind, rows in bad.items():
                try:
                    outcome[f"{short}_{kind}"] = ask(protocol, client, name, rows)
                except Exception as error:
                    refusals[f"{short}_{kind}"] = f"{error.status()} {error.message()}"
            outcome[short] = ask(protocol, client, name, few)
            client.close()
        client = tritonclient.http.InferenceServerClient(addresses[0])
        before = client.get_inference_statistics(name)["model_stats"][0]
        outcome["many"] = ask_many(protocols, addresses, name, inputs)
        after = client.get_inference_statistics(name)["model_stats"][0]
    np.savez(outcome_path, **outcome)
    kinds = ("inference_count", "execution_count")
    counts = {kind: int(after[kind]) - int(before[kind]) for kind in kinds}
    print(json.dumps({"refusals": refusals, **counts}))


def ask_many(protocols, addresses, name, inputs):
    """Asks for one image at a time from many threads; returns them in order."""
    local = threading.local()

    def one(i):
        # A connection for each thread, half of them over HTTP.
        if not hasattr(local, "client"):
            local.which = threading.get_ident() // 64 % 2
            local.client = protocols[local.which].InferenceServerClient(
                addresses[local.which]
            )
        row = i % len(inputs["latent"])
        rows = {key: values[row : row + 1] for key, values in inputs.items()}
        return ask(protocols[local.which], local.client, name, rows)

    with concurrent.futures.ThreadPoolExecutor(_THREADS) as pool:
        return np.concatenate(list(pool.map(one, range(_REQUESTS))))


if __name__ == "__main__":
    main(*sys.argv[1:])
