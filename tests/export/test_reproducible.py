"""The same run gives the same bytes in each process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from export.formats import FORMATS

# Other models made before have made the counters of Keras and TensorFlow run on.
_EXPORT = """
import sys
import keras
from export import reproducible
from export.exportable import describe
from export.formats import FORMATS, ExportOptions
from pathlib import Path
from keras_gan import DCGAN

run, out, formats, others = *sys.argv[1:4], int(sys.argv[4])
for _ in range(others):
    DCGAN((8, 8, 1), latent_dim=4, base_filters=2)
keras.utils.set_random_seed(others)
exportable = describe(run, "digits")
for name in formats.split(","):
    format, _, precision = name.partition(":")
    part = FORMATS[format].parts(exportable)[0]
    part = part.with_options(ExportOptions(precision=precision or "float32"))
    target = Path(out, name, "digits")
    target.parent.mkdir(parents=True)
    reproducible.write(format, part, target)
"""


def test_two_processes_write_the_same_bytes(run_folder, tmp_path, contents):
    pytest.importorskip("ai_edge_litert", reason="pip install 'keras-gan[litert]'")
    folders, processes = (tmp_path / "0", tmp_path / "3"), []
    for folder in folders:
        # In another order: what is converted first counts from another number.
        formats = [*FORMATS, "onnx:float16", "onnx:int8"]
        formats.sort(reverse=folder.name == "3")
        arguments = [run_folder, folder, ",".join(formats), folder.name]
        processes.append(
            subprocess.Popen(
                [sys.executable, "-c", _EXPORT, *map(str, arguments)],
                env={**os.environ, "PYTHONHASHSEED": folder.name},
                cwd=Path(__file__).parents[2],
            )
        )
    assert [process.wait() for process in processes] == [0, 0]
    one, other = map(contents, folders)
    assert one == other
    assert {name.split("/")[0] for name in one} == set(formats)
