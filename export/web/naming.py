"""Names of directions in latent space, after what they change in images."""

from typing import NamedTuple

import numpy as np

_LEAST = 0.35  # correlation with what a direction is named after


class Direction(NamedTuple):
    """A direction in latent space.

    Args:
        vector: float [latent_dim] of length 1.
        less: what images become against it, such as "darker".
        more: what they become along it, such as "brighter".

    Example:

    ```python
    import numpy as np
    from export.web.naming import Direction

    direction = Direction(np.float32([1, 0]), less="darker", more="brighter")
    print(f"from {direction.less} to {direction.more}")
    ```
    """

    vector: np.ndarray
    less: str
    more: str


def named(vectors: np.ndarray, places: np.ndarray, images: np.ndarray) -> list:
    """Returns directions with the names of what goes with them in samples.

    Each is named after the property that its place correlates with most, of those that
    no earlier one has; if none does by 0.35, it has a number.

    Args:
        vectors: float [D, latent_dim].
        places: where each sample is along each direction, float [N, D].
        images: the samples, float [N, height, width, channels] from 0 to 1.
    """
    found = properties(images)
    directions = []
    for number, (vector, place) in enumerate(zip(vectors, places.T, strict=True), 1):
        strength = {ends: _correlation(place, values) for ends, values in found.items()}
        best = max(strength, key=lambda ends: abs(strength[ends]), default=None)
        if best is None or abs(strength[best]) < _LEAST:
            less, more = f"less of {number}", f"more of {number}"
        else:
            del found[best]
            less, more = best if strength[best] > 0 else best[::-1]
        directions.append(Direction(vector, less, more))
    return directions


def properties(images: np.ndarray) -> dict[tuple[str, str], np.ndarray]:
    """Returns what can be said of images: (less, more) -> float [N].

    Args:
        images: float [N, height, width, channels] from 0 to 1; with two or four
            channels the last is opacity.
    """
    colours = images[..., : 3 if images.shape[-1] >= 3 else 1].astype("float64")
    grey = colours.mean(axis=-1)
    found = {
        ("darker", "brighter"): grey.mean(axis=(1, 2)),
        ("less contrast", "more contrast"): grey.std(axis=(1, 2)),
        ("smoother", "more detail"): _roughness(grey),
        **_places(grey),
    }
    if colours.shape[-1] == 3:
        red, green, blue = np.moveaxis(colours.mean(axis=(1, 2)), -1, 0)
        found[("cooler", "warmer")] = red - blue
        found[("more purple", "greener")] = green - (red + blue) / 2
        spread = colours.max(axis=-1) - colours.min(axis=-1)
        found[("greyer", "more colourful")] = spread.mean(axis=(1, 2))
    return found


def _roughness(grey):
    steps = [np.abs(np.diff(grey, axis=axis)).mean(axis=(1, 2)) for axis in (1, 2)]
    return sum(steps) / (grey.std(axis=(1, 2)) + 1e-3)


def _places(grey):
    """Returns where what differs from the background lies, and how it lies there."""
    edge = np.concatenate([grey[:, 0], grey[:, -1], grey[:, :, 0], grey[:, :, -1]], 1)
    weights = np.abs(grey - np.median(edge)) + 1e-6
    weights /= weights.sum(axis=(1, 2), keepdims=True)
    rows, columns = np.indices(grey.shape[1:], "float64")

    def mean(values):
        return (weights * values).sum(axis=(1, 2))

    y, x = mean(rows), mean(columns)
    down, right = rows - y[:, None, None], columns - x[:, None, None]
    tall, wide, slant = mean(down**2), mean(right**2), mean(down * right)
    return {
        ("further left", "further right"): x,
        ("higher", "lower"): y,
        ("narrower", "wider"): wide,
        ("flatter", "taller"): tall,
        # Rows are counted downwards.
        ("leaning right", "leaning left"): slant / np.sqrt(tall * wide + 1e-9),
    }


def _correlation(one, other):
    if not (np.ptp(one) and np.ptp(other)):
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])
