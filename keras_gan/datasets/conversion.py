"""Any Pillow picture to uint8 [height, width, channels]."""

import numpy as np
from PIL import Image, ImageOps

from keras_gan.transparency import over_white

MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def to_array(
    picture: Image.Image, size: tuple[int, int] | None, channels: int
) -> np.ndarray:
    """Turn, convert, crop and resize one picture.

    Args:
        picture: of any mode; its EXIF orientation is applied.
        size: (height, width); what exceeds its aspect ratio is cropped equally from
            both sides. None keeps the picture's own.
        channels: 1, 3 or 4. Transparency is laid over white for 1 and 3.

    Returns:
        uint8 [height, width, channels].
    """
    picture = _convert(ImageOps.exif_transpose(picture), channels)
    if size is not None and picture.size != size[::-1]:
        # Pillow widens the bicubic kernel when it shrinks, which is antialiasing.
        picture = ImageOps.fit(picture, size[::-1], Image.Resampling.BICUBIC)
    return np.asarray(picture).reshape(*picture.size[::-1], channels)


def _convert(picture, channels):
    if picture.mode.startswith("I"):  # 16 bits a pixel, which Pillow would clip
        values = np.clip(np.asarray(picture), 0, 65535) / 257
        picture = Image.fromarray(np.rint(values).astype(np.uint8))
    if channels != 4 and picture.has_transparency_data:
        picture = over_white(picture)
    return picture.convert(MODES[channels])


def fit_arrays(
    images: np.ndarray, size: tuple[int, int] | None, channels: int | None
) -> np.ndarray:
    """Bring equally shaped images to a size and a number of channels.

    Args:
        images: uint8 [N, H, W, C].
        size: (height, width), or None for the images' own.
        channels: 1, 3 or 4, or None for the images' own.

    Returns:
        uint8 [N, height, width, channels]; `images` itself if nothing is to be done.
    """
    channels = channels or images.shape[-1]
    if size in (None, images.shape[1:3]) and channels == images.shape[-1]:
        return images
    return np.stack(
        [
            # Pillow knows grey pictures as [H, W].
            to_array(
                Image.fromarray(x[..., 0] if x.shape[-1] == 1 else x), size, channels
            )
            for x in images
        ]
    )
