"""The code is built in floors, and its imports run downwards alone."""

import ast
import graphlib
import pathlib

ROOT = pathlib.Path(__file__).parent.parent

# Rooms of keras_gan and the folders beside it, from the ground up. The rooms of one
# floor do not know each other.
FLOORS = [
    "errors first_safe keras_gan_options ownership precision process seeding settings "
    "version",
    "augmentation checks model_files",
    "distribution examples files latents losses metrics networks optimizers "
    "tiling transparency",
    "pixels plugins symptoms",
    "serving",
    "datasets epoch_table models pictures theory",
    "checkpoints features latent_directions",
    "evaluators",
    "recipes",
    "runs",
    "callbacks loading model_card sample",
    "experiments training",
    "encode evaluate reconstruct translate",
    "keras_gan",
    "export",
    # Imports neither keras_gan nor export, and so no TensorFlow.
    "keras_gan_server",
    "keras_gan_command",
    "__main__ train",
]
HEIGHT = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms.split()}


def modules():
    """Returns the path of each module, by its name."""
    paths = [*ROOT.glob("keras_gan*/**/*.py"), *ROOT.glob("export/**/*.py")]
    found = {}
    for path in [*paths, ROOT / "train.py"]:
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts).removesuffix(".__init__")] = path
    return found


def room(module):
    """Returns the part of the code that a module belongs to."""
    first, *rest = module.split(".")
    return rest[0] if first == "keras_gan" and rest else first


def imports(path, known):
    """Returns the modules of ours that a file imports, in functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in known else node.module)
    return found & known.keys()


def test_every_room_has_a_floor():
    assert {room(module) for module in modules()} == HEIGHT.keys()


def test_imports_run_downwards():
    known = modules()
    upwards = [
        f"{module} imports {other}"
        for module, path in known.items()
        for other in imports(path, known)
        if room(other) != room(module) and HEIGHT[room(other)] >= HEIGHT[room(module)]
    ]
    assert not upwards


def test_no_room_has_a_circle():
    known = modules()
    graph = {module: imports(path, known) - {module} for module, path in known.items()}
    graphlib.TopologicalSorter(graph).prepare()
