"""All public signatures are typed; mypy then compares them with the code."""

import ast
import configparser
import pathlib

ROOT = pathlib.Path(__file__).parent.parent
PACKAGES = (
    *("keras_gan", "keras_gan_command", "keras_gan_options", "keras_gan_server"),
    "export",
)


def public_functions(place, body):
    """Yields the name and the node of each function that others may call."""
    for node in body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef):
            continue
        if node.name.startswith("_") and node.name != "__init__":
            continue
        name = f"{place}.{node.name}"
        if isinstance(node, ast.ClassDef):
            yield from public_functions(name, node.body)
        else:
            yield name, node


def untyped(function):
    """Returns the names of arguments without a type, and "return"."""
    known = function.args
    arguments = [*known.posonlyargs, *known.args, *known.kwonlyargs]
    arguments += [one for one in (known.vararg, known.kwarg) if one is not None]
    names = [one.arg for one in arguments if one.annotation is None]
    if names[:1] in (["self"], ["cls"]):
        del names[0]
    if function.returns is None and function.name != "__init__":
        names.append("return")
    return names


def test_public_signatures_are_typed():
    found = [
        (name, untyped(function))
        for package in PACKAGES
        for path in ROOT.glob(f"{package}/**/*.py")
        if "_worker" not in path.parts
        for name, function in public_functions(
            path.relative_to(ROOT), ast.parse(path.read_text()).body
        )
    ]
    assert len(found) > 600
    assert not [(name, missing) for name, missing in found if missing]


def test_users_get_the_types():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    for package in PACKAGES:
        assert (ROOT / package / "py.typed").exists()
        assert "py.typed" in setup["options.package_data"][package].split()
