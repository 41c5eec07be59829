"""A folder for the Hugging Face Hub: Keras's own files, a card and its picture.

`keras_gan.load` and Keras's `load_model("hf://USER/NAME")` read it. It holds all
networks, for training goes on with them too, but no state of optimizers, which is twice
as large.
"""

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import keras

from export import reproducible
from export.cards import card_of, picture_of
from export.exportable import Exportable, is_users
from export.files import exchange
from keras_gan import model_card, model_files
from keras_gan.errors import InputError
from keras_gan.files import json_text


def check(exportable: Exportable) -> None:
    """Raises InputError for a model that keras_gan alone could not open again."""
    model: Any = exportable.model
    parts = [model, *reproducible.layers_of(model.networks().values())]
    own = {type(part) for part in parts if is_users(part)}
    if own:
        names = ", ".join(sorted(c.__name__ for c in own))
        raise InputError(
            f"the model has classes of your own ({names}), which keras_gan.load would "
            "not find on another machine. Choose another format, such as onnx."
        )


def write(exportable: Exportable, path: Path) -> None:
    """Writes the folder, unverified."""
    model: Any = exportable.model
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.keras")
        model.save(file)
        plain: Any = model_files.load(file)  # without its optimizers
    plain.name = reproducible.without_number(plain.name)
    reproducible.name_by_place(reproducible.layers_of(plain.networks().values()))
    plain.save(path, zipped=False)
    _make_reproducible(path)
    assets = path / "assets"
    if not any(assets.iterdir()):
        assets.rmdir()  # git keeps no empty folder
    description = exportable.metadata() | {
        "weights_sha256": model_files.sha256(path / model_files.WEIGHTS)
    }
    (path / model_files.DESCRIPTION).write_text(json_text(description), "utf-8")
    picture = picture_of(exportable)
    usage = model_card.usage(model, f"hf://USER/{exportable.name}")
    shown = model_card.PICTURE if picture else None
    model_card.write(path, card_of(exportable, usage, shown), picture)


def place(written: Path, target: Path) -> None:
    """Moves a folder to its place in one step; a card of the user's own stays."""
    if not target.is_dir():
        os.replace(written, target)
        return
    if model_card.is_users(target / model_card.FILE):
        for name in (model_card.FILE, model_card.PICTURE):
            if (target / name).is_file():
                shutil.copyfile(target / name, written / name)
    exchange(written, target)


def metadata(path: Path) -> dict:
    """Returns the description in a folder."""
    return json.loads((path / model_files.DESCRIPTION).read_bytes())


def _make_reproducible(path):
    """Takes the time and addresses in memory out of what Keras wrote."""
    version = {"keras_version": keras.__version__}
    (path / "metadata.json").write_text(json_text(version), "utf-8")
    file, known = path / model_files.CONFIG, {}

    def numbered(part):
        if "shared_object_id" in part:
            address = part["shared_object_id"]
            part["shared_object_id"] = known.setdefault(address, len(known))
        return part

    config = json.loads(file.read_bytes(), object_hook=numbered)
    file.write_text(json_text(config), "utf-8")
