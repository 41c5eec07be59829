"""Old versions of libraries: what is said where they read files of strangers."""

import configparser
import re
import warnings
from importlib.metadata import version
from pathlib import Path

import keras
import onnx
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from PIL import Image

import export
from export import exportable
from keras_gan import DCGAN, datasets, first_safe
from keras_gan.errors import InputError

ROOT = Path(__file__).parents[1]


def bounds(lines):
    """Returns the lower bounds of requirements, by the names of their packages."""
    requirements = map(Requirement, (x for x in lines if x and not x.startswith("#")))
    return {
        canonicalize_name(r.name): Version(next(iter(r.specifier)).version)
        for r in requirements
    }


def required():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    return bounds(config["options"]["install_requires"].splitlines())


def secure():
    return bounds((ROOT / "constraints" / "secure.txt").read_text().splitlines())


def first_safe_versions():
    """Yields (package, version) of each row of SECURITY.md that names one."""
    for line in (ROOT / "SECURITY.md").read_text().splitlines():
        cells = [cell.strip(" *") for cell in line.split("|")[1:-1]]
        if len(cells) == 6 and re.match(r"\d", cells[2]):
            packages, versions = cells[0].split(", "), cells[2].split(", ")
            yield from zip(map(canonicalize_name, packages), versions, strict=True)


def test_secure_constraints_hold_what_security_says():
    found = list(first_safe_versions())
    assert len(found) > 12
    for package, safe in found:
        assert secure()[package] >= Version(safe), package
    for package, safe in first_safe.FIRST_SAFE.items():
        assert Version(safe) == max(Version(v) for p, v in found if p == package)


def test_secure_constraints_allow_what_is_required():
    assert secure().keys() >= required().keys() - {"importlib-resources"}
    for package, lowest in required().items():
        assert secure().get(package, lowest) >= lowest, package


@pytest.fixture
def installed(monkeypatch):
    """Makes first_safe see other versions than the installed ones."""
    seen = dict.fromkeys(first_safe.FIRST_SAFE, "999")
    monkeypatch.setattr(first_safe, "version", seen.__getitem__)
    return seen


@pytest.fixture(scope="module")
def gan():
    return DCGAN((8, 8, 1), latent_dim=4, base_filters=2, seed=1)


def read_pictures(folder, gan):
    Image.new("L", (8, 8)).save(folder / "one.png")
    assert len(datasets.read(f"folder:{folder}", image_size=8)) == 1


def read_a_model(folder, gan):
    gan.save(folder / "gan.keras")
    read = exportable.describe(folder / "gan.keras", "name")
    assert read.default.facts["latent_dim"] == 4


def read_an_onnx_file(folder, gan):
    path = folder / "gan.onnx"
    export.to_onnx(gan, path, verify=False)
    assert export.onnx.metadata(path)["latent_dim"] == 4


@pytest.mark.parametrize(
    ("read", "package", "old"),
    [
        (read_pictures, "pillow", "12.3.0"),
        (read_a_model, "keras", "3.13.2"),
        (read_a_model, "tensorflow", "2.20.0"),
        (read_an_onnx_file, "onnx", "1.20.1"),
    ],
)
def test_old_versions_are_named_where_they_read(
    tmp_path, gan, installed, read, package, old
):
    installed[package] = old
    safe = first_safe.FIRST_SAFE[package]
    with pytest.warns(UserWarning, match=f"{package} {old} has known weak") as given:
        read(tmp_path, gan)
    (said,) = [s for w in given if "known weaknesses" in (s := str(w.message))]
    assert said.endswith(f"pip install '{package}>={safe}'")


@pytest.mark.parametrize("read", [read_pictures, read_a_model, read_an_onnx_file])
def test_safe_versions_read_in_silence(tmp_path, gan, installed, read):
    installed.update(first_safe.FIRST_SAFE)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*known weaknesses")
        read(tmp_path, gan)


def test_versions_are_those_of_the_environment():
    assert first_safe.version("keras") == version("keras") == keras.__version__


def test_operations_that_the_onnx_package_lacks(tmp_path, gan, monkeypatch):
    monkeypatch.setattr(onnx.defs, "onnx_opset_version", lambda: 22)
    with pytest.raises(InputError, match=r"opset is 26, .* up to opset 22"):
        export.to_onnx(gan, tmp_path / "gan.onnx", opset=26)
    assert not list(tmp_path.iterdir())
