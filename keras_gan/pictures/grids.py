"""Images side by side in one picture, and the words on it."""

import math
import pathlib
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from keras_gan.transparency import images_over_white

FONT = pathlib.Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
_SMALLEST_SIDE = 512
_EMPTY = 3.0  # how much worse an empty cell is than a picture that is not square
_CAPTION = 0.3  # height of a caption, about, as a share of an image's
_FONT_SIZES = (13, 40)


def near_square(count: int, height: float, width: float) -> int:
    """Returns in how many columns pictures make a grid that is nearly square.

    Args:
        count: number of pictures, at least 1.
        height, width: of each.
    """

    def cost(columns):
        rows = -(-count // columns)
        shape = abs(math.log(columns * width / (rows * height)))
        return shape + _EMPTY * (1 - count / (rows * columns)), -columns

    return min(range(1, count + 1), key=cost)


def enlargement(height: int, width: int, least: int) -> int:
    """Returns a whole factor that gives a picture sides of at least so many pixels.

    The long side of a strip grows to at most about four times as many.
    """
    return -(-least // max(min(height, width), -(-max(height, width) // 4)))


def grid(
    images: np.ndarray,
    columns: int | None = None,
    captions: Sequence[str] | None = None,
    note: str = "",
    factor: int | None = None,
) -> Image.Image:
    """Returns images side by side, row by row, over white.

    A line of one pixel lies between them. Small grids are enlarged by a whole factor to
    about 512 pixels or more, each pixel becoming a square of its colour.

    Args:
        images: uint8 [count, height, width, 1, 3 or 4].
        columns: images in a row; None makes the grid nearly square.
        captions: one for each image. Images with the same caption stand together under
            it, in the order in which captions first appear.
        note: a line of text under the grid.
        factor: enlargement, a whole number; None is as above.
    """
    images = images_over_white(images)
    count, height, width, _ = images.shape
    if captions is None:
        columns = columns or near_square(count, height + 1, width + 1)
        blocks, across = {"": _tiles(images, columns)}, 1
    else:
        groups: dict[str, list[int]] = {caption: [] for caption in captions}
        for i, caption in enumerate(captions):
            groups[caption].append(i)
        inner, across = _columns_of_groups(groups, height + 1, width + 1)
        blocks = {name: _tiles(images[rows], inner) for name, rows in groups.items()}
    if factor is None:
        tall, wide = next(iter(blocks.values())).shape[:2]
        down = -(-len(blocks) // across)
        factor = enlargement(down * tall, across * wide, _SMALLEST_SIDE)
    blocks = {
        name: Image.fromarray(block.squeeze(-1) if block.shape[-1] == 1 else block)
        for name, block in blocks.items()
    }
    return _assembled(blocks, across, factor, captions is not None, note)


def columns(
    titled: Mapping[str, tuple[np.ndarray, Sequence[str]]],
) -> dict[str, Image.Image]:
    """Returns a column of images for each title, whose rows line up.

    Smaller images are enlarged by a whole factor up to the height of the tallest, with
    white below them if that does not fit.

    Args:
        titled: title -> uint8 images [count, height, width, 1, 3 or 4], and notes for
            a line under their column; at least one title.
    """
    tallest = max(images.shape[1] for images, _ in titled.values())
    even = {title: _as_tall(images, tallest) for title, (images, _) in titled.items()}
    count = max(map(len, even.values()))
    narrowest = min(images.shape[2] for images in even.values())
    factor = enlargement(count * (tallest + 1) - 1, narrowest, _SMALLEST_SIDE)
    return {
        title: grid(even[title], columns=1, note=", ".join(notes), factor=factor)
        for title, (_, notes) in titled.items()
    }


def _as_tall(images, height):
    images = images_over_white(images)
    factor = height // images.shape[1]
    images = images.repeat(factor, axis=1).repeat(factor, axis=2)
    below = [(0, 0), (0, height - images.shape[1]), (0, 0), (0, 0)]
    return np.pad(images, below, constant_values=255)


def _columns_of_groups(groups, height, width):
    """Returns columns within a group and groups in a row, for a picture near square."""
    most, count = max(map(len, groups.values())), sum(map(len, groups.values()))

    def cost(columns):
        inner, across = columns
        rows, down = -(-most // inner), -(-len(groups) // across)
        tall = down * (rows + _CAPTION) * height
        shape = abs(math.log(across * inner * width / tall))
        return shape + _EMPTY * (1 - count / (down * rows * across * inner)), inner

    return min(
        (
            (inner, across)
            for inner in range(1, most + 1)
            for across in range(1, len(groups) + 1)
        ),
        key=cost,
    )


def _tiles(images, columns):
    """Returns images in rows, with grey lines between them and grey for what lacks."""
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    canvas = np.full((rows * columns, height + 1, width + 1, channels), 128, "uint8")
    canvas[:count, :height, :width] = images
    canvas = canvas.reshape(rows, columns, height + 1, width + 1, channels)
    canvas = canvas.swapaxes(1, 2).reshape(rows * (height + 1), -1, channels)
    return canvas[:-1, :-1]


def _assembled(blocks, across, factor, captioned, note):
    """Returns enlarged blocks in rows, under captions, above a note."""
    first = next(iter(blocks.values()))
    width = factor * max(block.width for block in blocks.values())
    height = factor * max(block.height for block in blocks.values())
    down = -(-len(blocks) // across)
    least, most = _FONT_SIZES
    size = min(max(least, max(across * width, down * height) // 60), most)
    letters, gap = font(size), size // 2 if captioned else 0
    head = round(1.6 * size) if captioned else 0
    foot = round(1.8 * size) if note else 0
    picture = Image.new(
        first.mode,
        (across * (width + gap) - gap, down * (height + head + gap) - gap + foot),
        "white",
    )
    draw = ImageDraw.Draw(picture)
    for i, (caption, block) in enumerate(blocks.items()):
        x, y = i % across * (width + gap), i // across * (height + head + gap)
        large = block.resize(
            (factor * block.width, factor * block.height), Image.Resampling.NEAREST
        )
        picture.paste(large, (x, y + head))
        if captioned:
            words = fitting(caption, width, letters)
            draw.text((x + width / 2, y + head - 2), words, "black", letters, "md")
    if note:
        words = fitting(note, picture.width - 4, letters)
        draw.text((2, picture.height - 3), words, "black", letters, "ld")
    return picture


def font(size: int) -> ImageFont.FreeTypeFont:
    """Returns the font of all words on pictures, in a size in pixels."""
    return ImageFont.truetype(str(FONT), size)


def fitting(text: str, width: float, letters: ImageFont.FreeTypeFont) -> str:
    """Returns a text, shortened in its middle if it is wider than so many pixels.

    Long names often differ at their ends alone.
    """
    text = " ".join(text.split())
    kept, short = len(text), text
    while short and letters.getlength(short) > width:
        kept -= 1
        head, tail = text[: kept - kept // 2], text[len(text) - kept // 2 :]
        short = f"{head}…{tail}" if kept > 0 else ""
    return short
