"""Random windows and flips of training pictures."""

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import numpy as np


@dataclasses.dataclass(frozen=True)
class Jitter:
    """What changes a picture at random each time that training sees it.

    Args:
        window: (height, width) of the part that is cut out at a random place; None
            takes whole pictures.
        flip: whether half of the pictures are mirrored, left to right.

    Example:

    ```python
    import numpy as np
    from keras_gan.datasets import Jitter

    pictures = np.arange(16, dtype="uint8").reshape(1, 4, 4, 1)
    jitter = Jitter(window=(3, 3), flip=True)
    cut = jitter.cut(pictures, rows=[0], draws=[[0.0, 0.9, 0.1]])
    assert cut[0, 0, :, 0].tolist() == [3, 2, 1]
    ```
    """

    window: tuple[int, int] | None = None
    flip: bool = False

    # How many numbers `cut` needs for each picture: place from above, from left, flip.
    DRAWS: ClassVar[int] = 3

    @property
    def needed(self) -> bool:
        """Whether it changes anything."""
        return self.window is not None or self.flip

    def size_of(self, array: np.ndarray) -> tuple[int, ...]:
        """Returns the shape of one window of an array of pictures."""
        return *(self.window or array.shape[1:3]), array.shape[-1]

    def cut(
        self, array: np.ndarray, rows: Sequence[int], draws: Sequence[Sequence[float]]
    ) -> np.ndarray:
        """Returns a window of each of some pictures.

        Args:
            array: uint8 [N, H, W, C] with H and W of at least the window.
            rows: which pictures, [n].
            draws: [n, 3] in [0, 1): the place of the window from above and from the
                left, and a number that mirrors the picture if it is below 0.5.

        Returns:
            uint8 [n, height, width, C].
        """
        height, width = self.window or array.shape[1:3]
        free = np.subtract(array.shape[1:3], (height, width)) + 1
        drawn = np.asarray(draws, np.float64)
        places = (drawn[:, :2] * free).astype(int).tolist()
        mirrored = (drawn[:, 2] < 0.5).tolist()
        out = np.empty((len(rows), height, width, array.shape[-1]), array.dtype)
        for i, (row, (top, left)) in enumerate(zip(rows, places, strict=True)):
            window = array[row, top : top + height, left : left + width]
            out[i] = window[:, ::-1] if self.flip and mirrored[i] else window
        return out
