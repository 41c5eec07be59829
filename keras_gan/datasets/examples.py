"""Examples of two pictures each: pairs, and pictures of two domains."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import ClassVar, Self

import numpy as np
import tensorflow as tf

from keras_gan import checks
from keras_gan.datasets import arrays, shuffling
from keras_gan.datasets.conversion import Form
from keras_gan.datasets.images import Images
from keras_gan.datasets.jitter import Jitter
from keras_gan.errors import InputError
from keras_gan.pixels import PixelRange

# Load size / image size of the authors of pix2pix and CycleGAN.
JITTER = 286 / 256
# The orders of the parts differ even if they have one length.
_NEXT_SEED = 2**31


def load_size_for(image_size: tuple[int, int]) -> tuple[int, int]:
    """Returns the size at which the authors store pictures of which windows are cut.

    Args:
        image_size: (height, width) of the windows.

    Source: Isola et al. 2017, arXiv 1611.07004, appendix 6.2.
    """
    return round(image_size[0] * JITTER), round(image_size[1] * JITTER)


@dataclasses.dataclass(frozen=True, eq=False)
class Examples(Mapping[str, Images]):
    """Pictures of several names, as a mapping from each name to `Images`.

    These images are whole pictures without jitter, for measures and for pictures of
    samples. Training sees `batches`. The length is the number of examples in an epoch,
    not of names.

    Args:
        stored: name -> images of which training batches are cut.
        shown: name -> images of the mapping, in the same order.
        jitter: how training batches are cut.

    Example:

    ```python
    from keras_gan.datasets import Paired

    pairs = Paired.of({"source": images, "target": images}, image_size=6)
    assert pairs["source"].shape == (6, 6, 1)  # of 8x8, resized
    source, target = next(iter(pairs.batches(16)))
    assert (source.numpy() == target.numpy()).all()  # windows of 6x6 at one place
    ```
    """

    names: ClassVar[tuple[str, ...]] = ()

    stored: Mapping[str, Images]
    shown: Mapping[str, Images]
    jitter: Jitter = dataclasses.field(default_factory=Jitter)

    @classmethod
    def of(
        cls,
        images: Mapping[str, Images],
        image_size: int | tuple[int, int] | None = None,
        crop: bool = False,
        flip: bool = True,
    ) -> Self:
        """Returns examples of images that have one height and width.

        Args:
            images: the images of each of `names`.
            image_size: side length or (height, width) of the pictures that networks
                see. Training batches are random windows of this size if the images are
                larger. None is the size of the images.
            crop: the mapping holds the images as they are. If not, it holds them
                resized to `image_size`.
            flip: whether training mirrors half of the pictures.

        Raises:
            InputError: if the images do not fit each other or are smaller than
                `image_size`.
        """
        size = checks.height_and_width("image_size", image_size)
        images = {name: images[name] for name in cls.names}
        for name, one in images.items():
            if len(one.shape) != 3:
                raise InputError(
                    f"{name} is vectors of shape {list(one.shape)}. Give a source of "
                    "images."
                )
        (first, one), (second, other) = images.items()
        if one.shape[:2] != other.shape[:2]:
            raise InputError(
                f"The images {first} are {_words(one.shape[:2])} pixels (height x "
                f"width) and the images {second} {_words(other.shape[:2])}. Give "
                "image_size, or load_size if windows are cut, to make them equal."
            )
        whole = one.shape[:2]
        if size is None or size == whole:
            return cls(images, images, Jitter(None, flip))
        if size[0] > whole[0] or size[1] > whole[1]:
            raise InputError(
                f"image_size is {_words(size)}, and the pictures of which windows are "
                f"cut are {_words(whole)} (height x width). Use a smaller image_size "
                "or a larger load_size."
            )
        shown = images
        if not crop:
            # In one step, not in `fit`: what networks see is all of the picture.
            form = Form(size, fit="stretch")
            shown = {
                name: dataclasses.replace(
                    one, array=arrays.from_arrays(one.array, form=form).array
                )
                for name, one in images.items()
            }
        return cls(images, shown, Jitter(size, flip))

    def __getitem__(self, name: str) -> Images:
        return self.shown[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return max(map(len, self.shown.values()))

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """Name -> uint8 [N, H, W, C], the arrays of the mapping."""
        return {name: images.array for name, images in self.shown.items()}

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name -> (height, width, channels) of what networks see in training."""
        return {
            name: self.jitter.size_of(one.array) for name, one in self.stored.items()
        }

    @property
    def summary(self) -> str | None:
        """What the sources hold and how they were read, or None."""
        found = {name: one.summary for name, one in self.stored.items() if one.summary}
        return " ".join(f"{name}: {text}" for name, text in found.items()) or None

    @property
    def skipped(self) -> tuple[tuple[str, str], ...]:
        """(file, reason) of every file that could not be read."""
        return tuple(entry for one in self.stored.values() for entry in one.skipped)

    @property
    def files(self) -> tuple[str, ...] | None:
        """Names of the files of all pictures, or None."""
        return tuple(self._sums()) or None

    @property
    def digests(self) -> tuple[str, ...] | None:
        """Digest of the pixels of each of `files`, or None."""
        return tuple(self._sums().values()) or None

    def _sums(self) -> dict[str, str]:
        """Returns file -> digest."""
        raise NotImplementedError

    def _rows(self, arrays, seed) -> list[shuffling.Rows]:
        """Returns the sets of rows of which batches are gathered.

        Args:
            arrays: those of `stored`, in the order of `names`.
            seed: of the order.
        """
        raise NotImplementedError

    def steps_per_epoch(self, batch_size: int) -> int:
        """Number of full batches in one pass over the most numerous pictures.

        Args:
            batch_size: examples per batch.

        Raises:
            InputError: if there are fewer pictures of a name than one batch.
        """
        for name, one in self.shown.items():
            if 0 < len(one) < batch_size:
                raise InputError(
                    f"batch_size is {batch_size}, but there are only {len(one)} "
                    f"images of {name}. Use at most {len(one)}."
                )
        return max(one.steps_per_epoch(batch_size) for one in self.shown.values())

    def batches(
        self,
        batch_size: int,
        value_range: tuple[float, float] | Mapping[str, tuple[float, float]] = (-1, 1),
        seed: int = 0,
        first_step: int | None = None,
        context: tf.distribute.InputContext | None = None,
    ) -> tf.data.Dataset:
        """Shuffled batches with jitter, which is a function of (seed, epoch, row).

        Args:
            batch_size: examples per batch; an incomplete last batch is dropped.
            value_range: the values that 0 and 255 become, or name -> those.
            seed, first_step, context: as of `Images.batches`.

        Returns:
            A dataset of tuples with a float32 [batch_size, height, width, C] for each
            name, in the order of `names`. Its attribute `value_range` is name -> range.

        Raises:
            InputError: as of `Images.batches`.
        """
        self.steps_per_epoch(batch_size)
        ranges = self._ranges(value_range)
        arrays = [self.stored[name].array for name in self.names]
        rows = self._rows(arrays, seed)
        dataset = shuffling.batches(
            rows, batch_size, _to_float(ranges), first_step, context
        )
        dataset.value_range = ranges
        return dataset

    def in_order(
        self,
        batch_size: int,
        value_range: tuple[float, float] | Mapping[str, tuple[float, float]] = (-1, 1),
        most: int | None = None,
    ) -> tf.data.Dataset:
        """Returns examples without jitter, each once, of the size of `batches`.

        Of pictures that are larger, as with `crop`, it takes the middle window. Of two
        domains it takes as many pictures as the smaller one has, evenly spaced.

        Args:
            batch_size: examples per batch; the last may be smaller.
            value_range: as of `batches`.
            most: takes this many examples, evenly spaced, if there are more.
        """
        ranges = self._ranges(value_range)
        count = min(map(len, self.shown.values()))
        middle = None
        if any(one.shape != self.shapes[name] for name, one in self.items()):
            middle = Jitter(self.jitter.window)
        parts = [
            (one.array, one.evenly_spaced(min(count, most or count)))
            for one in self.shown.values()
        ]
        dataset = shuffling.in_order(parts, batch_size, _to_float(ranges), middle)
        dataset.value_range = ranges
        return dataset

    def _ranges(self, value_range):
        if not isinstance(value_range, Mapping):
            value_range = dict.fromkeys(self.names, value_range)
        pixels = {name: PixelRange(*value_range[name]) for name in self.names}
        return {name: (one.low, one.high) for name, one in pixels.items()}

    def split(self, share: float, seed: int) -> tuple[Self, Self]:
        """Returns all but a share of the pictures of each name, and that share.

        Args:
            share: of the pictures, in (0, 1).
            seed: decides which; the same seed draws the same.

        Raises:
            InputError: if a part would be empty.
        """

        def parts(images):
            both = {name: one.split(share, seed) for name, one in images.items()}
            return [{n: pair[i] for n, pair in both.items()} for i in range(2)]

        stored = parts(self.stored)
        shown = stored if self.shown is self.stored else parts(self.shown)
        rest, held_out = (
            type(self)(*both, self.jitter) for both in zip(stored, shown, strict=True)
        )
        return rest, held_out


