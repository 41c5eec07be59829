"""Sheets of pictures with words, drawn by Pillow."""

import numpy as np
from PIL import Image, ImageDraw

from keras_gan.pictures.grids import enlargement, fitting, font, near_square

_TILE = 72  # pixels, the least side of an enlarged picture
_GAP = 4
_MARGIN = 16
_FONT_SIZE = 13
_LINE = 20


def sheet(
    images: np.ndarray,
    columns: int | None = None,
    captions: list[str] | None = None,
) -> Image.Image:
    """Returns pictures side by side, row by row, over white.

    Small pictures are enlarged by a whole factor, each pixel becoming a square.

    Args:
        images: uint8 [N, H, W, 1, 3 or 4].
        columns: pictures in a row; None makes the sheet nearly square.
        captions: words under each picture.
    """
    count, height, width, channels = images.shape
    factor = enlargement(height, width, _TILE)
    height, width = height * factor, width * factor
    row = height + _GAP + (_LINE if captions else 0)
    columns = columns or near_square(count, row, width + _GAP)
    canvas = _canvas(
        min(columns, count) * (width + _GAP) - _GAP, -(-count // columns) * row - _GAP
    )
    draw = ImageDraw.Draw(canvas)
    for i, image in enumerate(images):
        x, y = i % columns * (width + _GAP), i // columns * row
        picture = Image.fromarray(image[..., 0] if channels == 1 else image)
        picture = picture.resize((width, height), Image.Resampling.NEAREST)
        canvas.alpha_composite(picture.convert("RGBA"), (x, y))
        if captions:
            middle = (x + width / 2, y + height + 2)
            words = fitting(captions[i], width, _font())
            draw.text(middle, words, "black", _font(), anchor="ma")
    return canvas.convert("RGB")


def hstack(*titled: tuple[str, Image.Image]) -> Image.Image:
    """Returns pictures beside each other, each under its title."""
    blocks = [_titled(*pair) for pair in titled]
    canvas = _canvas(sum(b.width for b in blocks), max(b.height for b in blocks))
    x = 0
    for block in blocks:
        canvas.paste(block, (x, 0))
        x += block.width
    return canvas.convert("RGB")


def vstack(*blocks: Image.Image) -> Image.Image:
    """Returns pictures stacked below each other."""
    canvas = _canvas(max(b.width for b in blocks), sum(b.height for b in blocks))
    y = 0
    for block in blocks:
        canvas.paste(block, (0, y))
        y += block.height
    return canvas.convert("RGB")


def _titled(title, picture):
    width = max(picture.width, round(_font().getlength(title)))
    canvas = _canvas(width + 2 * _MARGIN, picture.height + _LINE + 2 * _MARGIN)
    ImageDraw.Draw(canvas).text((_MARGIN, _MARGIN), title, "black", _font())
    canvas.paste(picture, (_MARGIN, _MARGIN + _LINE))
    return canvas.convert("RGB")


def _canvas(width, height):
    return Image.new("RGBA", (width, height), "white")


def _font():
    return font(_FONT_SIZE)
