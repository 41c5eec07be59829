"""Images from the files below a folder."""

import contextlib
import dataclasses
import hashlib
import math
import os
import re
import warnings
from collections import Counter
from collections.abc import Sequence
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from PIL import ExifTags, Image
from tqdm import tqdm

from keras_gan import first_safe
from keras_gan.datasets import census, conversion, formats, storage
from keras_gan.datasets.conversion import Form
from keras_gan.datasets.images import Images
from keras_gan.errors import InputError, listed
from keras_gan.transparency import images_over_white

BLOCK = 1024  # images converted at a time
_SIDEWAYS = {5, 6, 7, 8}  # EXIF orientations that exchange width and height
# Folders that operating systems put beside pictures: copies, previews, deleted files.
_NOT_THE_USERS = {
    *("__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information"),
    "lost+found",
}
# Of an older run, for which Pillow reduced such PNG files to 8 bits.
_OLD_LEVELS = (0, 65535)
_ARCHIVES = {".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"}


class Column(NamedTuple):
    """Pictures that become one array, for `folder.read` and pairs.

    Args:
        array: uint8 [N, H, W, C].
        seen: what each picture is like.
        digests: of the pixels of each picture.
        levels: values that became 0 and 255 if some have more than 8 bits, else None.
    """

    array: np.ndarray
    seen: list[census.Seen]
    digests: list[str]
    levels: tuple[float, float] | None


class Row(NamedTuple):
    """One picture as a worker reads it, for `folder.read`.

    Args:
        pixels: as `conversion.picture_to_array` returns it.
        levels: least and greatest value if the picture has floats or more than 8 bits,
            else None.
        digest: of the pixels.
        seen: what the summary of the folder counts.
    """

    pixels: np.ndarray
    levels: tuple[float, float] | None
    digest: str
    seen: census.Seen


def read(argument: str, form: Form, data_dir: str | None) -> Images:
    """Read every picture below a folder, in the order of their paths.

    A file counts as a picture by its name or its content. If it cannot be read, it is
    left out and listed in `skipped`; one warning reports all such files. Labels are the
    sub-folders of the first level, in sorted order, if there are at least two and every
    picture lies in one.

    Args:
        argument: path of the folder.
        form: needs a size if pictures differ in size. Without channels, the images
            get 1 if all pictures are grey, 4 if more than half of them have
            transparency, else 3. Without levels, the least and greatest value of the
            folder become black and white for values of more than 8 bits.
        data_dir: not used.

    Returns:
        The images, with labels if the sub-folders give them.

    Raises:
        InputError: if there is no such folder or no readable picture, or if pictures
            differ in size and the form has none.

    Example:

    ```python
    from pathlib import Path
    from PIL import Image
    from keras_gan.datasets import folder
    from keras_gan.datasets.conversion import Form

    for name in ("cats", "dogs"):
        Path("photos", name).mkdir(parents=True)
        Image.new("RGB", (20, 10), "brown").save(f"photos/{name}/1.png")
    images = folder.read("photos", Form(size=(8, 8)), data_dir=None)
    print(images.class_names, images.summary)
    ```
    """
    root = Path(argument).expanduser()
    require_folder(root, argument)
    files, others, folders = _pictures(root, argument)
    form = dataclasses.replace(form, size=form.size or common_size(files))
    rows, (column,), skipped = read_columns(
        argument, [(file,) for file in files], [(form,)]
    )
    kept = [file.relative_to(root) for (file,) in rows]
    array, seen, digests, levels = column
    labels, class_names = _classes(kept)
    names = tuple(map(str, kept))
    notes = census.describe(
        argument, form, array.shape[1:], names, seen, digests, levels
    )
    notes += census.of_classes(labels, class_names, folders)
    if others:
        notes.append(census.ignored(others))
    return Images(
        array,
        labels,
        class_names,
        skipped,
        names,
        digests=tuple(digests),
        levels=levels,
        summary=printable(f"{'; '.join(notes)}."),
        unlabelled=None if class_names else _why_unlabelled(kept, argument),
    )


