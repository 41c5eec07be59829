"""What a folder of pictures holds, in words."""

from collections import Counter
from typing import NamedTuple

import numpy as np

from keras_gan.datasets.conversion import FITS, Form
from keras_gan.errors import listed

DARK = 15  # of 255; a picture without a brighter value is nearly black


class Seen(NamedTuple):
    """What one picture is like, for the summary that `folder.read` gives.

    Args:
        kind: name of its format.
        size: (width, height) in pixels, as a viewer shows it.
        grey: it has no colours.
        see_through: some pixel is not opaque.
        invisible: all pixels are fully transparent.
        blank: all pixels have one value.
        dark: no value exceeds `DARK`.
        frames: it has more than one frame.
        reduced: it has more bits for each colour than the reader keeps.
        keyed: its values have more than 8 bits, and one of them means transparency.
    """

    kind: str
    size: tuple[int, int]
    grey: bool
    see_through: bool
    invisible: bool
    blank: bool
    dark: bool
    frames: bool
    reduced: bool
    keyed: bool


def describe(
    name: str,
    form: Form,
    shape: tuple[int, ...],
    files: tuple[str, ...],
    seen: list[Seen],
    digests: list[str],
    levels: tuple[float, float] | None,
) -> list[str]:
    """Return notes on the pictures of a folder and on how they were read.

    Args:
        name: of the folder.
        form: the form that the user asked for.
        shape: (H, W, C) of the images that the pictures became.
        files, seen, digests: one entry for each picture.
        levels: values that became black and white if some pictures have more than 8
            bits, else None.
    """
    count = len(seen)
    kinds = Counter(one.kind for one in seen).most_common()
    sizes = sorted({one.size for one in seen}, key=lambda size: size[0] * size[1])
    span = " to ".join(dict.fromkeys(f"{w}x{h}" for w, h in (sizes[0], sizes[-1])))
    notes = [
        f"{name} holds {_pictures(count)} "
        f"({', '.join(f'{n:,} {kind}' for kind, n in kinds)}) of {span} pixels (width "
        f"x height), read as {_words(shape)}"
    ]

    def note(number, text):
        if number:
            notes.append(f"{number:,} {text}")

    def count_of(field):
        return sum(getattr(one, field) for one in seen)

    height, width = shape[:2]
    kept = {
        size: min(size[0] * height, size[1] * width)
        / max(size[0] * height, size[1] * width)
        for size in sizes
    }
    reshaped = sum(kept[one.size] < 0.99 for one in seen)
    note(reshaped, f"of another shape, {FITS[form.fit]}")
    strips = sum(kept[one.size] < 0.5 for one in seen)
    if form.fit == "crop":
        note(strips, "cut by more than half (--fit pad or stretch keeps all)")
    small = [one.size for one in seen if one.size[0] < width or one.size[1] < height]
    note(len(small), f"smaller than {width}x{height}, enlarged")
    grey = count_of("grey")
    if shape[-1] > 1:
        note(grey, "grey")
    elif grey < count:
        note(count - grey, "in colour, made grey")
    see_through = count_of("see_through")
    if shape[-1] == 4:
        note(count - see_through, "opaque")
    else:
        note(see_through, "with transparency, laid over white (--channels 4 keeps it)")
    note(count_of("invisible"), "fully transparent")
    note(count_of("blank"), "of one value only")
    dark = count_of("dark")
    note(dark, f"nearly black: no value exceeds {DARK} of 255")
    note(count_of("frames"), "of several frames or pages; only the first is read")
    note(count_of("reduced"), "of 16 bits for each colour, read with 8")
    note(count_of("keyed"), "with a value for transparency, read like any other value")
    if levels is not None:
        low, high = levels
        notes.append(
            f"values of more than 8 bits scaled from {low:g} (black) to {high:g} "
            "(white)"
        )
    first: dict[str, str] = {}
    again = []
    for file, digest in zip(files, digests, strict=True):
        if first.setdefault(digest, file) != file:
            again.append((file, first[digest]))
    if again:
        copy, original = again[0]
        note(len(again), f"the same as another, such as {copy!r} as {original!r}")
    return notes


def of_classes(
    labels: np.ndarray | None,
    names: tuple[str, ...] | None,
    folders: list[str],
) -> list[str]:
    """Return notes on the class folders.

    Args:
        labels, names: of the pictures, or None.
        folders: all sub-folders of the first level.
    """
    if labels is None or names is None:
        return []
    counts = np.bincount(labels, minlength=len(names)).tolist()
    each = [f"{name} {n:,}" for name, n in zip(names, counts, strict=True)]
    notes = [f"{len(names)} classes by folder: {listed(each)}"]
    empty = sorted(set(folders) - set(names))
    if empty:
        notes.append(f"no picture, so no class, in {listed(empty)}")
    return notes


def ignored(others: Counter) -> str:
    """Return a note on files that are not pictures, counted by their ending."""
    kinds = [f"{count:,} {kind}" for kind, count in others.most_common()]
    return f"ignored: {listed(kinds)}" if kinds else "it is empty"


def _pictures(count):
    return "1 picture" if count == 1 else f"{count:,} pictures"


def _words(shape):
    height, width, channels = shape
    colours = {1: "grey", 3: "colour", 4: "colour with alpha"}[channels]
    return f"{width}x{height} in {colours}"
