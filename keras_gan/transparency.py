"""Transparent pictures as they look on white paper: the one place that does it."""

import numpy as np
from PIL import Image


def over_white(picture: Image.Image) -> Image.Image:
    """Returns a picture without transparency, in grey or in RGB.

    Args:
        picture: of any mode; transparent parts become white.
    """
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture if picture.mode == "L" else picture.convert("RGB")


def images_over_white(images: np.ndarray) -> np.ndarray:
    """Returns images without an alpha channel.

    Args:
        images: uint8 [N, H, W, C].

    Returns:
        uint8 [N, H, W, 3] if C is 4; else the images themselves.
    """
    if images.shape[-1] != 4:
        return images
    count, height, width, _ = images.shape
    tall = Image.fromarray(np.reshape(images, (count * height, width, 4)))
    return np.asarray(over_white(tall)).reshape(count, height, width, 3)
