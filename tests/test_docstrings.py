"""Each public class has an example that runs as it stands.

An example may take as given what a reader of it has: `images`, here digits of 8x8
pixels, `gan`, a compiled model of them, `np`, `keras`, and a run in `runs/digits`.
"""

import ast
import pathlib
import re
import shutil
from typing import NamedTuple

import keras
import numpy as np
import pytest

from keras_gan import DCGAN, datasets

ROOT = pathlib.Path(__file__).parents[1]
# Classes that nobody makes, and the function whose example shows what they are for.
SHARED = {
    "keras_gan.datasets.census.Seen": "keras_gan.datasets.folder.read",
    "keras_gan.datasets.folder.Column": "keras_gan.datasets.folder.read",
    "keras_gan.datasets.folder.Row": "keras_gan.datasets.folder.read",
}
# What cannot run here: Triton's server alone can import its class.
ELSEWHERE = {"export.triton_model.TritonPythonModel"}


class Documented(NamedTuple):
    """A class or a function, and the examples in its docstring."""

    name: str
    is_class: bool
    doc: str
    examples: list[str]


def documented():
    """Yields all public classes but exceptions, and functions with examples."""
    for room in ("keras_gan", "keras_gan_server", "export"):
        for file in sorted((ROOT / room).rglob("*.py")):
            parts = file.relative_to(ROOT).with_suffix("").parts
            parts = [part for part in parts if part != "__init__"]
            if any(part.startswith("_") for part in parts):
                continue
            for node in ast.parse(file.read_text()).body:
                is_class = isinstance(node, ast.ClassDef)
                if not (is_class or isinstance(node, ast.FunctionDef)):
                    continue
                # A base class of Keras may have an example; this one's own counts.
                doc = ast.get_docstring(node) or ""
                examples = re.findall(r"```python\n(.*?)```", doc, re.S)
                if is_class and (node.name.startswith("_") or is_exception(node)):
                    continue
                if is_class or examples:
                    name = ".".join([*parts, node.name])
                    yield Documented(name, is_class, doc, examples)


def is_exception(node):
    bases = [ast.unparse(base) for base in node.bases]
    return any(base.endswith(("Error", "Exception")) for base in bases)


DOCUMENTED = {each.name: each for each in documented()}
EXAMPLES = [
    pytest.param(
        example,
        id=each.name,
        marks=[pytest.mark.slow] if "inception.weights.h5" in example else [],
    )
    for each in DOCUMENTED.values()
    for example in each.examples
]


@pytest.fixture(scope="module")
def images():
    digits = datasets.read("digits")
    return datasets.Images(digits.array[:128], digits.labels[:128])


def small_gan():
    gan = DCGAN((8, 8, 1), latent_dim=4, base_filters=2, seed=1)
    gan.compile("adam", "adam")
    return gan


def variables(gan):
    return [each for part in gan.training_state().values() for each in part]


@pytest.fixture(scope="module")
def compiled():
    """Returns a model that examples train, and the values that it starts from."""
    gan = small_gan()
    return gan, [variable.numpy() for variable in variables(gan)]


@pytest.fixture
def given(images, compiled, tmp_path, monkeypatch):
    """Returns what an example takes as given, in a folder of its own."""
    gan, start = compiled
    for variable, value in zip(variables(gan), start, strict=True):
        variable.assign(value)
    shutil.copytree(ROOT / "tests/golden/run", tmp_path / "runs/digits")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return {"images": images, "gan": gan, "np": np, "keras": keras}


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_runs(example, given):
    if "gan.compile(" in example:  # the others go on with the step traced before
        given["gan"] = small_gan()
    if "inception.weights.h5" in example:
        network = keras.applications.InceptionV3(weights=None)
        network.save_weights("inception.weights.h5")
    exec(compile(example, "example", "exec"), {"__name__": "example", **given})


def test_each_public_class_has_an_example():
    classes = {name for name, each in DOCUMENTED.items() if each.is_class}
    without = {name for name in classes if not DOCUMENTED[name].examples}
    assert without == {*SHARED, *ELSEWHERE}
    for name, function in SHARED.items():
        assert DOCUMENTED[function].examples
        assert f"`{'.'.join(function.split('.')[-2:])}`" in DOCUMENTED[name].doc
