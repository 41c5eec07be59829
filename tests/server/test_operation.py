"""The server as those who run it meet it: versions, load, health and its end."""

import concurrent.futures
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import pytest

import keras_gan_command
from keras_gan_server import __main__ as command

ROOT = Path(__file__).parents[2]
SAMPLE = "/models/digits/sample"
PATIENCE_SECONDS = 30


def eventually(check):
    """Waits until a function returns something, and returns it."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not (found := check()) and time.monotonic() < end:
        time.sleep(0.05)
    assert found
    return found


def figures(server):
    """Returns what /metrics says, by name and labels."""
    lines = server.get("/metrics").body.decode().splitlines()
    pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


def replace(path, content):
    """Puts a file in the place of another, in one step."""
    beside = path.with_suffix(".new")
    beside.write_bytes(content)
    os.replace(beside, path)


def another_version(path):
    """Returns an ONNX file whose weights are others."""
    model = onnx.load(path)
    for weight in model.graph.initializer:
        values = onnx.numpy_helper.to_array(weight)
        if values.dtype == np.float32 and values.ndim > 1:
            changed = np.ascontiguousarray(values * np.float32(-0.7))
            weight.CopyFrom(onnx.numpy_helper.from_array(changed, weight.name))
    return model.SerializeToString()


@pytest.fixture(scope="module")
def changing(start, exports, tmp_path_factory):
    """Returns a server that looks for versions often, and the folder of its files."""
    folder = tmp_path_factory.mktemp("changing")
    shutil.copy(exports.folder / "digits.onnx", folder)
    with start(folder, "--poll", 0.1) as server:
        yield server, folder


def version(answer):
    return answer.headers["model-version"]


def test_a_new_version_takes_over_and_no_request_is_lost(changing):
    server, folder = changing
    path = folder / "digits.onnx"
    first = path.read_bytes()
    versions = [first, another_version(path)]
    expected = {}
    address = f"{SAMPLE}?seed=3&label=2&format=npy"
    stop, answers = [], []

    def ask():
        connection = server.connect()
        while not stop:
            answers.append(server.ask("GET", address, connection=connection))
        connection.close()

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask) for _ in range(4)]
        try:
            for content in [*versions, *versions]:
                replace(path, content)
                wanted = hashlib.sha256(content).hexdigest()
                eventually(lambda: answers and version(answers[-1]) == wanted)  # noqa: B023
                expected.setdefault(wanted, server.get(address).body)
        finally:
            stop.append(True)
        for future in asking:
            future.result()
    assert {answer.status for answer in answers} == {200}
    # Each answer is whole: made by the version that it names.
    assert {version(answer) for answer in answers} == expected.keys()
    assert all(expected[version(answer)] == answer.body for answer in answers)
    assert len(set(expected.values())) == 2
    assert figures(server)['keras_gan_loads_total{model="digits",outcome="ok"}'] == 4


@pytest.mark.parametrize("broken", ["half a file", "no description", "gone"])
def test_a_broken_version_leaves_the_old_one(changing, broken):
    server, folder = changing
    path = folder / "digits.onnx"
    good = path.read_bytes()
    served = server.get("/models/digits").json["version"]
    failed = 'keras_gan_loads_total{model="digits",outcome="failed"}'
    before = figures(server).get(failed, 0)
    if broken == "gone":
        path.unlink()
    elif broken == "half a file":
        replace(path, good[: len(good) // 2])
    else:
        model = onnx.load_from_string(good)
        del model.metadata_props[:]
        replace(path, model.SerializeToString())
    eventually(lambda: figures(server).get(failed, 0) == before + 1)
    ready = server.get("/health/ready")
    assert (ready.status, ready.json["ready"]) == (200, True)
    assert ready.json["versions"] == {"digits": served}
    assert str(path) in ready.json["problems"]["digits"]
    assert server.get(f"{SAMPLE}?seed=1&label=1").status == 200
    replace(path, good)
    eventually(lambda: server.get("/health/ready").json["problems"] == {})


def test_a_file_that_is_added_is_served(changing, exports):
    server, folder = changing
    assert server.get("/models/vae").status == 404
    replace(folder / "vae.onnx", (exports.folder / "vae.onnx").read_bytes())
    eventually(lambda: server.get("/models/vae").status == 200)
    assert server.get("/models/vae/sample?seed=1").status == 200


def test_many_clients_share_batches_and_get_their_own_pictures(server):
    def ask(seed):
        return server.get(f"/models/vae/sample?seed={seed}&format=npy")

    before = figures(server)
    alone = [ask(seed).array for seed in range(16)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, [*range(16)] * 8))
    for number, answer in enumerate(answers):
        assert answer.status == 200
        np.testing.assert_allclose(answer.array, alone[number % 16], atol=1e-6)
    after = figures(server)

    def more(name):
        return after[name] - before.get(name, 0)

    assert more('keras_gan_rows_total{model="vae"}') == 9 * 16
    assert more('keras_gan_requests_total{code="200",model="vae"}') == 9 * 16
    assert more('keras_gan_request_seconds_count{model="vae"}') == 9 * 16
    batches = more('keras_gan_batch_rows_count{model="vae"}')
    assert 16 < batches < 9 * 16, "requests that wait are merged"
    assert after['keras_gan_queue_rows{model="vae"}'] == 0


def test_what_clients_make_up_is_no_series_of_its_own(server):
    server.get("/models/made-up/sample?seed=1")
    names = [name for name in figures(server) if "made-up" in name]
    assert names == []
    assert figures(server)['keras_gan_requests_total{code="404",model=""}'] > 0


def test_it_is_alive(server):
    assert server.get("/health/live").status == 200


def test_queue_time_and_end(start, exports):
    """A request waits half a second here for others, unless the batch is full."""
    arguments = ["--max-rows", 8, "--max-queue", 8, "--max-delay-ms", 500]
    arguments += ["--timeout", 3, "--drain", 0.3]
    with (
        start(exports.folder / "vae.onnx", *arguments) as server,
        concurrent.futures.ThreadPoolExecutor() as pool,
    ):
        address = "/models/vae/sample"
        six = {"seeds": [*range(6)]}
        waiting = pool.submit(server.post, address, six)
        queue = 'keras_gan_queue_rows{model="vae"}'
        eventually(lambda: figures(server)[queue] == 6)
        full = server.post(address, {"seeds": [1, 2, 3]})
        assert (full.status, full.headers["retry-after"]) == (503, "1")
        assert "Try again soon." in full.json["detail"]
        assert waiting.result().status == 200
        # Its answer comes after the signal; new requests are answered too.
        waiting = pool.submit(server.post, address, six)
        eventually(lambda: figures(server)[queue] == 6)
        server.process.send_signal(signal.SIGTERM)
        ready = eventually(lambda: _not_ready(server))
        assert (ready.status, ready.json["ready"]) == (503, False)
        late = pool.submit(server.get, f"{address}?seed=1")
        assert waiting.result().status == late.result().status == 200
        assert late.result().headers["connection"] == "close"
        output, errors = server.process.communicate(timeout=PATIENCE_SECONDS)
        assert server.process.returncode == 0
        assert json.loads(output) == []  # neither TensorFlow nor Keras was imported
        assert "Traceback" not in errors
        with pytest.raises(ConnectionRefusedError):
            server.get("/health/live")


def _not_ready(server):
    ready = server.get("/health/ready")
    return ready if ready.status != 200 else None


def test_a_request_that_takes_too_long(start, exports):
    arguments = ["--max-delay-ms", 5000, "--timeout", 0.3]
    with start(exports.folder / "vae.onnx", *arguments) as server:
        late = server.get("/models/vae/sample?seed=1")
        assert late.status == 504
        assert "longer than 0.3 seconds" in late.json["detail"]
        # Nor may a client hold the server by sending half a request.
        connection = socket.create_connection(("127.0.0.1", server.port))
        connection.sendall(
            b"POST /models/vae/sample HTTP/1.1\r\nHost: a\r\n"
            b"Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
        )
        assert b" 504 " in connection.recv(1000)
        connection.close()
        code, output, _ = server.stop(signal.SIGINT)
        assert (code, output) == (0, "[]\n")


def refused(arguments, capsys, *words):
    assert command.main([str(argument) for argument in arguments]) == 2
    errors = capsys.readouterr().err
    (line,) = [line for line in errors.splitlines() if line.startswith("error: ")]
    for word in words:
        assert word in line


def test_files_that_cannot_be_served(exports, tmp_path, capsys):
    port = ["--port", 0]
    refused([tmp_path / "none.onnx", *port], capsys, "none.onnx does not exist")
    refused([tmp_path, *port], capsys, "holds no file that ends in .onnx")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    refused([broken, *port], capsys, "broken.onnx", "ONNX Runtime")
    foreign = onnx.load(exports.folder / "vae.onnx")
    del foreign.metadata_props[:]
    onnx.save(foreign, broken)
    refused([broken, *port], capsys, "broken.onnx lacks the description")
    twice = tmp_path / "folder"
    twice.mkdir()
    shutil.copy(exports.folder / "vae.onnx", twice)
    refused([twice, exports.folder, *port], capsys, "have the same name")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = ["--port", taken.getsockname()[1]]
        refused([exports.folder, *port], capsys, "cannot be listened at")


@pytest.mark.parametrize(
    "arguments", [[], ["x", "--port", "-1"], ["x", "--timeout", "nan"]]
)
def test_wrong_arguments(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        keras_gan_command.main(["serve", *arguments])
    assert end.value.code == 2
    assert "keras-gan serve: error: " in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["fastapi", "uvicorn"])
def test_without_the_extra(missing):
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from keras_gan_command import main; sys.exit(main(['serve', 'x.onnx']))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert f"{missing} is not installed" in line
    assert 'pip install ".[server]"' in line
