"""Versions: several exports at once, exports that are killed, updating and pruning.

The files of these exports are small texts, as only their places matter.
"""

import functools
import json
import os
import signal
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

import export
import export.litert
import export.onnx
import export.saved_model
import export.web
from export import deployment
from export.__main__ import main
from export.digests import sha256
from export.exportable import describe
from export.formats import FORMATS
from export.publish import publish
from keras_gan import InputError

# What is in the folder of a model, from the outside.
TARGETS = {
    "saved-model": "m/1",
    "triton": "triton/m/1",
    "onnx": "m.onnx",
    "web": "web/m",
}
WATCHED = {"triton": "triton", "onnx": ".", "web": "web"}
# Events of Python before it changes a folder.
_CHANGES = ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "tempfile.mkdtemp")


@pytest.fixture(scope="module")
def exportable():
    from tests.export.conftest import dcgan

    return describe(dcgan(), "m")


@pytest.fixture(autouse=True)
def text(monkeypatch):
    """Has each format write a text, of which the last item of the list is a part."""
    content = ["first"]

    def write_file(_, path):
        path.write_text(content[-1])

    def write_folder(marker, _, path):
        path.mkdir()
        for name in (marker, "weights"):
            (path / name).write_text(content[-1])

    monkeypatch.setattr(export.onnx, "write", write_file)
    for module, marker in (
        (export.saved_model, "saved_model.pb"),
        (export.web, "index.html"),
    ):
        monkeypatch.setattr(module, "write", functools.partial(write_folder, marker))
    return content


def add(exportable, out, format, version=None, name="m", overwrite=True):
    target = functools.partial(FORMATS[format].target, out / name, version)
    path = out / "report.json"
    return publish(format, exportable, target, False, overwrite, path)


