"""TensorFlow SavedModel, in the numbered folders that TensorFlow Serving watches."""

import json
import os
from pathlib import Path

import keras

from export import warmup
from export.formats import version_folder
from export.generator import Generator, describe
from export.publish import publish, refuse_existing
from export.report import Row
from export.signatures import every
from keras_gan.files import json_text

_METADATA = Path("assets.extra", "metadata.json")


def to_saved_model(
    model_or_run,
    path: str | os.PathLike,
    version: int | None = None,
    verify: bool = True,
) -> Row:
    """Writes the generator as a SavedModel into the folder `path/<version>`.

    Its signature `serving_default` takes `latent`, float32 [batch, latent_dim], and of
    a conditional model `label`, int64 [batch], 0 to num_classes - 1 (others count as
    the nearest); it gives `image`, float32 [batch, *image_shape]. `sample`,
    `sample_png` and `interpolate` are those of `export.signatures.every`.
    `assets.extra` holds `metadata.json`, which describes it, and where
    tensorflow-serving-api is installed a server's warm-up requests.

    Args:
        model_or_run: a `keras_gan.GAN`, or the path of a run's folder.
        path: folder of the model's versions; its name is the model's.
        version: number of this one, at least 1; None takes the next that is free.
        verify: run the export in a second process before it is published.

    Raises:
        InputError: for a version that exists, no GAN, or weights that are not finite.
        VerificationError: where the export differs from the model; nothing is written.
    """
    target = version_folder(Path(path), version)
    refuse_existing(target)
    generator = describe(model_or_run, Path(path).resolve().name)
    return publish("saved-model", generator, target, verify)


signatures = every


def check(generator: Generator) -> None:
    """Accepts every generator."""


def write(generator: Generator, path: Path) -> None:
    """Writes the SavedModel into the folder `path`, unverified."""
    archive = keras.export.ExportArchive()
    # Tracking the network as well would store every weight twice (keras #23553).
    for name, signature in every(generator).items():
        archive.add_endpoint(name, signature.function, signature.inputs)
    archive.write_out(path, verbose=False)
    # TensorFlow Serving reads nothing in assets.extra, so it is free for descriptions.
    description = path / _METADATA
    description.parent.mkdir()
    description.write_text(json_text(generator.metadata()), "utf-8")
    if warmup.installed():
        warmup.write(generator, path)


def metadata(path: Path) -> dict:
    """Returns the description in a SavedModel."""
    return json.loads((path / _METADATA).read_bytes())