def read_columns(
    argument: str,
    rows: Sequence[tuple[Path, ...]],
    forms: Sequence[tuple[Form, ...]],
) -> tuple[list[tuple[Path, ...]], list[Column], tuple[tuple[str, str], ...]]:
    """Read files that belong together into arrays with one row for all of them.

    Args:
        argument: what the user calls the pictures.
        rows: the files of each row.
        forms: for each file of a row, what it becomes: one column for each form. All
            have a size.

    Returns:
        The rows of which all files could be read; the columns; and (file, reason) of
        the first file of every other row that cannot be read.

    Raises:
        InputError: if no row can be read, or a picture cannot be halved.
    """
    first_safe.warn("pictures", "pillow")
    stores = [_Store(len(rows), form) for own in forms for form in own]
    seen: list[list[census.Seen]] = [[] for _ in stores]
    digests: list[list[str]] = [[] for _ in stores]
    kept, skipped, columns = [], [], []
    with warnings.catch_warnings(), ThreadPool() as pool:
        # Pillow warns of pictures that are large enough to be an attack.
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        decoded = pool.imap(lambda files: _decode_all(files, forms), rows, chunksize=8)
        bar = tqdm(decoded, argument, len(rows), unit=" images", disable=None)
        for files, found in zip(rows, bar, strict=True):
            if isinstance(found, list):
                kept.append(files)
                for column, row in enumerate(found):
                    stores[column].append(row)
                    seen[column].append(row.seen)
                    digests[column].append(row.digest)
                continue
            file, error = found
            if isinstance(error, InputError):
                raise error
            skipped.append((str(file), _reason(error)))
        if kept:
            columns = [
                Column(store.finish(own), own, sums, store.levels)
                for store, own, sums in zip(stores, seen, digests, strict=True)
            ]
    if skipped:
        summary = (
            f"{len(skipped)} of {len(rows)} pictures in {argument!r} cannot be read. "
            f"The first is {skipped[0][0]!r} ({skipped[0][1]})."
        )
        if not kept:
            raise InputError(summary)
        warnings.warn(summary, stacklevel=4)
    return kept, columns, tuple(skipped)


def common_size(files: Sequence[Path]) -> tuple[int, int]:
    """Return (height, width) of pictures that all have one size.

    Args:
        files: pictures; those that cannot be read do not count.

    Raises:
        InputError: if two pictures differ in size, or none can be read.
    """
    first = failed = None
    for file in files:
        try:
            with _opened(file) as (picture, kind, _, _):
                size = _upright_size(picture, kind)
        except Exception as error:  # as of `_decode`
            failed = failed or f"{str(file)!r} ({_reason(error)})"
            continue
        first = first or (file, size)
        if size != first[1]:
            (w, h), (other_w, other_h) = first[1], size
            raise InputError(
                f"Pictures differ in size: {str(first[0])!r} is {w}x{h} pixels (width "
                f"x height) and {str(file)!r} {other_w}x{other_h}. Give the size that "
                "all of them become: image_size, or load_size if windows are cut."
            )
    if first is None:
        raise InputError(
            f"{len(files)} of {len(files)} pictures cannot be read. The first is "
            f"{failed}."
        )
    return first[1][::-1]


def read_files(files: Sequence[str | os.PathLike], form: Form) -> np.ndarray:
    """Read some pictures, each as `read` reads it among those of a folder.

    Args:
        files: paths of pictures.
        form: needs channels, and a size unless all pictures have one. Without levels,
            the least and greatest value of each picture become its black and white if
            it has more than 8 bits.

    Returns:
        uint8 [len(files), height, width, form.channels].

    Raises:
        InputError: for the first file that cannot be read.

    Example:

    ```python
    from PIL import Image
    from keras_gan.datasets import folder
    from keras_gan.datasets.conversion import Form

    Image.new("RGB", (20, 10), "brown").save("photo.png")
    images = folder.read_files(["photo.png"], Form(size=(8, 8), channels=3))
    assert images.shape == (1, 8, 8, 3)
    ```
    """
    first_safe.warn("pictures", "pillow")
    # As `read` does: fitted first and scaled afterwards.
    unscaled = dataclasses.replace(form, levels=None)
    images = []
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        for file in files:
            found = _decode(Path(file).expanduser(), [unscaled])
            if isinstance(found, Exception):
                raise _unreadable(file, found) from found
            (row,) = found
            pixels = row.pixels
            if row.levels is not None:
                pixels = _scaled(pixels, form, form.levels or row.levels)
            images.append(pixels)
    return np.stack(images)


