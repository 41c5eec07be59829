"""Runs that cannot be exported, disks that are full, and exports of something else."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

import export
from export.__main__ import main
from keras_gan import InputError

_ROOT = Path(__file__).parents[2]


def refused(arguments, capsys, expected):
    """Asserts exit code 2 and one sentence with `expected`."""
    assert main([str(argument) for argument in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = [line for line in err.splitlines() if line.startswith("error:")]
    assert expected in line


@pytest.mark.parametrize("format", ["saved-model", "onnx"])
def test_no_space_left_in_the_middle_of_writing(format, run_folder, tmp_path):
    # The largest file may be as long as a part of the weights.
    code = f"""
import resource, sys
sys.path.insert(0, {str(_ROOT)!r})
import export.publish, export.saved_model, export.triton
from export.__main__ import main
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
sys.exit(main(sys.argv[1:]))
"""
    arguments = ["--format", format, "--out", tmp_path / "out", "--name", "x"]
    result = subprocess.run(
        [sys.executable, "-c", code, run_folder, *arguments],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2, result.stderr
    lines = [x for x in result.stderr.splitlines() if x.startswith("error:")]
    assert len(lines) == 1
    assert "cannot be written" in lines[0]
    assert "File too large" in lines[0]
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_a_checkpoint(run_folder, tmp_path, capsys):
    (tmp_path / "run").mkdir()
    config = (run_folder / "config.json").read_text()
    (tmp_path / "run" / "config.json").write_text(config)
    refused([tmp_path / "run", "--out", tmp_path / "out"], capsys, "has no checkpoint")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [b"", b"PK\3\4nonsense", b"\x89HDF\r\n\x1a\n"])
def test_a_file_of_something_else(content, tmp_path, capsys):
    path = tmp_path / "model.keras"
    path.write_bytes(content)
    refused([path, "--out", tmp_path / "out"], capsys, "cannot be read as a model")


def test_a_saved_model_that_is_no_gan(gan, tmp_path, capsys):
    path = tmp_path / "generator.keras"
    gan.generator.save(path)
    refused([path, "--out", tmp_path / "out"], capsys, "Functional was given")


@pytest.mark.parametrize(
    ("folder", "name"), [("my run (2)", "my-run-2"), ("数字", "model")]
)
def test_a_run_whose_folder_has_no_name_for_a_server(
    folder, name, run_folder, tmp_path
):
    shutil.copytree(run_folder, tmp_path / folder)
    export.export_all(tmp_path / folder, tmp_path, formats=["onnx"])
    assert (tmp_path / f"{name}.onnx").is_file()


def test_an_opset_that_there_is_not(run_folder, tmp_path, capsys):
    arguments = [run_folder, "--out", tmp_path / "out", "--opset", "12"]
    refused(arguments, capsys, "opset is 12")


def test_a_saved_gan_is_exported_and_verified_again(gan, tmp_path, capsys):
    gan.save(tmp_path / "faces.keras")
    arguments = [tmp_path / "faces.keras", "--out", tmp_path, "--format", "onnx"]
    assert main([*map(str, arguments), "--layout", "nchw", "--output", "uint8"]) == 0
    file = tmp_path / "faces.onnx"
    (output,) = onnx.load(file).graph.output
    assert output.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    arguments = ["verify", str(file), "--against", str(tmp_path / "faces.keras")]
    capsys.readouterr()
    assert main(arguments) == 0
    header, line = capsys.readouterr().out.splitlines()
    assert header.startswith("format")
    assert line.split()[0] == "onnx"
    assert line.split()[-1] == "yes"

    # The model was trained further.
    gan.generator.set_weights([1.1 * w for w in gan.generator.get_weights()])
    gan.save(tmp_path / "later.keras")
    arguments[-1] = str(tmp_path / "later.keras")
    assert main(arguments) == 1
    out, err = capsys.readouterr()
    assert "faces.onnx has other values in" in err
    assert out.splitlines()[1].split()[-1] == "no"


def test_a_saved_model_is_verified_against_a_model(gan, tmp_path):
    path = export.to_saved_model(gan, tmp_path / "model", verify=False).path
    row = export.verify_again(path, gan)
    assert row.passed
    assert row.format == "saved-model"
    assert "sample_png/png_bytes" in row.outputs
    metadata = path / "assets.extra" / "metadata.json"
    metadata.write_text(json.dumps({"name": "model"}))
    assert "lacks the field" in export.verify_again(path, gan).problem
    for description in ({}, [], None):
        metadata.write_text(json.dumps(description))
        with pytest.raises(InputError, match="no description"):
            export.verify_again(path, gan)
    (path / "index.html").touch()
    with pytest.raises(InputError, match=r"several exports \(saved-model and web\)"):
        export.verify_again(path, gan)


@pytest.mark.parametrize("name", ["nothing", "x.onnx", "folder"])
def test_what_is_no_export_is_not_verified(name, gan, tmp_path, capsys):
    (tmp_path / "x.onnx").write_bytes(b"\0nonsense")
    (tmp_path / "folder").mkdir()
    gan.save(tmp_path / "gan.keras")
    capsys.readouterr()
    arguments = ["verify", tmp_path / name, "--against", tmp_path / "gan.keras"]
    refused(arguments, capsys, f"{tmp_path / name} ")