@dataclasses.dataclass(frozen=True, eq=False)
class Paired(Examples):
    """Pairs of a source and the target that belongs to it.

    A window and a flip are the same for both halves of a pair. `read_pairs` makes it.

    Example:

    ```python
    from keras_gan import datasets

    pairs = datasets.read_pairs("outlines", image_size=32, load_size=36, flip=False)
    assert pairs.shapes == {"source": (32, 32, 1), "target": (32, 32, 1)}
    for source, target in pairs.batches(4).take(1):
        print(source.shape, target.shape)
    ```
    """

    names = ("source", "target")

    def _sums(self):
        sums: dict[str, str] = {}
        for one in self.stored.values():  # a file may hold both halves
            for file, digest in zip(one.files or (), one.digests or (), strict=True):
                sums[file] = sums.get(file, "") + digest
        return sums

    def _rows(self, arrays, seed):
        return [shuffling.Rows(arrays, seed, self.jitter)]


@dataclasses.dataclass(frozen=True, eq=False)
class Unpaired(Examples):
    """Pictures a and pictures b, of which none belong together.

    Orders, windows and flips of a and b are independent. An epoch is one pass over the
    larger of the two; the smaller one begins its own next pass meanwhile.

    Example:

    ```python
    from keras_gan import datasets

    domains = datasets.unpaired(
        a=datasets.read("digits-half", 16), b=datasets.read("digits-inverted", 16)
    )
    for a, b in domains.batches(4).take(1):
        print(a.shape, b.shape, len(domains["a"]), len(domains["b"]))
    ```
    """

    names = ("a", "b")

    def _sums(self):
        return {
            f"{name}: {file}": digest
            for name, one in self.stored.items()
            for file, digest in zip(one.files or (), one.digests or (), strict=True)
        }

    def _rows(self, arrays, seed):
        return [
            shuffling.Rows([array], seed + i * _NEXT_SEED, self.jitter)
            for i, array in enumerate(arrays)
        ]


def unpaired(
    a: Images,
    b: Images,
    image_size: int | tuple[int, int] | None = None,
    crop: bool = False,
    flip: bool = True,
) -> Unpaired:
    """Returns two sets of images as the two domains of an unpaired translation.

    Args:
        a, b: images of one height and width; they may differ in number and channels.
        image_size, crop, flip: as of `Examples.of`.

    Raises:
        InputError: if the images do not fit each other or are smaller than
            `image_size`.
    """
    return Unpaired.of({"a": a, "b": b}, image_size, crop, flip)


def _to_float(ranges):
    """Returns a graph function of the levels of all names to their floats."""
    pixels = [PixelRange(*one) for one in ranges.values()]
    return lambda *parts: tuple(
        one.to_float(part) for one, part in zip(pixels, parts, strict=True)
    )


def _words(size):
    return "x".join(map(str, size))