def size_of(file: str | os.PathLike) -> tuple[int, int]:
    """Returns height and width of a picture, upright, without reading its pixels.

    Raises:
        InputError: if it is not a picture that can be read.

    Example:

    ```python
    from PIL import Image
    from keras_gan.datasets import folder

    Image.new("RGB", (20, 10), "brown").save("photo.png")
    assert folder.size_of("photo.png") == (10, 20)
    ```
    """
    try:
        with _opened(Path(file).expanduser()) as (picture, kind, _, _):
            width, height = _upright_size(picture, kind)
            return height, width
    except Exception as error:  # decoders raise almost any
        raise _unreadable(file, error) from error


def pictures_below(folder: str | os.PathLike) -> list[Path]:
    """Returns the paths of all pictures below a folder, in the order that `read` has.

    Raises:
        InputError: if there is no such folder, or no picture in it.

    Example:

    ```python
    from pathlib import Path
    from PIL import Image
    from keras_gan.datasets import folder

    Path("photos").mkdir(exist_ok=True)
    Image.new("RGB", (20, 10), "brown").save("photos/1.png")
    assert Path("photos/1.png") in folder.pictures_below("photos")
    ```
    """
    root = Path(folder).expanduser()
    require_folder(root, str(folder))
    return _pictures(root, str(folder))[0]


def _pictures(root, argument):
    """Return what `list_pictures` does, of a folder that has pictures."""
    files, others, folders = list_pictures(root)
    if not files:
        raise InputError(
            f"Folder {argument!r} holds no picture; {census.ignored(others)}. Use PNG, "
            "JPEG, WebP, BMP, GIF, TIFF, AVIF or PPM files; their names do not matter."
        )
    return files, others, folders


def _unreadable(file, error):
    return InputError(
        f"{str(file)!r} cannot be read as a picture ({_reason(error)}). Give a file of "
        f"one of the kinds {', '.join(formats.FORMATS)}."
    )


def require_folder(root: Path, argument: str, kind: str = "folder") -> None:
    """Raises InputError if a path is not a folder.

    Args:
        root: the path.
        argument: what the user calls it.
        kind: of the source.
    """
    if root.is_dir():
        return
    if not root.exists():
        raise InputError(f"{argument!r} does not exist. {kind}:PATH needs a folder.")
    remedy = f"Use {kind}:{root.parent} to read all pictures beside it."
    if root.suffix.lower() in (".npz", ".npy"):
        remedy = f"Did you mean npz:{argument}?"
    elif root.suffix.lower() in _ARCHIVES:
        remedy = "Unpack it and name the folder."
    raise InputError(f"{argument!r} is not a folder. {kind}:PATH needs one. {remedy}")


def list_pictures(root: Path) -> tuple[list[Path], Counter, list[str]]:
    """Return the pictures, a count of other files by kind, and first-level folders."""
    files: list[Path] = []
    others: Counter[str] = Counter()
    visited: set[str] = set()
    first: list[str] = []
    for folder, subfolders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in visited:  # a link that leads back
            subfolders.clear()
            continue
        visited.add(real)
        hidden = [n for n in subfolders if n.startswith(".") or n in _NOT_THE_USERS]
        others["hidden or system folder"] += len(hidden)
        subfolders[:] = sorted(set(subfolders) - set(hidden))
        first = first or list(subfolders) if Path(folder) == root else first
        for name in names:
            path = Path(folder, name)
            if name.startswith("."):
                others["hidden"] += 1
            elif formats.looks_like_a_picture(path):
                files.append(path)
            else:
                others[path.suffix.lower() or "without ending"] += 1
    return sorted(files), +others, first


def _decode_all(files, forms):
    """Return the Rows of some files, or the first that cannot be read and its error."""
    rows = []
    for file, own in zip(files, forms, strict=True):
        found = _decode(file, own)
        if isinstance(found, Exception):
            return file, found
        rows += found
    return rows


def _decode(file, forms):
    """Return a Row for each form, or an exception."""
    # Decoders raise almost any exception for a broken file, and the run must go on.
    try:
        with _opened(file) as (picture, kind, head, stream):
            size = _upright_size(picture, kind)
            halved = any(form.half is not None for form in forms)
            if halved and size[0] % 2:
                raise InputError(
                    f"{str(file)!r} is {size[0]}x{size[1]} pixels (width x height), "
                    "and only an even width can be cut into two halves. Give pictures "
                    "of two halves side by side, or two folders of pictures."
                )
            # Decode a JPEG at an eighth, quarter or half of its size, the smallest that
            # is still at least twice our size: four times faster for a photograph.
            most = 2 * max(max(form.size or size) for form in forms)
            if not halved:
                picture.draft(None, (most, most))
            # A width that is odd at a smaller size has no middle.
            elif picture.width % 16 == picture.height % 16 == 0:
                picture.draft(None, (2 * most, 2 * most))
            return [_row(picture, kind, head, stream, size, form) for form in forms]
    except Exception as error:
        return error


