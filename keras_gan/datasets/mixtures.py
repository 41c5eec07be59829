"""Mixtures of Gaussians in the plane, whose modes can be counted."""

import dataclasses

import numpy as np

from keras_gan.datasets.conversion import Form
from keras_gan.datasets.images import Images
from keras_gan.errors import InputError

POINTS = 50_000


@dataclasses.dataclass(frozen=True, eq=False)
class Mixture:
    """Equally likely round Gaussians.

    Args:
        centres: float64 [modes, 2].
        std: standard deviation of each mode in each direction.

    Example:

    ```python
    import numpy as np
    from keras_gan.datasets.mixtures import Mixture

    mixture = Mixture(centres=np.array([[-1.0, 0.0], [1.0, 0.0]]), std=0.1)
    points, modes = mixture.sample(1000, seed=0)
    assert points.shape == (1000, 2)
    print(np.bincount(modes))
    ```
    """

    centres: np.ndarray
    std: float

    def sample(self, count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Draw points.

        Args:
            count: number of points.
            seed: integer that decides them.

        Returns:
            Points float32 [count, 2] and the mode of each, int64 [count].
        """
        random = np.random.default_rng(seed)
        modes = random.integers(len(self.centres), size=count)
        noise = random.normal(scale=self.std, size=(count, 2))
        return (self.centres[modes] + noise).astype(np.float32), modes

    def read(self, argument: str, form: Form, data_dir: str | None) -> Images:
        """Read 50,000 points, the same each time.

        Args:
            argument, data_dir: not used.
            form: without size and channels, since points are not images.

        Returns:
            float32 [50000, 2] with the mode as label.

        Raises:
            InputError: if a size or a number of channels is given.
        """
        if form.size is not None or form.channels is not None:
            raise InputError(
                f"Points have no pixels, but image_size is {form.size!r} and channels "
                f"is {form.channels!r}. Use None for both."
            )
        return Images(*self.sample(POINTS))


_ANGLES = np.arange(8) * (2 * np.pi / 8)
_TICKS = np.arange(-4.0, 5.0, 2.0)

RING = Mixture(2 * np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1), std=0.02)
GRID = Mixture(np.stack(np.meshgrid(_TICKS, _TICKS), axis=-1).reshape(-1, 2), std=0.05)
