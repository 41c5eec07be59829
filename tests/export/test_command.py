"""`python -m export` in processes of its own."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from export.__main__ import main
from keras_gan import process

_ROOT = Path(__file__).parents[2]


def run_command(*arguments, code=None):
    start = ["-m", "export"] if code is None else ["-c", code]
    path = os.pathsep.join([*filter(None, sys.path), str(_ROOT)])
    return subprocess.run(
        [sys.executable, *start, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )


def test_help_does_not_wait_for_tensorflow(run_python):
    code = """
import sys
import export.__main__
try:
    export.__main__.main(["--help"])
except SystemExit:
    print(sorted({"tensorflow", "keras", "onnx", "tf2onnx"} & set(sys.modules)))
"""
    output = run_python(code)
    assert "saved-model, onnx" in output
    assert output.splitlines()[-1] == "[]"


def test_a_terminal_shows_which_format_is_being_written_over_another(
    run_folder, tmp_path, monkeypatch
):
    (tmp_path / "digits-1.onnx").write_text("old")
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    options = ["--out", str(tmp_path), "--format", "onnx", "--overwrite"]
    assert main([str(run_folder), *options]) == 0
    assert (tmp_path / "digits-1.onnx").stat().st_size > 1000
    assert "onnx:" in terminal.getvalue() and "1/1" in terminal.getvalue()


def test_exports_a_run_and_prints_a_table(run_folder, tmp_path):
    out = tmp_path / "serving"
    result = run_command(run_folder, "--out", out)
    # TensorFlow 2.19 logs information of its optimizer whatever the level is.
    lines = result.stderr.encode().splitlines()
    assert [line for line in lines if not process.is_noise(line, 3)] == []
    assert result.returncode == 0
    header, *lines = result.stdout.strip().splitlines()
    names = ["format", "file", "MB", "runtime", "ms at 1", "at 64"]
    columns = [*names, "largest difference", "passed"]
    assert re.split("  +", header) == columns
    cells = [re.split("  +", line) for line in lines[:2]]
    assert [line[0] for line in cells] == ["saved-model", "onnx"]
    assert [line[1] for line in cells] == [
        str(out / "digits-1/1"),
        str(out / "digits-1.onnx"),
    ]
    assert [line[3].split()[0] for line in cells] == ["tensorflow", "onnxruntime"]
    assert all(float(line[4]) > 0 and float(line[5]) > 0 for line in cells)
    assert all(float(line[6]) <= 1e-5 and line[7] == "yes" for line in cells)
    assert (out / "digits-1/1/saved_model.pb").is_file()
    assert (out / "digits-1.onnx").is_file()
    report = json.loads((out / "report.json").read_text())
    assert [row["path"] for row in report] == ["digits-1/1", "digits-1.onnx"]


def test_a_difference_ends_with_1_and_the_figure(run_folder, tmp_path):
    code = """
import sys
import export.onnx
from export.__main__ import main
write = export.onnx.write
def write_another(exportable, path):
    network = exportable.networks["generator"]
    weights = network.get_weights()
    network.set_weights([1.1 * w for w in weights])
    write(exportable, path)
    network.set_weights(weights)
export.onnx.write = write_another
sys.exit(main(sys.argv[1:]))
"""
    arguments = [run_folder, "--format", "onnx", "--out", tmp_path, "--name", "x"]
    result = run_command(*arguments, code=code)
    assert result.returncode == 1, result.stderr
    row = json.loads((tmp_path / "report.json").read_text())[0]
    assert row["passed"] is False
    assert f"{row['largest_difference']:.3g}" in result.stderr
    assert result.stdout.splitlines()[1].split()[-1] == "no"
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]


def test_a_signal_leaves_nothing_half_written(run_folder, tmp_path):
    code = """
import os, runpy, signal, sys, time
import export.onnx
def write(exportable, path):
    path.write_text("half")
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)
export.onnx.write = write
runpy.run_module("export", run_name="__main__")
"""
    arguments = [run_folder, "--format", "onnx", "--out", tmp_path / "out"]
    result = run_command(*arguments, code=code)
    assert result.returncode == 143, result.stderr
    assert list(tmp_path.iterdir()) == []


def no_run(folder, run_folder):
    return [folder, "--out", folder / "out"], "config.json"


def unknown_format(folder, run_folder):
    return [run_folder, "--format", "pickle", "--out", folder / "out"], "pickle"


def existing_file(folder, run_folder):
    (folder / "x.onnx").write_text("precious")
    return [run_folder, "--name", "x", "--out", folder], "exists already"


def version_of_a_file(folder, run_folder):
    more = ["--format", "onnx", "web", "--version", "3"]
    return [
        run_folder,
        *more,
        "--out",
        folder,
    ], "no versions of onnx and web"


def unwritable(folder, run_folder):
    (folder / "file").write_text("")
    return [run_folder, "--format", "onnx", "--out", folder / "file/out"], "file"


@pytest.mark.parametrize(
    "case",
    [no_run, unknown_format, existing_file, version_of_a_file, unwritable],
    ids=lambda c: c.__name__,
)
def test_what_cannot_be_done_ends_with_2_and_one_sentence(
    case, run_folder, tmp_path, contents, capsys
):
    arguments, expected = case(tmp_path, run_folder)
    before = contents(tmp_path)
    assert main([str(argument) for argument in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = [line for line in err.splitlines() if line.startswith("error:")]
    assert expected in line
    assert contents(tmp_path) == before


def test_a_mistake_shows_no_traceback(tmp_path):
    result = run_command(tmp_path, "--out", tmp_path / "out")
    assert result.returncode == 2
    assert result.stdout == ""
    assert "error: " in result.stderr
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []
