"""Images in which colours are classes, such as maps and label images."""

import dataclasses
import json
import pathlib
from typing import Any, Self

import numpy as np

from keras_gan.errors import InputError, first_line_of
from keras_gan.transparency import images_over_white

_ROWS = 2**18  # pixels at a time
_ACCEPTED = (
    'Give colours such as "232,227,218; 255,255,255" (red, green and blue from 0 to '
    "255), or a JSON file with a list of [red, green, blue]."
)


@dataclasses.dataclass(frozen=True)
class Palette:
    """Colours, each of which stands for a class.

    Args:
        colours: (red, green, blue) of each, integers from 0 to 255; at least two.

    Raises:
        InputError: for other colours, or if one occurs twice.

    Example:

    ```python
    import numpy as np
    from keras_gan.evaluators import Palette

    palette = Palette.parse("0,0,0; 255,0,0")
    image = np.array([[[[10, 9, 0], [200, 50, 50]]]], "uint8")
    assert palette.classes(image).tolist() == [[[0, 1]]]
    ```
    """

    colours: tuple[tuple[int, ...], ...]

    def __post_init__(self):
        for colour in self.colours:
            if len(colour) != 3 or not all(
                isinstance(level, int) and 0 <= level <= 255 for level in colour
            ):
                raise InputError(
                    f"the palette has {list(colour)}, which is no colour. {_ACCEPTED}"
                )
        if len(self.colours) < 2 or len({*self.colours}) < len(self.colours):
            raise InputError(
                f"the palette has {len(self.colours)} colours, of which "
                f"{len({*self.colours})} differ. Give at least two, each once."
            )

    def __len__(self) -> int:
        return len(self.colours)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Returns the palette that a text or a JSON file describes.

        Args:
            text: colours as "R,G,B; R,G,B", or the path of a file that ends in .json
                and holds a list of [R, G, B], or an object of name: [R, G, B].

        Raises:
            InputError: if it is neither.
        """
        if pathlib.Path(text).suffix.lower() == ".json":
            content = _content(text)
        else:
            content = [part.split(",") for part in text.strip("; ").split(";")]
        if isinstance(content, dict):
            content = [*content.values()]
        try:
            return cls(tuple(tuple(map(int, colour)) for colour in content))
        except (TypeError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"the palette is {text!r}. {_ACCEPTED}") from None

    def classes(self, images: np.ndarray) -> np.ndarray:
        """Returns the number of the nearest colour of each pixel.

        Args:
            images: uint8 [N, H, W, C] with C of 1, 3 or 4; what is transparent lies
                over white.

        Returns:
            int64 [N, H, W].
        """
        return self._nearest(images)[0]

    def distance(self, images: np.ndarray) -> float:
        """Returns how far pixels are from the nearest colour, in levels: the mean."""
        return float(np.sqrt(self._nearest(images)[1]).mean())

    def _nearest(self, images):
        """Returns the number of the nearest colour, and the squared distance to it."""
        shape = images.shape[:3]
        pixels = images_over_white(images)
        pixels = np.broadcast_to(pixels, (*shape, 3)).reshape(-1, 3)
        colours = np.array(self.colours, "float32")
        nearest = np.empty(len(pixels), "int64")
        squares = np.empty(len(pixels), "float32")
        for start in range(0, len(pixels), _ROWS):
            part = slice(start, start + _ROWS)
            differences = pixels[part, np.newaxis].astype("float32") - colours
            found = (differences**2).sum(axis=2)
            nearest[part], squares[part] = found.argmin(axis=1), found.min(axis=1)
        return nearest.reshape(shape), squares.reshape(shape)


def _content(path: str) -> Any:
    try:
        return json.loads(pathlib.Path(path).expanduser().read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(
            f"the palette is {path}, which cannot be read: {first_line_of(error)}. "
            f"{_ACCEPTED}"
        ) from error
