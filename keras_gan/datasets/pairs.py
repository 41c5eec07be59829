"""Pairs of pictures from one string: `datasets.read_pairs("pairs:maps", 64)`.

A user adds a source of pairs by `PAIRED_SOURCES["mine"] = Source("mine", "my own
pairs", read)`.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_gan import checks
from keras_gan.datasets import (
    arrays,
    census,
    digit_domains,
    folder,
    formats,
    npz,
    storage,
)
from keras_gan.datasets.conversion import Form
from keras_gan.datasets.examples import Paired, load_size_for
from keras_gan.datasets.images import Images
from keras_gan.datasets.source import Source, form_of
from keras_gan.errors import InputError, did_you_mean, listed

DIRECTIONS = ("a-to-b", "b-to-a")
_KEYS = (("source", "target"), ("a", "b"))
_SHOWN = 3  # offenders that a message names
# Names of folders that hold parts of a set, not sides of pairs.
_SPLITS = {"train", "training", "val", "valid", "validation", "test", "testing"}


def read(
    argument: str, forms: tuple[Form, Form], data_dir: str | None
) -> tuple[Images, Images]:
    """Read pairs from a folder or a NumPy file.

    A folder holds either pictures of two halves side by side, or two sub-folders of
    pictures with equal names, whose endings may differ. Pictures are read as
    `folder.read` does. If one of a pair cannot be read, the pair is left out.

    Args:
        argument: path of the folder, or of an .npz file with two arrays named source
            and target, or a and b.
        forms: what the left and the right half become; or the sub-folder whose name
            comes first and the other; or the first array and the second.
        data_dir: not used.

    Returns:
        The first images and the second, in the order of their paths.

    Raises:
        InputError: if there are no pairs, or pictures do not have partners of the same
            name and size.
    """
    root = Path(argument).expanduser()
    if root.suffix.lower() in npz.SUFFIXES and not root.is_dir():
        both = npz.load(argument, _select)
        if both[1] is None:
            raise InputError(
                f"{argument!r} holds one array, and pairs need two. Store them in an "
                ".npz file as source and target, or as a and b."
            )
        return _from_arrays(both, forms, repr(argument))
    folder.require_folder(root, argument, "pairs")
    files, others, _ = folder.list_pictures(root)
    loose: list[Path] = []
    below: dict[str, list[Path]] = {}
    for file in files:
        first, *rest = file.relative_to(root).parts
        (below.setdefault(first, []) if rest else loose).append(file)
    if loose and not below:
        return _from_halves(argument, root, loose, forms)
    if len(below) == 2 and not loose:
        return _from_folders(argument, root, below, forms)
    found = census.ignored(others)
    if files:
        found = listed(
            [f"{len(group):,} pictures in {name!r}" for name, group in below.items()]
            + ([f"{len(loose):,} beside them"] if loose else [])
        )
    raise InputError(
        f"{argument!r} holds no pairs: {found}. Name a folder of pictures with two "
        "halves side by side, or one with two sub-folders of pictures that have equal "
        "names." + (f" Did you mean pairs:{root / next(iter(below))}?" if below else "")
    )


PAIRED_SOURCES: dict[str, Source] = {
    "pairs": Source(
        "pairs:PATH",
        "pictures of two halves; or two sub-folders with equal names; or a .npz file",
        read,
    ),
    "outlines": Source(
        "outlines",
        "outlines of 1,797 handwritten digits, and the digits, from scikit-learn",
        digit_domains.read_outlines,
    ),
}


def read_pairs(
    source: str | tuple[np.ndarray, np.ndarray],
    image_size: int | tuple[int, int] | None = None,
    channels: int | Mapping[str, int | None] | None = None,
    load_size: int | tuple[int, int] | None = None,
    direction: str = "a-to-b",
    crop: bool = False,
    flip: bool = True,
    data_dir: str | None = None,
    memory_budget: str = storage.MEMORY_BUDGET,
    fit: str = "crop",
    levels: Mapping[str, tuple[float, float] | None] | None = None,
) -> Paired:
    """Read a whole source of pairs, a source and the target that belongs to it.

    Args:
        source: a string of one of the forms in `PAIRED_SOURCES`, or a tuple of two
            arrays of images as `read` takes them.
        image_size: side length or (height, width) in pixels of what networks see; None
            is the size of the pictures.
        channels: 1, 3 or 4 for both, or {"source": ..., "target": ...}; None keeps
            those of the pictures, which may differ.
        load_size: the size at which pictures are kept. Training cuts random windows of
            `image_size` out of them. None is `load_size_for(image_size)`, or with
            `crop` the size of the pictures.
        direction: "a-to-b" translates left to right, or the first sub-folder by name
            or first array to the second; "b-to-a" the other way.
        crop: windows are cut out of pictures as they are, so what networks see is a
            part of a picture. If not, it is nearly all of it.
        flip: whether training mirrors half of the pairs.
        data_dir, fit: as of `read`. With "stretch", the two pictures of a pair may
            differ in size.
        memory_budget: as of `read`, of all images together.
        levels: {"source": ..., "target": ...}, each as of `read`.

    Returns:
        The pairs, in a fixed order.

    Raises:
        InputError: if the source or an argument cannot be used.
    """
    if direction not in DIRECTIONS:
        raise InputError(
            f"direction is {direction!r}. Use a-to-b or b-to-a."
            f"{did_you_mean(direction, DIRECTIONS)}"
        )
    stored, window = sizes(image_size, load_size, crop)
    if not isinstance(channels, Mapping):
        channels = dict.fromkeys(Paired.names, channels)
    levels = levels or {}
    forms = [
        form_of(stored, channels.get(name), fit, levels.get(name))
        for name in Paired.names
    ]
    turned = slice(None, None, -1 if direction == "b-to-a" else 1)
    with storage.within(memory_budget):
        first, second = forms[turned]
        found = _read(source, (first, second), data_dir)[turned]
        images = dict(zip(Paired.names, found, strict=True))
        return Paired.of(images, window, crop, flip)


def sizes(
    image_size: int | tuple[int, int] | None,
    load_size: int | tuple[int, int] | None,
    crop: bool,
) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
    """Returns the size at which pictures are kept, and that of training's windows.

    Args:
        image_size, load_size, crop: as of `read_pairs`.

    Returns:
        (height, width) of each; None is the size of the pictures.

    Raises:
        InputError: if they contradict each other.
    """
    window = checks.height_and_width("image_size", image_size)
    stored = checks.height_and_width("load_size", load_size)
    if window is None:
        if crop or stored:
            given = f"load_size is {_words(stored)}" if stored else "crop is True"
            raise InputError(
                f"{given}, and image_size is not set. Give image_size, the size of the "
                "windows that training cuts out of the pictures."
            )
        return None, None
    if stored and (stored[0] < window[0] or stored[1] < window[1]):
        raise InputError(
            f"load_size is {_words(stored)}, less than image_size, {_words(window)} "
            "(height x width). Use at least image_size, which cuts no windows."
        )
    return stored or (None if crop else load_size_for(window)), window


def _read(source, forms, data_dir):
    if isinstance(source, tuple) and len(source) == 2:
        return _from_arrays(source, forms, "the tuple")
    if not isinstance(source, str):
        raise InputError(
            f"The source of pairs is of type {type(source).__name__}. Use a string or "
            "a tuple of two arrays."
        )
    kind, _, argument = source.partition(":")
    if kind not in PAIRED_SOURCES:
        usages = ", ".join(entry.usage for entry in PAIRED_SOURCES.values())
        raise InputError(
            f"{source!r} is not a source of pairs. Use one of: {usages}."
            f"{_meant(source)}"
        )
    usage = PAIRED_SOURCES[kind].usage
    if bool(argument) != (":" in usage):
        raise InputError(f"Source {source!r} does not have the form {usage}.")
    found = PAIRED_SOURCES[kind].read(argument, forms, data_dir)
    if all(isinstance(images, Images) for images in found):
        return found
    return _from_arrays(found, forms, repr(source))


def _meant(source):
    """Returns a hint for a string that names no source of pairs."""
    kind, _, argument = source.partition(":")
    path = argument if kind in ("folder", "npz") else source
    if Path(path).expanduser().exists():
        return f" Did you mean pairs:{path}?"
    return did_you_mean(kind, PAIRED_SOURCES)


def _select(content, path):
    for keys in _KEYS:
        if all(key in content for key in keys):
            return content[keys[0]], content[keys[1]]
    raise InputError(
        f"{path!r} holds {', '.join(content) or 'nothing'}. Store two arrays of images "
        "as source and target, or as a and b."
    )


def _from_arrays(both, forms, where):
    both = [np.asanyarray(images) for images in both]
    counts = [len(images) if images.ndim else 0 for images in both]
    if counts[0] != counts[1]:
        raise InputError(
            f"The two arrays of {where} hold {counts[0]:,} and {counts[1]:,} images. "
            "Give two arrays with as many images, in the same order."
        )
    heights = [images.shape[1:3] for images in both]
    if heights[0] != heights[1] and forms[0].fit != "stretch":
        raise InputError(
            f"The images in the two arrays of {where} are {_words(heights[0])} and "
            f"{_words(heights[1])} (height x width). Give images of one size, or fit "
            "stretch, which distorts them to one size."
        )
    found = []
    for name, images, form in zip(("first", "second"), both, forms, strict=True):
        try:
            found.append(arrays.from_arrays(images, form=form))
        except InputError as error:
            raise InputError(f"The {name} array of {where}: {error}") from error
    return tuple(found)


def _from_halves(argument, root, files, forms):
    if forms[0].size is None:
        height, width = folder.common_size(files)
        forms = [dataclasses.replace(f, size=(height, width // 2)) for f in forms]
    halves = tuple(dataclasses.replace(f, half=i) for i, f in enumerate(forms))
    rows, columns, skipped = folder.read_columns(
        argument, [(file,) for file in files], [halves]
    )
    names = tuple(str(file.relative_to(root)) for (file,) in rows)
    titles = (f"{argument} (left halves)", f"{argument} (right halves)")
    return _images(titles, (names, names), forms, columns, skipped)


def _from_folders(argument, root, below, forms):
    titles = sorted(below)
    if set(map(str.lower, titles)) <= _SPLITS:
        raise InputError(
            f"The sub-folders of {argument!r} are {listed(titles)}, which are parts of "
            f"a set and not two sides of pairs. Name one: pairs:{root / titles[0]}."
        )
    named = [_by_name(below[title], root / title) for title in titles]
    alone = [sorted(set(named[i]) - set(named[1 - i])) for i in range(2)]
    if any(alone):
        parts = [
            f"{len(lost):,} of {len(found):,} in {title!r} "
            f"({listed((found[name].name for name in lost), most=_SHOWN)})"
            for title, found, lost in zip(titles, named, alone, strict=True)
            if lost
        ]
        raise InputError(
            f"Pictures of {argument!r} have no partner of the same name in the other "
            f"sub-folder: {' and '.join(parts)}. Rename, add or remove pictures; if "
            "each picture has both halves side by side, name the sub-folder: "
            f"pairs:{root / titles[0]}."
        )
    pairs = [(file, named[1][name]) for name, file in sorted(named[0].items())]
    if forms[0].size is None:
        size = folder.common_size([file for pair in pairs for file in pair])
        forms = [dataclasses.replace(form, size=size) for form in forms]
    rows, columns, skipped = folder.read_columns(
        argument, pairs, [(form,) for form in forms]
    )
    unequal = [
        f"{str(files[0])!r} is {_words(a.size)} and {str(files[1])!r} {_words(b.size)}"
        for files, a, b in zip(rows, columns[0].seen, columns[1].seen, strict=True)
        if a.size != b.size
    ]
    if unequal and forms[0].fit != "stretch":
        raise InputError(
            f"{len(unequal):,} of {len(rows):,} pairs have pictures of two sizes "
            f"(width x height): {listed(unequal, most=_SHOWN)}. Give pictures of one "
            "size, or fit stretch, which distorts them to one size."
        )
    names = [tuple(str(files[i].relative_to(root)) for files in rows) for i in range(2)]
    places = [f"{argument} ({title})" for title in titles]
    return _images(places, names, forms, columns, skipped)


def _by_name(files, root):
    """Returns relative path without the ending of a picture -> file."""
    found: dict[str, Path] = {}
    for file in files:
        name = file.relative_to(root)
        if name.suffix.lower() in formats.SUFFIXES:
            name = name.with_suffix("")
        other = found.setdefault(str(name), file)
        if other is not file:
            raise InputError(
                f"{str(other)!r} and {str(file)!r} have one name, so the partner of "
                "each is unknown. Rename or remove one."
            )
    return found


def _images(titles, files, forms, columns, skipped) -> tuple[Images, Images]:
    """Returns the images of two columns. Skipped pairs stand in the first alone."""
    found: list[Any] = []
    for title, names, form, column in zip(titles, files, forms, columns, strict=True):
        notes = census.describe(
            title,
            form,
            column.array.shape[1:],
            names,
            column.seen,
            column.digests,
            column.levels,
        )
        found.append(
            Images(
                column.array,
                skipped=() if found else skipped,
                files=names,
                digests=tuple(column.digests),
                levels=column.levels,
                summary=folder.printable(f"{'; '.join(notes)}."),
            )
        )
    return found[0], found[1]


def _words(size):
    return "x".join(map(str, size))