@contextlib.contextmanager
def _opened(file):
    """Gives a picture whose pixels are not read yet, its kind, first bytes and file."""
    if not file.is_file():  # opening a pipe would block forever
        raise OSError("not a file, or a broken link")
    with file.open("rb") as stream:
        head = stream.read(formats.HEAD)
        stream.seek(0)
        kind = formats.kind_of(head, file.suffix.lower())
        with formats.open_picture(stream, kind) as picture:
            yield picture, kind, head, stream


def _upright_size(picture, kind):
    """Return (width, height) as a viewer shows a picture."""
    # Pillow rotates TIFF pictures itself.
    if kind != "TIFF" and (
        picture.getexif().get(ExifTags.Base.Orientation) in _SIDEWAYS
    ):
        return picture.size[::-1]
    return picture.size


def _row(picture, kind, head, stream, size, form):
    if form.half is not None:
        size = (size[0] // 2, size[1])
    # The second picture of a phone's JPEG is not a frame, but a map or a thumbnail.
    frames = kind != "JPEG" and getattr(picture, "is_animated", False)
    wide = formats.has_wide_colours(picture, kind, head)
    opacity, levels = (255, 255), None
    opaque_png = kind == "PNG" and not picture.has_transparency_data
    if wide and opaque_png and form.levels != _OLD_LEVELS:
        unscaled = dataclasses.replace(form, levels=None)
        pixels, levels = _wide_png(picture, stream, unscaled)
        wide = False
        if form.levels is not None:
            pixels, levels = _scaled(pixels, form, form.levels), None
    else:
        part, form = conversion.part_of(picture, form), _whole(form)
        if not conversion.is_deep(part):
            opacity = conversion.opacity(part)
        elif form.levels is None:
            levels = _extremes(np.asarray(part))
        pixels = conversion.picture_to_array(part, form)
    # Look at a few pixels first: they decide for most pictures, in a tenth of the time.
    few = pixels[::8, ::8]
    low, high = few.min((0, 1)).tolist(), few.max((0, 1)).tolist()
    grey = low[:3] == low[:1] * len(low[:3]) and _is_grey(pixels)
    blank = low == high and bool((pixels == pixels[0, 0]).all())
    dark = levels is None and opacity[1] > 0 and max(high[:3]) <= census.DARK
    dark = dark and int(pixels[..., :3].max()) <= census.DARK
    if form.channels is None and grey and pixels.shape[-1] == 3:
        pixels = np.ascontiguousarray(pixels[..., :1])
    seen = census.Seen(
        kind=kind,
        size=size,
        grey=grey,
        see_through=opacity[0] < 255,
        invisible=opacity[1] == 0,
        blank=blank,
        dark=dark,
        frames=bool(frames),
        reduced=wide,
        keyed=conversion.is_deep(picture) and picture.has_transparency_data,
    )
    digest = hashlib.blake2b(np.ascontiguousarray(pixels), digest_size=8)
    return Row(pixels, levels, digest.hexdigest(), seen)


def _whole(form):
    return dataclasses.replace(form, half=None)


def _is_grey(pixels):
    # Comparing all bands at once takes ten times longer.
    bands = np.moveaxis(pixels[..., :3], -1, 0)
    return all(np.array_equal(band, bands[0]) for band in bands[1:])


def _wide_png(picture, stream, form):
    """Return pixels and extremes of a PNG file with 16 bits for each colour."""
    stream.seek(0)
    # TensorFlow decodes it, because Pillow keeps only 8 of the 16 bits.
    values = tf.io.decode_png(stream.read(), channels=3, dtype=tf.uint16).numpy()
    planes = []
    for band in np.moveaxis(values, -1, 0):
        plane = Image.fromarray(band.astype(np.float32))
        plane.info["exif"] = picture.info.get("exif", b"")
        planes.append(conversion.part_of(plane, form))
    levels = _extremes(np.stack([np.asarray(plane) for plane in planes]))
    form = _whole(form)
    pixels = [conversion.picture_to_array(plane, form) for plane in planes]
    return np.concatenate(pixels, axis=-1), levels


def _extremes(values):
    low, high = float(values.min()), float(values.max())
    if not math.isfinite(high - low):
        raise ValueError("it holds values that are not finite")
    return low, high


class _Store:
    """One array of all pictures, which gets more channels if a picture needs them.

    Pictures of more than 8 bits wait in a file until the range of all of them is known.
    """

    def __init__(self, count, form):
        self.form = form
        self.levels = form.levels
        self._array = storage.allocate((count, *form.size, form.channels or 1))
        self._count = 0
        self._deep = []  # position and channels of each row that waits in the file
        self._file = storage.spool()

    def append(self, row):
        if row.levels is None:
            self._put(self._count, row.pixels)
        else:
            low, high = self.levels or row.levels
            self.levels = min(low, row.levels[0]), max(high, row.levels[1])
            self._deep.append((self._count, row.pixels.shape[-1]))
            storage.write(self._file, row.pixels.astype(np.float32))
        self._count += 1

    def finish(self, seen) -> np.ndarray:
        """Return all rows, with the channels that most of the pictures need."""
        self._file.seek(0)
        for position, channels in self._deep:
            shape = (*self.form.size, channels)
            values = np.frombuffer(self._file.read(4 * math.prod(shape)), np.float32)
            pixels = _scaled(values.reshape(shape), self.form, self.levels)
            self._put(position, pixels)
        self._file.close()
        see_through = sum(one.see_through for one in seen)
        if self.form.channels is None and 0 < 2 * see_through <= len(seen):
            grey = all(one.grey for one in seen)
            self._convert(1 if grey else 3, images_over_white)
        return self._array[: self._count]

    def _put(self, position, pixels):
        channels = pixels.shape[-1]
        if channels > self._array.shape[-1]:
            self._convert(channels, lambda rows: rows)
        _fill(self._array[position], pixels)

    def _convert(self, channels, change):
        old = self._array
        self._array = storage.allocate((*old.shape[:-1], channels), replaced=old)
        for start in range(0, self._count, BLOCK):
            rows = slice(start, min(start + BLOCK, self._count))
            _fill(self._array[rows], change(old[rows])[..., :channels])


def _scaled(values, form, levels):
    """Return values of more than 8 bits as uint8, with the channels of the form."""
    pixels = conversion.scale(values, levels)
    if form.channels is None:
        return pixels
    return conversion.resize_arrays(pixels[None], dataclasses.replace(form, size=None))[
        0
    ]


def _fill(target, pixels):
    """Write pixels [..., c] into a target [..., d] with d at least c."""
    if target.shape[-1] == pixels.shape[-1]:
        target[...] = pixels
    else:
        target[..., :3] = pixels
        target[..., 3:] = 255


def _reason(error):
    return f"{type(error).__name__}: {error}"


def _classes(files):
    """Return (labels, class_names) from relative paths, or (None, None)."""
    names = sorted({file.parts[0] for file in files})
    if len(names) < 2 or any(len(file.parts) == 1 for file in files):
        return None, None
    labels = [names.index(file.parts[0]) for file in files]
    return np.array(labels, np.int64), tuple(map(printable, names))


def printable(text: str) -> str:
    """Return a text on one line; escape characters that cannot be printed."""
    odd = r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"
    return re.sub(odd, lambda match: ascii(match[0])[1:-1], text)


def _why_unlabelled(files, argument):
    """Return why relative paths give no classes, and what to do about it."""
    loose = [str(file) for file in files if len(file.parts) == 1]
    names = sorted({file.parts[0] for file in files if len(file.parts) > 1})
    if not names:
        return f"{argument!r} has no sub-folders with pictures, one for each class"
    if loose:
        return (
            f"some pictures of {argument!r} lie outside its class folders "
            f"({listed(names)}): move or remove {listed(map(repr, loose), most=3)}"
        )
    below = sorted({file.parts[1] for file in files if len(file.parts) > 2})
    if len(below) > 1:
        return (
            f"all pictures of {argument!r} lie in {names[0]!r}, which has the "
            f"sub-folders {listed(below)}: use folder:{Path(argument, names[0])}"
        )
    return f"all pictures of {argument!r} lie in one sub-folder, {names[0]!r}"
