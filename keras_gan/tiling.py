"""Pictures of any size through a function that takes only some sizes.

A picture is extended by reflection to a size that the function takes, and the result is
cut back. A picture of too many pixels, or one larger than the only size that a function
takes, is cut into overlapping tiles, whose results are blended.

If the values of a function depend on the picture as a whole, those of tiles differ from
those of the whole picture: instance normalization takes its statistics of each tile,
and a network with a bottleneck sees no further than the tile. Overlap and blending hide
the seams. A function that looks only at pixels up to a quarter of the overlap away
gives the same values with tiles and without.
"""

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from keras_gan.errors import InputError

# Of one call. A generator with 64 filters keeps some hundred bytes for each.
MOST_PIXELS = 2**20
OVERLAP = 64


def apply(
    function: Callable[[np.ndarray], np.ndarray],
    images: np.ndarray,
    *,
    multiple: int = 1,
    least: int = 1,
    size: tuple[int | None, int | None] = (None, None),
    most_pixels: int = MOST_PIXELS,
    overlap: int = OVERLAP,
    progress: Callable[[int], object] | None = None,
) -> np.ndarray:
    """Returns what a function makes of pictures of any size.

    Args:
        function: of an array [rows, height, width, channels]. It returns an array of
            the same rows, height and width, with any channels and dtype.
        images: [count, height, width, channels] of any dtype, at least one.
        multiple: the function takes heights and widths that are multiples of it.
        least: the least height and width that it takes.
        size: (height, width) that it takes, None for a side of any length.
        most_pixels: of one call of the function. Larger pictures are cut into tiles; of
            smaller ones it gets several at once.
        overlap: pixels that neighbouring tiles share at least, up to half a tile.
        progress: called with the number of pixels that are finished since the last
            call, which add up to those of `images`.

    Returns:
        [count, height, width, channels] of the function's channels and dtype.

    Raises:
        InputError: for an array of another rank or without a picture, for pictures too
            small to be extended, or if the function changes their size.

    Example:

    ```python
    import numpy as np
    from keras_gan import tiling


    def invert(images):
        assert images.shape[1] % 4 == images.shape[2] % 4 == 0
        return 255 - images


    picture = np.arange(5 * 7 * 3, dtype="uint8").reshape(1, 5, 7, 3)
    inverted = tiling.apply(invert, picture, multiple=4)
    np.testing.assert_array_equal(inverted, 255 - picture)
    ```
    """
    if images.ndim != 4 or not images.size:
        raise InputError(
            f"images have the shape {images.shape}. Use (count, height, width, "
            "channels) with at least one picture."
        )
    sides = images.shape[1:3]
    rules = [_Rule(multiple, least, fixed) for fixed in size]
    pads = [rule.pads(side) for rule, side in zip(rules, sides, strict=True)]
    extended = np.pad(images, ((0, 0), *pads, (0, 0)), "reflect")
    height, width = extended.shape[1:3]
    # Neither side can use up what the other one needs at least.
    tall = rules[0].tile(height, max(math.isqrt(most_pixels), most_pixels // width))
    wide = rules[1].tile(width, most_pixels // tall)
    down = rules[0].cuts(height, tall, overlap)
    across = rules[1].cuts(width, wide, overlap)

    count, result = len(images), None
    calls = _Calls(
        function,
        most=max(most_pixels // (tall * wide), 1),
        tiles=count * len(down) * len(across),
        pixels=count * math.prod(sides),
        progress=progress or (lambda pixels: None),
    )
    for cut in down:
        strip = extended[:, cut.start : cut.stop]
        tiles = calls.of(
            np.concatenate([strip[:, :, c.start : c.stop] for c in across])
        )
        if result is None:
            result = np.empty((count, height, width, tiles.shape[3]), tiles.dtype)
        joined = np.empty((count, tall, width, tiles.shape[3]), tiles.dtype)
        for c, tile in zip(across, np.split(tiles, len(across)), strict=True):
            c.blend(joined.swapaxes(0, 2), tile.swapaxes(0, 2))
        cut.blend(result.swapaxes(0, 1), joined.swapaxes(0, 1))
    window = (
        slice(before, before + side)
        for (before, _), side in zip(pads, sides, strict=True)
    )
    assert result is not None  # there is at least one tile
    return np.ascontiguousarray(result[:, *window])


@dataclasses.dataclass(frozen=True)
class _Rule:
    """Which lengths of a side a function takes."""

    multiple: int
    least: int
    fixed: int | None

    @property
    def shortest(self):
        return self.fixed or -(-self.least // self.multiple) * self.multiple

    def pads(self, side):
        """Returns by how many pixels to extend a side before it and after it."""
        length = max(side, self.shortest)
        if self.fixed is None:
            length = -(-length // self.multiple) * self.multiple
        before = (length - side) // 2
        after = length - side - before
        if after >= side:
            takes = f"multiples of {self.multiple}, {self.shortest} at least"
            if self.fixed:
                takes = f"{self.fixed} or more"
            raise InputError(
                f"a picture has a side of {side} pixels, and the network takes "
                f"{takes}. Reflection makes a side nearly three times as long at most. "
                f"Give pictures of {-(-(length + 2) // 3)} pixels a side or more, or "
                "enlarge them first."
            )
        return before, after

    def tile(self, side, most):
        """Returns the length of tiles of a side: all of it if that is not too much."""
        if self.fixed:
            return self.fixed
        return min(side, max(most // self.multiple * self.multiple, self.shortest))

    def cuts(self, side, tile, overlap):
        """Returns the tiles of a side."""
        step = tile - min(overlap, tile // 2)
        # A network that reduces the picture has a grid, on which tiles must lie to give
        # the values of the whole picture.
        if self.fixed is None:
            step = step // self.multiple * self.multiple or step
        starts = [*range(0, side - tile, step), side - tile]
        return [_Cut(start, tile, tile - step if start else 0) for start in starts]


@dataclasses.dataclass(frozen=True)
class _Cut:
    """A tile along one side: where it starts, and how much it shares with those before.

    A quarter of what it shares shows the edge of the tile, and another quarter that of
    the tile before: these are not used, and the two are blended between them.
    """

    start: int
    length: int
    shared: int

    @property
    def stop(self):
        return self.start + self.length

    def blend(self, target, tile):
        """Puts the tile into a target that has those before it, along axis 0."""
        edge = self.shared // 4
        end = self.shared - edge
        target[self.start + end : self.stop] = tile[end:]
        before, own = target[self.start + edge : self.start + end], tile[edge:end]
        share = (np.arange(1, len(own) + 1) / (len(own) + 1)).astype("float32")
        share = share.reshape(-1, *[1] * (own.ndim - 1))
        # Equal values stay as they are, to the last bit.
        wide = np.result_type(own, "float32")
        values = before + share * np.subtract(own, before, dtype=wide)
        before[...] = np.rint(values) if own.dtype.kind in "iu" else values


class _Calls:
    """Calls a function with some tiles at a time, and tells how much is done.

    Args:
        function: as of `apply`.
        most: tiles at a time.
        tiles: in all.
        pixels: that all tiles count for.
        progress: as of `apply`.
    """

    def __init__(self, function, most, tiles, pixels, progress):
        self._function = function
        self._most = most
        self._tiles = tiles
        self._pixels = pixels
        self._progress = progress
        self._done = 0

    def of(self, tiles):
        """Returns what the function makes of tiles."""
        parts = range(0, len(tiles), self._most)
        return np.concatenate([self._call(tiles[i : i + self._most]) for i in parts])

    def _call(self, tiles):
        made = np.asarray(self._function(tiles))
        if made.ndim != 4 or made.shape[:3] != tiles.shape[:3]:
            raise InputError(
                f"the function makes an array of shape {made.shape} of one of "
                f"{tiles.shape}. It must keep rows, height and width."
            )
        before = self._pixels * self._done // self._tiles
        self._done += len(tiles)
        self._progress(self._pixels * self._done // self._tiles - before)
        return made
