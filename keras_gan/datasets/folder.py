"""Images from the files below a folder."""

import os
import warnings
from multiprocessing.pool import ThreadPool
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from keras_gan import first_safe
from keras_gan.datasets import conversion, storage
from keras_gan.datasets.images import Images
from keras_gan.errors import InputError

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif"}


def read(
    argument: str,
    size: tuple[int, int] | None,
    channels: int | None,
    data_dir: str | None,
) -> Images:
    """Read every picture below a folder, in the order of their paths.

    Labels are the sub-folders of the first level, in sorted order, if every picture
    lies in one and there are at least two of them. Files that cannot be read are
    left out, with one warning, and listed in `skipped`.

    Args:
        argument: path of the folder.
        size: (height, width); required, because pictures differ in size.
        channels: 1, 3 or 4, or None for 3.
        data_dir: not used.

    Returns:
        The images, with labels if the sub-folders give them.

    Raises:
        InputError: if there is no such folder, no readable picture or no size.
    """
    root, channels = Path(argument).expanduser(), channels or 3
    if not root.is_dir():
        state = "is not a folder" if root.exists() else "does not exist"
        raise InputError(f"{argument!r} {state}; folder:PATH needs a folder.")
    if size is None:
        raise InputError(
            f"Pictures in folder {argument!r} may differ in size: image_size is needed."
        )
    first_safe.warn("pictures", "pillow")
    files = _picture_files(root)
    if not files:
        raise InputError(
            f"Folder {argument!r} holds no {', '.join(sorted(SUFFIXES))} file."
        )

    array = storage.allocate((len(files), *size, channels))
    kept, skipped = [], []
    with warnings.catch_warnings(), ThreadPool() as pool:
        # Pillow warns of pictures so large that they may be an attack.
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        rows = pool.imap(lambda file: _decode(file, size, channels), files, chunksize=8)
        bar = tqdm(rows, argument, len(files), unit=" images", disable=None)
        for file, row in zip(files, bar, strict=True):
            if isinstance(row, np.ndarray):
                array[len(kept)] = row
                kept.append(file.relative_to(root))
            else:
                skipped.append((str(file), f"{type(row).__name__}: {row}"))

    if skipped:
        summary = (
            f"{len(skipped)} of {len(files)} pictures in {argument!r} cannot be read, "
            f"the first of them {skipped[0][0]!r} ({skipped[0][1]})."
        )
        if not kept:
            raise InputError(summary)
        warnings.warn(summary, stacklevel=3)
    files = tuple(map(str, kept))
    return Images(array[: len(kept)], *_classes(kept), tuple(skipped), files)


def _picture_files(root):
    files, visited = [], set()
    for folder, subfolders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in visited:  # a link that leads back
            subfolders.clear()
            continue
        visited.add(real)
        subfolders[:] = sorted(n for n in subfolders if not n.startswith("."))
        files += [
            Path(folder, name)
            for name in names
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES
        ]
    return sorted(files)


def _decode(file, size, channels):
    # A broken file can raise almost anything in a decoder, and must not end the run.
    try:
        if not file.is_file():  # to open a pipe would wait for ever
            raise OSError("not a file, or a link that leads to none")
        with Image.open(file, formats=FORMATS) as picture:
            # Lets a JPEG be decoded at the eighth, quarter or half of its size that
            # still exceeds ours twice: four times faster for a photograph.
            picture.draft(None, (2 * max(size), 2 * max(size)))
            return conversion.to_array(picture, size, channels)
    except Exception as error:
        return error


def _classes(files):
    """Return (labels, class_names) from relative paths, or (None, None)."""
    names = sorted({file.parts[0] for file in files})
    if len(names) < 2 or any(len(file.parts) == 1 for file in files):
        return None, None
    labels = [names.index(file.parts[0]) for file in files]
    return np.array(labels, np.int64), tuple(names)
