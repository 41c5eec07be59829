"""Triton itself, polling a repository while exports come and are killed."""

import functools
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from export import publish, triton
from export.exportable import describe
from export.formats import FORMATS
from keras_gan import DCGAN

_SESSION = Path(__file__).with_name("triton_polling_session.py")
_PACKAGES = ["nvidia-pytriton==0.7.0", "onnxruntime", "numpy<2"]
_POLLS_SECONDS = 3  # Triton polls each second
_SWAP_SECONDS = 8  # in which it unloads a version


def leave_staging(add, copied):
    """Starts an export of a copy in a process that is killed before it is published."""
    pid = os.fork()
    if pid == 0:

        def write(_, path):  # as TensorFlow does not run in a forked process
            shutil.copytree(copied, path)
            shutil.copy(copied.parent / "config.pbtxt", path.parent)

        triton.write = write
        publish.digests.sha256 = lambda _: os.kill(os.getpid(), signal.SIGKILL)
        try:
            add()
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL


@pytest.mark.serving
def test_a_polling_server_stays_ready(serving_environment, tmp_path):
    python = serving_environment("triton", _PACKAGES)
    out = tmp_path / "out"
    gan = DCGAN((16, 24, 3), latent_dim=8, base_filters=4, num_classes=3, seed=1)
    exportable = describe(gan, "digits")
    np.savez(tmp_path / "inputs.npz", **exportable.default.examples(2))
    target = functools.partial(FORMATS["triton"].target, out / "digits", None)
    add = functools.partial(
        *(publish.publish, "triton", exportable, target),
        verify=False,
        report=out / "report.json",
    )

    def left():
        return list(tmp_path.rglob(".keras-gan-staging-*/digits/*/model.onnx"))

    first = add().path
    leave_staging(add, first)
    assert left()
    arguments = [python, _SESSION, out / "triton", "digits", tmp_path / "inputs.npz"]
    with subprocess.Popen(
        arguments,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as session:
        try:
            seen = [session.stdout.readline()]  # it starts beside what was left
            for _ in range(2):
                add()
                seen.append(session.stdout.readline())
                time.sleep(_SWAP_SECONDS)
                leave_staging(add, first)
                assert left()
                time.sleep(_POLLS_SECONDS)
        finally:
            text, errors = session.communicate()
    assert session.returncode == 0, errors[-3000:]
    assert seen == ["version 1\n", "version 2\n", "version 3\n"]
    outcome = json.loads(text.splitlines()[-1])
    assert outcome["failures"] == []
    assert outcome["ready"]
    # Triton itself is not ready while it replaces one version by the next.
    assert outcome["pauses"] <= 2
    assert outcome["asked"] > 50
    assert {model["name"] for model in outcome["states"]} == {"digits"}