def fork(work):
    """Starts a process that does some work; returns its number."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return pid


def killed(work, step):
    """Whether a process that does some work dies at its n-th change of a folder."""
    left = step

    def hook(event, _):
        nonlocal left
        if event in _CHANGES:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def run():
        sys.addaudithook(hook)
        work()

    _, status = os.waitpid(fork(run), 0)
    assert os.waitstatus_to_exitcode(status) in (0, -signal.SIGKILL)
    return status != 0


def rows(out):
    return json.loads((out / "report.json").read_text())


def published(out):
    """Returns the exports in a folder by their paths, and a text of each."""
    found = {}
    for name, pattern in {
        "saved-model": "*/*",
        "triton": "triton/*/*",
        "onnx": "*.onnx",
        "web": "web/*",
    }.items():
        for path in out.glob(pattern):
            if FORMATS[name].matches(path):
                files = [path] if path.is_file() else [*path.iterdir()]
                texts = {file.read_text() for file in files}
                whole = 2 if name in ("saved-model", "web") else 1
                assert len(texts) == 1 and len(files) == whole
                found[path.relative_to(out).as_posix()] = texts.pop()
    return found


@pytest.mark.parametrize(
    "format",
    [
        pytest.param(format, marks=[pytest.mark.slow] * (format != "triton"))
        for format in WATCHED
    ],
)
def test_a_kill_leaves_whole_exports_that_the_report_has(
    format, exportable, text, tmp_path
):
    first = TARGETS[format]
    second = first.replace("/1", "/2")  # if the format has versions
    steps = 0
    for step in range(1, 200):
        out = tmp_path / str(step) / "out"
        text.append("first")
        add(exportable, out, format)
        watched = out / WATCHED[format]
        before = set(watched.rglob("*"))
        text.append("second")
        dies = killed(lambda out=out: add(exportable, out, format), step)
        exports = published(out)
        # Besides the new version a server finds nothing new, not for a moment.
        new = {p for p in watched.rglob("*") if p.suffix != ".lock"} - before
        assert [p for p in new if not p.is_relative_to(out / second)] == []
        assert exports in (
            {first: "first"},
            {first: "first", second: "second"},
            {second: "second"},
        )
        described = {row["path"]: row for row in rows(out)}
        assert set(exports) <= set(described)
        if not dies:
            break
        steps += 1
        # The next export, here of another model, mends what is left.
        add(exportable, out, "onnx", name="other")
        assert {entry["path"] for entry in rows(out)} == {*exports, "other.onnx"}
        for entry in rows(out):
            assert entry["sha256"] == sha256(out / entry["path"])
        assert [p.name for p in out.parent.iterdir()] == ["out"]
        assert not any(p.name.startswith(".") for p in out.rglob("*"))
    assert steps > 15 and exports[second] == "second"


def test_a_kill_leaves_no_empty_folder_of_a_model(exportable, tmp_path):
    for step in range(1, 200):
        out = tmp_path / str(step) / "out"
        out.mkdir(parents=True)
        assert killed(lambda out=out: add(exportable, out, "saved-model"), step)
        if (out / "m").exists():
            break
    assert not any((out / "m").iterdir())
    add(exportable, out, "onnx", name="other")
    assert {path.name for path in out.iterdir() if path.is_dir()} == set()


@pytest.mark.parametrize("format", TARGETS)
def test_exports_at_once_all_succeed(format, exportable, tmp_path):
    names = ["m"] if FORMATS[format].versions else list("abcd")
    pids = [
        fork(
            lambda i=i: [
                add(exportable, tmp_path, format, name=names[i % len(names)])
                for _ in range(3)
            ]
        )
        for i in range(4)
    ]
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * 4
    count = 12 if FORMATS[format].versions else 4
    targets = {FORMATS[format].target(tmp_path / n, v + 1) for n in names
               for v in range(count // len(names))}  # fmt: skip
    assert all(target.exists() for target in targets)
    assert {row["path"] for row in rows(tmp_path)} == {
        target.relative_to(tmp_path).as_posix() for target in targets
    }
    assert len(rows(tmp_path)) == len(targets) == count


def test_staging_of_processes_that_live_stays(exportable, tmp_path, monkeypatch):
    out = tmp_path / "out"
    reading, writing = os.pipe()

    def write_and_wait(_, path):
        path.write_text("first")
        os.read(reading, 1)

    def wait():
        os.close(writing)
        monkeypatch.setattr(export.onnx, "write", write_and_wait)
        add(exportable, out, "onnx", name="slow")

    pid = fork(wait)
    while not list(tmp_path.glob(".keras-gan-staging-*/out/slow.onnx")):
        pass
    add(exportable, out, "onnx")
    os.write(writing, b"x")
    assert os.waitpid(pid, 0)[1] == 0
    assert {entry["path"] for entry in rows(out)} == {"m.onnx", "slow.onnx"}


def test_what_a_user_writes_into_a_repository_is_staged_above_it(
    exportable, tmp_path, monkeypatch
):
    places = []
    monkeypatch.setattr(export.onnx, "write", lambda _, path: places.append(path))
    monkeypatch.setattr(export.onnx, "describe", lambda *_: exportable)
    for file in ("repository/m/1/model.onnx", "repository/model.onnx"):
        with pytest.raises(InputError):  # as nothing was written
            export.to_onnx("run", tmp_path / file, verify=False)
    assert {place.parents[2] for place in places} == {tmp_path}
    assert list(tmp_path.iterdir()) == []


def test_staging_stays_within_a_mount(tmp_path):
    out = tmp_path / "a out"
    out.mkdir()
    if subprocess.run(["mount", "--bind", out, out], capture_output=True).returncode:
        pytest.skip("only root can mount")
    try:
        with export.files.staging_path(out / "m.onnx") as staged:
            staged.write_text("text")
            os.replace(staged, out / "m.onnx")
        assert [p.name for p in out.iterdir()] == ["m.onnx"]
    finally:
        subprocess.run(["umount", out], check=True)


def versions(out):
    return {path for path in published(out) if Path(path).name.isdecimal()}


def run_main(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return code, out, err.strip().splitlines()


def test_prune_removes_the_oldest_that_nobody_names(exportable, tmp_path, capsys):
    out = tmp_path / "out"
    for _ in range(5):
        for format in ("saved-model", "triton"):
            add(exportable, out, format)
    add(exportable, out, "onnx")
    add(exportable, out, "saved-model", version=12, name="n")
    (out / "m" / "99").mkdir()  # a user's, and no export
    deployment.write(out, "m")
    entry = '"tensorflow"\n    version_labels { key: "stable" value: 2 }'
    config = out / "models.config"
    config.write_text(config.read_text().replace('"tensorflow"', entry, 1))
    policy = "version_policy { specific { versions: 1 versions: 5 } }\n"
    config = out / "triton" / "m" / "config.pbtxt"
    config.write_text(config.read_text() + policy)
    code, text, _ = run_main(capsys, "prune", out, "--keep", "2")
    assert code == 0
    gone = ["m/1", "m/3", "triton/m/2", "triton/m/3"]
    assert text.splitlines() == [f"removed {out / path}" for path in gone]
    left = {"m/2", "m/4", "m/5", "n/12", "triton/m/1", "triton/m/4", "triton/m/5"}
    assert versions(out) == left
    assert {row["path"] for row in rows(out)} == {*left, "m.onnx"}
    assert (out / "m" / "99").is_dir()
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert run_main(capsys, "prune", out, "--keep", 2)[:2] == (0, "nothing to remove\n")
    assert add(exportable, out, "triton").path.name == "6"
    assert config.read_text().endswith(policy)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["out", "--keep", "0"], "keep is 0. Give a whole number from 1"),
        (["out", "--keep", "-2"], "keep is -2"),
        (["nothing", "--keep", "1"], "nothing holds no versions"),
        (["out/m", "--keep", "1"], "out/m holds no versions"),
        (["file", "--keep", "1"], "file holds no versions"),
        (["broken", "--keep", "1"], "models.config cannot be read"),
    ],
)
def test_prune_refuses_nonsense_in_one_sentence(
    arguments, message, exportable, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    for out in ("out", "broken"):
        for _ in range(2):
            add(exportable, tmp_path / out, "saved-model")
    (tmp_path / "broken" / "models.config").write_text("model_config_list {")
    before = sorted(tmp_path.rglob("*"))
    code, text, errors = run_main(capsys, "prune", *arguments)
    assert (code, text, len(errors)) == (2, "", 1)
    assert message in errors[0]
    assert sorted(tmp_path.rglob("*")) == before


def test_versions_of_a_triton_model_share_inputs_and_backend(exportable, tmp_path):
    add(exportable, tmp_path, "triton")
    config = tmp_path / "triton/m/config.pbtxt"
    config.write_text(config.read_text().replace("kind: KIND_CPU count: 1", "count: 2"))
    add(exportable, tmp_path, "triton")  # others may differ
    config.write_text(config.read_text().replace("[ 8 ]", "[ 9 ]"))
    with pytest.raises(InputError, match=r"config\.pbtxt has another backend or input"):
        add(exportable, tmp_path, "triton")
    assert versions(tmp_path) == {"triton/m/1", "triton/m/2"}
    assert {row["path"] for row in rows(tmp_path)} == {"triton/m/1", "triton/m/2"}


def test_a_folder_that_is_no_export_is_never_replaced(exportable, tmp_path):
    precious = tmp_path / "web" / "m" / "notes.txt"
    precious.parent.mkdir(parents=True)
    precious.write_text("mine")
    with pytest.raises(InputError, match="is not an export of the format web"):
        add(exportable, tmp_path, "web")
    for format in ("saved-model", "triton"):
        add(exportable, tmp_path, format)
        with pytest.raises(InputError, match="A version is never replaced"):
            add(exportable, tmp_path, format, version=1)
    assert precious.read_text() == "mine"


def test_verify_takes_the_newest_version_of_a_model(exportable, tmp_path):
    for format, model in {"saved-model": "m", "triton": "triton/m"}.items():
        for version in (9, 10):
            add(exportable, tmp_path, format, version=version)
        with pytest.raises(InputError, match=f"{model}/10 has no description"):
            export.verify_again(tmp_path / model, "run")
