"""What the tests of the server share: small exports, and the server in a process."""

import contextlib
import http.client
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import onnx as onnx_package
import pytest
from PIL import Image

from export import onnx
from export.exportable import describe
from export.formats import ExportOptions
from keras_gan import VAE, CycleGAN, networks

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "run" / "export"
NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "3"]
# What the process says last: its code, and which large libraries it imported.
_PROGRAM = """
import json, sys
from keras_gan_command import main
code = main(["serve", *sys.argv[1:]])
loaded = {"tensorflow", "keras", "keras_gan", "export", "onnx"} & sys.modules.keys()
print(json.dumps(sorted(loaded)))
sys.exit(code)
"""


class Answer(NamedTuple):
    """What the server answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def array(self):
        return np.load(io.BytesIO(self.body))

    @property
    def picture(self):
        return np.asarray(Image.open(io.BytesIO(self.body)))


class Server:
    """A server's process, and requests to it.

    Args:
        arguments: of `keras-gan serve`.
    """

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, *map(str, arguments), "--port", "0"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log = []
        for line in self.process.stderr:
            self.log.append(line)
            if found := re.search(r"listens at http://127\.0\.0\.1:(\d+)", line):
                self.port = int(found[1])
                return
        raise AssertionError("".join(self.log))

    def ask(self, method, path, body=None, connection=None, **headers):
        """Returns the answer; `connection` keeps one open for several requests."""
        own = connection or self.connect()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        own.request(method, path, body, named)
        response = own.getresponse()
        answer = Answer(response.status, dict(response.headers), response.read())
        if connection is None:
            own.close()
        return answer

    def get(self, path, **headers):
        return self.ask("GET", path, **headers)

    def post(self, path, body, **headers):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content_Type", "application/json")
        return self.ask("POST", path, body, **headers)

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def stop(self, number=signal.SIGTERM):
        """Ends the process; returns its code, its output and its log."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=60)
        return self.process.returncode, output, "".join([*self.log, errors])


@pytest.fixture(scope="session")
def start():
    """Returns a function that starts a server, which the end of the block ends."""

    @contextlib.contextmanager
    def started(*arguments):
        server = Server(*arguments)
        try:
            yield server
        finally:
            if server.process.poll() is None:
                server.process.kill()
            server.process.communicate()

    return started


def vae():
    model = VAE(
        networks.mlp_encoder((6, 5, 1), 4, (8,), seed=1),
        networks.mlp_decoder((6, 5, 1), 4, (8,), seed=2),
        latent_dim=4,
        value_range=(0, 1),
    )
    _randomize(model.decoder)
    _randomize(model.encoder)
    return model


def cyclegan():
    def translator(source, target):
        network = networks.residual_translator(source, target, base_filters=2, blocks=1)
        _randomize(network)
        return network

    def discriminator(shape):
        return networks.patch_discriminator(shape, layers=1, base_filters=2)

    a, b = (None, None, 3), (None, None, 1)
    return CycleGAN(
        *(translator(a, b), translator(b, a)),
        *(discriminator(a), discriminator(b)),
        identity_weight=0,
        pool_size=0,
    )


def _randomize(network):
    rng = np.random.default_rng(0)
    for weight in network.trainable_weights:
        if len(weight.shape) > 1:
            weight.assign(rng.normal(0, 0.4, weight.shape))


class Exports(NamedTuple):
    """A folder of ONNX files, and the functions that SavedModels of the models hold."""

    folder: Path
    functions: dict[str, Callable]


@pytest.fixture(scope="session")
def exports(tmp_path_factory):
    """Returns exports of all kinds.

    The class 9 of `digits` is called "3". The images of `pets.b_to_a` are uint8, and
    NCHW.
    """
    keras.utils.set_random_seed(0)
    folder = tmp_path_factory.mktemp("serving")
    digits = onnx_package.load(GOLDEN / "golden.onnx")
    for entry in digits.metadata_props:
        if entry.key == "class_names":
            entry.value = json.dumps(NAMES)
    onnx_package.save(digits, folder / "digits.onnx")
    models = {"vae": vae(), "pets": cyclegan()}
    described = {name: describe(model, name) for name, model in models.items()}
    other = ExportOptions(layout="nchw", output="uint8")
    for exportable in (
        described["vae"].only("serving_default"),
        described["vae"].only("encode"),
        described["pets"].only("serving_default"),
        described["pets"].only("b_to_a").with_options(other),
    ):
        onnx.write(exportable, folder / f"{exportable.name}.onnx")
    # One that has diverged.
    wild = onnx_package.load(folder / "vae.encode.onnx")
    for weight in wild.graph.initializer:
        values = onnx_package.numpy_helper.to_array(weight)
        if values.dtype == np.float32 and values.ndim > 1:
            wilder = onnx_package.numpy_helper.from_array(values * np.inf, weight.name)
            weight.CopyFrom(wilder)
    onnx_package.save(wild, folder / "wild.encode.onnx")
    functions = {
        f"{name}.{function}": signature.function
        for name, exportable in described.items()
        for function, signature in exportable.signatures.items()
    }
    return Exports(folder, functions)


@pytest.fixture(scope="session")
def server(exports, start):
    """Returns a server of all exports."""
    with start(exports.folder, "--max-rows", 16, "--max-body-mb", 0.2) as running:
        yield running


@pytest.fixture(scope="session")
def png():
    """Returns a function from uint8 [height, width, channels] to a PNG file."""

    def written(levels):
        file = io.BytesIO()
        Image.fromarray(levels.squeeze()).save(file, "png")
        return file.getvalue()

    return written


@pytest.fixture(scope="session")
def npy():
    """Returns a function from an array to an .npy file."""

    def written(values):
        file = io.BytesIO()
        np.save(file, values)
        return file.getvalue()

    return written
