"""The same run gives the same bytes in each process."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from export import reproducible
from export.exportable import describe
from export.formats import FORMATS, ExportOptions
from keras_gan import DCGAN

_NAMES = [*FORMATS, "onnx:float16", "onnx:int8"]


def write(run, out, names):
    exportable = describe(run, "digits")
    for name in names:
        format, _, precision = name.partition(":")
        part = FORMATS[format].parts(exportable)[0]
        part = part.with_options(ExportOptions(precision=precision or "float32"))
        target = Path(out, name, "digits")
        target.parent.mkdir(parents=True)
        reproducible.write(format, part, target)


@pytest.mark.usefixtures("deterministic")  # This process alone has other options.
def test_two_processes_write_the_same_bytes(run_folder, tmp_path, contents):
    pytest.importorskip("ai_edge_litert", reason="pip install '.[litert]'")
    here, there = tmp_path / "here", tmp_path / "there"
    seed = 7 if os.environ.get("PYTHONHASHSEED") != "7" else 8
    process = subprocess.Popen(
        [sys.executable, __file__, run_folder, there],
        env={
            **os.environ,
            "PYTHONHASHSEED": str(seed),
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
    )
    # Other models, and the other order, make TensorFlow and Keras count further.
    for _ in range(2):
        DCGAN((8, 8, 1), latent_dim=4, base_filters=2)
    write(run_folder, here, reversed(_NAMES))
    assert process.wait() == 0
    one, other = contents(here), contents(there)
    assert one == other
    assert {name.split("/")[0] for name in one} == set(_NAMES)


if __name__ == "__main__":
    keras.utils.set_random_seed(1)
    write(*sys.argv[1:], _NAMES)
