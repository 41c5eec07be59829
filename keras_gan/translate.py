"""`python -m keras_gan.translate RUN PICTURE`: pictures as a run translates them."""

import argparse
import contextlib
import pathlib
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import keras_gan_options
from keras_gan import plugins
from keras_gan.errors import InputError, KerasGANError, listed, sentence
from keras_gan.files import PICTURES, require_file, require_folder

if TYPE_CHECKING:
    import numpy as np

    from keras_gan.datasets.conversion import Form

_OWN = "own"
_MOST_PIXELS = 16_384  # of the shorter side


class _Task(NamedTuple):
    """A picture to translate.

    Args:
        source: its file.
        name: of what becomes of it, within a folder: "cats/1.jpg" for "1.jpg" in the
            sub-folder "cats" of the folder given.
    """

    source: pathlib.Path
    name: pathlib.PurePath


def main(
    arguments: list[str] | None = None, prog: str = "python -m keras_gan.translate"
) -> int:
    """Runs the command line.

    Returns:
        0; 1 if some of the pictures were left out; 2 if nothing was translated.
    """
    parser = argparse.ArgumentParser(prog=prog, description=__doc__)
    parser.add_argument("run", help="run folder of pix2pix or CycleGAN")
    parser.add_argument(
        "pictures",
        nargs="+",
        metavar="PICTURE_OR_FOLDER",
        help="pictures of any size and format, or folders of them",
    )
    parser.add_argument(
        "--to",
        metavar="NAME",
        help="what to make, such as b; needed if the run translates in two directions",
    )
    parser.add_argument(
        "--size",
        type=_size,
        metavar="SIDE",
        help="resize pictures first, so that their shorter side has this many pixels; "
        f"{_OWN} keeps their size (default: {_OWN} if the run was trained with --crop, "
        "else the size that it was trained on)",
    )
    parser.add_argument(
        "--best", action="store_true", help="by the best model, not by the newest"
    )
    parser.add_argument(
        "--out",
        required=True,
        help="picture to write, or folder for a PNG file of each picture",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace pictures that exist"
    )
    keras_gan_options.add_plugin(parser)
    options = parser.parse_args(arguments)
    try:
        plugins.load(options.plugin)
        said, left_out = translate(options)
    except (KerasGANError, OSError) as error:
        print(f"error: {sentence(error)}", file=sys.stderr)
        return 2
    print(said)
    return 1 if left_out else 0


def translate(options: argparse.Namespace) -> tuple[str, int]:
    """Writes the translations.

    Returns:
        In words what was written, and the number of pictures that were left out.
    """
    tasks = [*_tasks(options.pictures)]
    files = dict(zip(tasks, _files(tasks, options), strict=True))

    import numpy as np
    from PIL import Image
    from tqdm import tqdm

    from keras_gan import pictures
    from keras_gan.datasets import conversion
    from keras_gan.experiments import TrainedRun

    trained = TrainedRun.load(
        options.run,
        options.best,
        points=True,
        needs=("directions",),
        instead="pix2pix-digits",
    )
    run, model = trained.run, trained.model
    to = _direction(run, model.directions, options.to)
    source, network = model.directions[to]
    for name, shape in ((source, network.input_shape), (to, network.output_shape)):
        if shape[-1] not in conversion.MODES:
            raise InputError(
                f"{name} of the run in {run.path} has {shape[-1]} channels, and a "
                "picture has 1, 3 or 4. Give model.translate an array instead."
            )
    side = _side(run, source, options.size)
    form = conversion.Form(
        channels=network.input_shape[-1],
        fit="stretch",
        levels=_levels(run, source),
    )
    faults: list[tuple[_Task, InputError]] = []
    with tqdm(total=len(tasks), unit=" pictures", disable=None) as bar:
        for group in _of_one_shape(tasks, form, side, faults, bar):
            images = np.stack([image for _, image in group])
            try:
                with _tiles(images) as progress:
                    made = model.translate(images, to=to, progress=progress)
            except InputError as error:  # such as a picture that is too small
                faults += [(task, error) for task, _ in group]
                bar.update(len(group))
                continue
            for (task, _), image in zip(group, made, strict=True):
                file = files[task]
                file.parent.mkdir(parents=True, exist_ok=True)
                grey = image.shape[-1] == 1
                picture = Image.fromarray(image[..., 0] if grey else image)
                pictures.save_out(picture, file)
                bar.update()
    return _said(tasks, faults, options.out, to, side), len(faults)


@contextlib.contextmanager
def _tiles(images):
    """Gives what shows the progress of a picture that is cut into tiles."""
    from tqdm import tqdm

    from keras_gan import tiling

    pixels = images[..., 0].size
    large = pixels > tiling.MOST_PIXELS
    with tqdm(
        desc="in tiles",
        total=pixels,
        unit=" pixels",
        unit_scale=True,
        leave=False,
        disable=None if large else True,
    ) as bar:
        yield bar.update


def _size(text):
    """Returns the value of --size: a number of pixels, or `_OWN`."""
    if text == _OWN:
        return text
    if text.isdecimal() and 1 <= int(text[:6]) <= _MOST_PIXELS:
        return int(text)
    raise argparse.ArgumentTypeError(
        f"{text!r} is not a size. Give 1 to {_MOST_PIXELS:,} pixels, such as 256, or "
        f"{_OWN}."
    )


