"""Any Pillow picture to an array [height, width, channels]."""

import dataclasses

import numpy as np
from PIL import Image, ImageOps

from keras_gan.transparency import over_white

MODES = {1: "L", 3: "RGB", 4: "RGBA"}
FITS = {
    "crop": "cropped to the middle",
    "pad": "padded",
    "stretch": "stretched",
}
_GREY_MODES = {"1", "L", "LA"}


@dataclasses.dataclass(frozen=True)
class Form:
    """What pictures of a source become.

    Args:
        size: (height, width), or None for the source's own.
        channels: 1, 3 or 4, or None for the source's own.
        fit: what happens to a picture of another shape: "crop" cuts equally from both
            sides, "stretch" distorts, and "pad" adds bars in the colour of the
            picture's border. The bars are transparent if the picture has alpha.
        levels: (black, white) of values of more than 8 bits and of floats, or None for
            the range of the source.
        half: 0 takes the left half of a picture alone, 1 the right half.

    Example:

    ```python
    from PIL import Image
    from keras_gan.datasets.conversion import Form, picture_to_array

    photo = Image.new("RGB", (640, 480), "blue")
    array = picture_to_array(photo, Form(size=(64, 64), channels=3, fit="pad"))
    assert array.shape == (64, 64, 3)
    ```
    """

    size: tuple[int, int] | None = None
    channels: int | None = None
    fit: str = "crop"
    levels: tuple[float, float] | None = None
    half: int | None = None


def picture_to_array(picture: Image.Image, form: Form) -> np.ndarray:
    """Rotate, convert and resize one picture.

    Args:
        picture: of any mode. This applies its EXIF orientation to it in place.
        form: without channels, the picture decides: 4 if any pixel is not opaque, else
            1 if it is grey, else 3. With 1 or 3, transparency is laid over white.

    Returns:
        uint8 [height, width, channels]. If the picture has floats or more than 8 bits
        and the form has no levels: its values unscaled, float32 [height, width, 1].
    """
    part = part_of(picture, form)
    pixels = np.asarray(_fit(_convert(part, form), form))
    return pixels.reshape(*pixels.shape[:2], -1)


def part_of(picture: Image.Image, form: Form) -> Image.Image:
    """Return the half of a picture that a form asks for, or the picture.

    Args:
        picture: of any mode. This applies its EXIF orientation to it in place.
        form: what it becomes.
    """
    # Without in_place it would copy all pixels.
    ImageOps.exif_transpose(picture, in_place=True)
    if form.half is None:
        return picture
    middle = picture.width // 2
    return picture.crop(
        (form.half * middle, 0, (1 + form.half) * middle, picture.height)
    )


def is_deep(picture: Image.Image) -> bool:
    """Return whether pixels are integers of more than 8 bits, or floats."""
    return picture.mode[0] in "IF"


def opacity(picture: Image.Image) -> tuple[int, int]:
    """Return the least and the greatest opacity of a pixel, from 0 to 255."""
    if not picture.has_transparency_data:
        return 255, 255
    alpha = np.asarray(picture.convert("RGBA").getchannel("A"))
    return int(alpha.min()), int(alpha.max())


def scale(values: np.ndarray, levels: tuple[float, float]) -> np.ndarray:
    """Return values as uint8, with 0 for black and 255 for white.

    Args:
        values: of any shape and number type; values outside the levels are clipped.
        levels: (black, white).
    """
    black, white = levels
    spread = (white - black) or 1
    values = np.clip(values, black, white).astype(np.float64) - black
    return np.rint(values / spread * 255).astype(np.uint8)


def _convert(picture, form):
    if is_deep(picture):
        values = np.asarray(picture)
        if form.levels is None:
            return Image.fromarray(values.astype(np.float32))
        picture = Image.fromarray(scale(values, form.levels))
    if form.channels == 4:
        return picture.convert("RGBA")
    see_through = picture.has_transparency_data
    if see_through:
        picture = picture.convert("RGBA")
        see_through = picture.getextrema()[3][0] < 255
    if form.channels is None:
        if see_through:
            return picture
        mode = "L" if picture.mode in _GREY_MODES else "RGB"
    else:
        mode = MODES[form.channels]
        if see_through:
            picture = over_white(picture)
    # `convert` copies even a picture that has the mode already.
    return picture if picture.mode == mode else picture.convert(mode)


def _fit(picture, form):
    if form.size is None or picture.size == form.size[::-1]:
        return picture
    size = form.size[::-1]
    # Pillow widens the bicubic kernel when it shrinks a picture, so it antialiases.
    bicubic = Image.Resampling.BICUBIC
    if form.fit == "stretch":
        return picture.resize(size, bicubic)
    if form.fit == "pad":
        share = min(size[0] / picture.width, size[1] / picture.height)
        inner = [max(1, round(side * share)) for side in picture.size]
        small = picture.resize(inner, bicubic)
        frame = Image.new(picture.mode, size, _border_colour(small))
        frame.paste(small, ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2))
        return frame
    return ImageOps.fit(picture, size, bicubic)


def _border_colour(picture):
    """Return the median colour of a picture's outermost pixels."""
    if picture.mode == "RGBA":
        return (255, 255, 255, 0)
    pixels = np.asarray(picture)
    edges = (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])
    colour = np.median(np.concatenate(edges), axis=0)
    if picture.mode == "F":
        return float(colour)
    return tuple(np.atleast_1d(colour).astype(int).tolist())


def resize_arrays(images: np.ndarray, form: Form) -> np.ndarray:
    """Resize and convert images of one shape.

    Args:
        images: uint8 [N, H, W, C].
        form: what they become; without channels, C stays.

    Returns:
        uint8 [N, height, width, channels]; `images` itself if it has that form.
    """
    form = dataclasses.replace(form, channels=form.channels or images.shape[-1])
    if form.size in (None, images.shape[1:3]) and form.channels == images.shape[-1]:
        return images
    return np.stack(
        [
            # Pillow takes grey pictures as [H, W].
            picture_to_array(
                Image.fromarray(x[..., 0] if x.shape[-1] == 1 else x), form
            )
            for x in images
        ]
    )
