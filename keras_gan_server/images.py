"""Pictures and arrays as files: PNG, JPEG and .npy."""

import io
import math

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from keras_gan_server.errors import Refused

NPY_START = b"\x93NUMPY"
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
# The modes that Pillow decodes PNG and JPEG files to, and what each is read as.
_READ_AS = {"1": "L", "P": "RGB", "CMYK": "RGB", "YCbCr": "RGB"}
_GREY = np.array((0.299, 0.587, 0.114), "float32")  # the shares of red, green and blue
_KINDS = "Send a PNG, JPEG or .npy file."


def read(content: bytes, channels: int, most_pixels: int) -> np.ndarray:
    """Returns the picture in a PNG or JPEG file, upright as its Exif data say.

    If the model has no channel for opacity, the picture is laid over white.

    Args:
        content: of the file.
        channels: that the model takes, 1 to 4.
        most_pixels: a larger picture is not decoded.

    Returns:
        uint8 [height, width, channels].

    Raises:
        Refused: 400 for what is no such file, 413 for too many pixels.
    """
    try:
        picture: Image.Image = Image.open(io.BytesIO(content), formats=("PNG", "JPEG"))
        if picture.width * picture.height > most_pixels:
            raise Image.DecompressionBombError
        picture = ImageOps.exif_transpose(picture)
    except Image.DecompressionBombError:  # Pillow's own limit is far higher
        raise Refused(
            413,
            f"The picture has more than {most_pixels:,} pixels, which is the most that "
            "this server takes. Make it smaller.",
        ) from None
    except UnidentifiedImageError:
        what = "is empty" if not content else "is not a picture that is known here"
        raise Refused(400, f"The body {what}. {_KINDS}") from None
    except Exception as error:  # damaged files make Pillow raise many kinds
        message = f"The picture cannot be decoded ({_first_line(error)}). {_KINDS}"
        raise Refused(400, message) from None
    return _with_channels(_eight_bits(picture), channels)


def _eight_bits(picture):
    if picture.mode.startswith("I"):  # 16 bits: the upper eight
        return Image.fromarray((np.asarray(picture) >> 8).astype("uint8"))
    if "transparency" in picture.info:
        return picture.convert("RGBA")
    return picture.convert(_READ_AS.get(picture.mode, picture.mode))


def _with_channels(picture, channels):
    levels = np.asarray(picture).astype("float32")
    levels = levels.reshape(*levels.shape[:2], -1)
    colour, alpha = levels, np.full_like(levels[..., :1], 255)
    if levels.shape[2] % 2 == 0:
        colour, alpha = levels[..., :-1], levels[..., -1:]
    if channels % 2:
        colour = 255 + (colour - 255) * alpha / 255
    colour = np.broadcast_to(colour, (*levels.shape[:2], 3))
    if channels < 3:
        colour = (colour * _GREY).sum(axis=-1, keepdims=True)
    parts = [colour] if channels % 2 else [colour, alpha]
    return np.rint(np.concatenate(parts, axis=-1)).astype("uint8")


def png(levels: np.ndarray) -> bytes:
    """Returns a PNG file; of several pictures, they lie in one nearly square sheet.

    Args:
        levels: uint8 [rows, height, width, channels], channels 1 to 4.
    """
    rows, height, width, channels = levels.shape
    columns = round(math.sqrt(rows)) or 1
    lines = -(-rows // columns)
    if lines * columns > rows:
        white = np.full((lines * columns - rows, *levels.shape[1:]), 255, "uint8")
        levels = np.concatenate([levels, white])
    sheet = levels.reshape(lines, columns, height, width, channels)
    sheet = sheet.swapaxes(1, 2).reshape(lines * height, columns * width, channels)
    picture = Image.fromarray(sheet[..., 0] if channels == 1 else sheet)
    assert picture.mode == _MODES[channels]
    file = io.BytesIO()
    picture.save(file, "png", compress_level=1)
    return file.getvalue()


def read_npy(content: bytes) -> np.ndarray:
    """Returns the array in an .npy file, as a view of its bytes.

    `numpy.load` would allocate whatever size the header names. No array of Python
    objects can be such a view, so NumPy refuses those.

    Raises:
        Refused: 400 for a file that is damaged or of another kind.
    """
    file = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise ValueError(f"version {version}")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        values = np.frombuffer(content, dtype, offset=file.tell())
        return values.reshape(shape, order="F" if fortran else "C")
    except Exception as error:  # headers of strangers make NumPy raise many kinds
        raise Refused(
            400,
            f"The array cannot be read ({_first_line(error)}). Send a file that "
            "numpy.save wrote.",
        ) from None


def npy(values: np.ndarray) -> bytes:
    """Returns an .npy file, as `numpy.load` reads it."""
    file = io.BytesIO()
    np.save(file, values, allow_pickle=False)
    return file.getvalue()


def padding(sides: tuple[int, int], multiple: int) -> list[tuple[int, int]]:
    """Returns what each side must get before and after to be of a multiple."""
    lacking = [-side % multiple for side in sides]
    return [(lack // 2, lack - lack // 2) for lack in lacking]


def _first_line(error):
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".:")