def _tasks(given: Sequence[str]) -> Iterator[_Task]:
    """Yields the pictures that were given, and those in folders that were given.

    Raises:
        InputError: for a path that does not exist, or a folder without pictures.
    """
    from keras_gan.datasets import folder

    for path in map(pathlib.Path, given):
        if path.is_dir():
            for file in folder.pictures_below(path):
                yield _Task(file, file.relative_to(path))
        elif path.exists():
            yield _Task(path, pathlib.PurePath(path.name))
        else:
            raise InputError(
                f"{path} does not exist. Give pictures, or folders of pictures."
            )


def _files(tasks: Sequence[_Task], options: argparse.Namespace) -> list[pathlib.Path]:
    """Returns the file to write for each task.

    Raises:
        InputError: if it cannot be written, exists, or would be that of two tasks.
    """
    out = pathlib.Path(options.out)
    one_picture = len(tasks) == 1 and not pathlib.Path(options.pictures[0]).is_dir()
    if one_picture and out.suffix and not out.is_dir():
        files = [require_file(options.out, PICTURES)]
    else:
        files = [out / name for name in _names(tasks)]
        if out.suffix.lower() in PICTURES and not out.is_dir():
            raise InputError(
                f"--out is {out}, one picture, and what was given may become several. "
                "Name a folder to write to."
            )
        require_folder(out)
    for file, count in Counter(files).items():
        if count > 1:
            raise InputError(
                f"{count} of the pictures would become {file}. Give each picture once, "
                "and translate pictures of one name into different folders."
            )
    originals = {task.source.resolve() for task in tasks}
    replaced = [file for file in files if file.resolve() in originals]
    if replaced:
        raise InputError(
            f"--out is {out}, and {replaced[0]} is one of the pictures to translate, "
            "which would be replaced. Name another file or folder."
        )
    existing = [file for file in files if file.exists()]
    if existing and not options.overwrite:
        raise InputError(
            f"--out is {out}, where {len(existing)} of the pictures to write exist "
            f"already ({listed(map(str, existing), most=1)}). Add --overwrite to "
            "replace them, or name another file or folder."
        )
    return files


def _names(tasks):
    """Yields the name of each task's PNG file: "1.png" for "1.jpg"."""
    names = [task.name.with_suffix(".png") for task in tasks]
    count = Counter(names)
    for task, name in zip(tasks, names, strict=True):
        # Of 1.jpg and 1.gif both endings stay.
        yield name if count[name] == 1 else f"{task.name}.png"


def _direction(run, directions, asked):
    """Returns which of the model's directions was asked for."""
    ways = listed(f"{to} (from {source})" for to, (source, _) in directions.items())
    if asked is None and len(directions) == 1:
        (asked,) = directions
    if asked is None:
        raise InputError(
            f"the run in {run.path} makes {ways}. Name one, such as --to "
            f"{next(iter(directions))}."
        )
    if asked not in directions:
        raise InputError(f"--to is {asked}, and the run in {run.path} makes {ways}.")
    return asked


def _side(run, source, asked):
    """Returns the shorter side that pictures are resized to, None if they are not."""
    if asked == _OWN:
        return None
    if asked is not None:
        return asked
    if getattr(run.recipe, "crop", False):
        return None
    return min(run.data[f"{source}_shape"][:2])


def _levels(run, source):
    levels = run.data.get(f"{source}_levels") or run.data.get("levels")
    return tuple(levels) if levels else None


def _of_one_shape(tasks, form, side, faults, bar):
    """Yields lists of (task, image), which have one shape and go together.

    Args:
        tasks: those to read, in this order.
        form: of all images but their size.
        side: as of `_side`.
        faults: gets (task, error) for each picture that cannot be read.
        bar: counts them.
    """
    from keras_gan import tiling

    group: list[tuple[_Task, np.ndarray]] = []
    for task in tasks:
        try:
            image = _read(task.source, form, side)
        except InputError as error:
            faults.append((task, error))
            bar.update()
            continue
        alike = group and group[0][1].shape == image.shape
        pixels = image[..., 0].size
        if group and not (alike and (len(group) + 1) * pixels <= tiling.MOST_PIXELS):
            yield group
            group = []
        group.append((task, image))
    if group:
        yield group


def _read(file: pathlib.Path, form: "Form", side: int | None) -> "np.ndarray":
    """Returns a picture, uint8 [height, width, channels]."""
    import dataclasses

    from keras_gan.datasets import folder

    if side is not None:
        height, width = folder.size_of(file)
        share = side / min(height, width)
        size = round(height * share), round(width * share)
        form = dataclasses.replace(form, size=size)
    (image,) = folder.read_files([file], form)
    return image


def _said(tasks, faults, out, to, side):
    """Returns in words what was written; says on standard error what was not.

    Raises:
        InputError: if nothing was written.
    """
    if faults:
        task, error = faults[0]
        if len(tasks) == 1:
            raise error
        if len(faults) == len(tasks):
            raise InputError(f"none of the pictures can be translated. {error}")
        print(
            f"{len(faults)} of {len(tasks)} pictures are left out. The first is "
            f"{task.source}: {error}",
            file=sys.stderr,
        )
    count = len(tasks) - len(faults)
    resized = "" if side is None else f", shorter side resized to {side} pixels first"
    words = "picture" if count == 1 else "pictures"
    return f"{count} {words} of {to} in {out}{resized}"


if __name__ == "__main__":
    sys.exit(main())
