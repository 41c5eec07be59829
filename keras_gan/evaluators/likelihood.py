"""How well a model describes images: likelihood and reconstruction of held-out ones."""

import dataclasses
import math
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
from sklearn.decomposition import PCA
from tqdm import tqdm

from keras_gan.datasets import Images
from keras_gan.evaluators.base import Evaluator, Quantity
from keras_gan.models.autoencoder import ACTIVE

_QUICK = 1000  # images: the bound takes a fraction of a second
# Of each image, as Burda et al. 2015 take. 1,000 images of MNIST take about a minute.
_IMPORTANCE_SAMPLES = 5000


_LIKELIHOOD = {
    "elbo": Quantity(
        "ELBO",
        "higher",
        "Lower bound of log p(x), nats an image: reconstruction less divergence.",
        when="training",
    ),
    "nll": Quantity(
        "Negative log-likelihood",
        "lower",
        "-log p(x) in nats an image, by importance sampling: nearly exact, from above.",
    ),
    "bits_per_dimension": Quantity(
        "Bits per dimension",
        "lower",
        "The same in bits for each pixel and channel: 8 for 8-bit noise, 1 for black "
        "and white noise.",
    ),
    "kl": Quantity(
        "Divergence from the prior",
        None,
        "Nats an image that the latents tell.",
        when="end",
    ),
    "active_latents": Quantity(
        "Active latents",
        None,
        "Latents that tell more than a hundredth of a nat.",
        when="end",
    ),
}

_RECONSTRUCTION = {
    "reconstruction_error": Quantity(
        "Reconstruction error",
        "lower",
        "Root mean square error of pixels in [0, 1].",
        when="training",
    ),
    "pca_error": Quantity(
        "Reconstruction error of PCA",
        None,
        "The same of the best linear code with as many dimensions.",
    ),
}


@dataclasses.dataclass(frozen=True)
class Scored:
    """Images that a model is asked about, evenly spaced among more.

    Args:
        images: at least one.
        held_out: whether the model has not been trained on them.
        labelled: whether the model needs their labels.
        count: the most images to take.

    Example:

    ```python
    from keras_gan import datasets
    from keras_gan.evaluators.likelihood import Scored

    scored = Scored(datasets.read("digits"), held_out=True, count=10)
    assert scored.array.shape == (10, 8, 8, 1)
    assert scored.words == "10 of 1797 held-out images"
    ```
    """

    images: Images
    held_out: bool
    labelled: bool = False
    count: int = _QUICK

    @property
    def rows(self) -> np.ndarray:
        """Which they are, int64 [count]."""
        return self.images.evenly_spaced(self.count)

    @property
    def array(self) -> np.ndarray:
        """The images, uint8 [count, H, W, C]."""
        return self.images.array[self.rows]

    @property
    def labels(self) -> np.ndarray | None:
        """Their labels if the model needs them."""
        return self.images.require_labels()[self.rows] if self.labelled else None

    @property
    def words(self) -> str:
        """What they are, as a part of a sentence."""
        kind = "held-out images" if self.held_out else "images seen in training"
        return f"{len(self.rows)} of {len(self.images)} {kind}"


class LikelihoodEvaluator(Evaluator):
    """The bound of a `VAE` and its likelihood, of images that it is not trained on.

    Args:
        scored: the images.
        samples: importance samples of each image.
        seed: decides them, and what is observed of the images.

    Example:

    ```python
    from keras_gan import datasets
    from keras_gan.evaluators.likelihood import LikelihoodEvaluator, Scored

    images = datasets.read("digits", image_size=8)
    evaluator = LikelihoodEvaluator(Scored(images, held_out=True, count=4), samples=10)
    print([*evaluator.measures], evaluator.scored.words)
    ```

    Source: Kingma and Welling 2013, arXiv 1312.6114; Burda et al. 2015, arXiv
    1509.00519, section 5.
    """

    measures = _LIKELIHOOD

    def __init__(
        self, scored: Scored, samples: int = _IMPORTANCE_SAMPLES, seed: int = 0
    ):
        self.scored = scored
        self.on_held_out = scored.held_out
        self.samples = samples
        self.seed = seed

    def available(self, model: keras.Model) -> list[str]:
        names = super().available(model)
        if model.likelihood.levels is None:
            names.remove("bits_per_dimension")
        return names

    def measure(
        self, model: keras.Model, names: Iterable[str] | None = None
    ) -> dict[str, float]:
        names = self.available(model) if names is None else list(names)
        # Not by model.evaluate, which all workers would have to join.
        log_p, divergence = model.bound_terms(
            self.scored.array, self.seed, self.scored.labels
        )
        found = {
            "elbo": (log_p - divergence.sum(axis=1)).mean(),
            "kl": divergence.sum(axis=1).mean(),
            "active_latents": (divergence.mean(axis=0) > ACTIVE).sum(),
        }
        if {"nll", "bits_per_dimension"} & {*names}:
            found["nll"] = self._nll(model)
            pixels = math.prod(model.image_shape)
            found["bits_per_dimension"] = found["nll"] / pixels / math.log(2)
        return {name: float(found[name]) for name in names}

    def _nll(self, model):
        images = self.scored.array
        with tqdm(
            total=len(images), unit=" img", desc="likelihood", disable=None, leave=False
        ) as bar:
            values = model.log_likelihood(
                images, self.samples, self.seed, self.scored.labels, bar.update
            )
        return -values.mean()

    def protocol(self, model: keras.Model) -> str:
        parts = [
            self.scored.words,
            f"{self.samples} importance samples each",
            f"seed {self.seed}",
        ]
        parts.append(_words_of(model.likelihood))
        if model.likelihood.caveat is not None:
            parts.append(model.likelihood.caveat)
        return ", ".join(parts)

    def evaluate(self, model: keras.Model) -> dict[str, Any]:
        """Returns also `likelihood`, since only numbers of the same one compare."""
        return {**super().evaluate(model), "likelihood": _words_of(model.likelihood)}

    def thorough(self, count: int | None, seed: int) -> "LikelihoodEvaluator":
        scored = dataclasses.replace(self.scored, count=count or _QUICK)
        return LikelihoodEvaluator(scored, self.samples, seed)


class ReconstructionEvaluator(Evaluator):
    """How far reconstructions are from images that a model is not trained on.

    Args:
        scored: the images.
        training: those that it is trained on, for the linear model of as many
            dimensions.

    Example:

    ```python
    from keras_gan import datasets
    from keras_gan.evaluators.likelihood import ReconstructionEvaluator, Scored

    images = datasets.read("digits", image_size=8)
    evaluator = ReconstructionEvaluator(Scored(images, held_out=False), images)
    print([*evaluator.measures])
    ```
    """

    measures = _RECONSTRUCTION

    def __init__(self, scored: Scored, training: Images):
        self.scored = scored
        self.on_held_out = scored.held_out
        self.training = training

    def measure(
        self, model: keras.Model, names: Iterable[str] | None = None
    ) -> dict[str, float]:
        names = self.available(model) if names is None else list(names)
        images = self.scored.array
        found: dict[str, Any] = {}
        if "reconstruction_error" in names:
            made = model.reconstruct(images, self.scored.labels)
            found["reconstruction_error"] = _error(_pixels(made), _pixels(images))
        if "pca_error" in names:
            # Some thousand images decide the axes as well as all of them.
            fitted = dataclasses.replace(self.scored, images=self.training, count=5000)
            dims = min(model.latent_dim, *_pixels(fitted.array).shape)
            pca = PCA(dims, random_state=0).fit(_pixels(fitted.array))
            made = pca.inverse_transform(pca.transform(_pixels(images)))
            found["pca_error"] = _error(made.clip(0, 1), _pixels(images))
        return {name: found[name] for name in names}

    def protocol(self, model: keras.Model) -> str:
        return self.scored.words

    def thorough(self, count: int | None, seed: int) -> "ReconstructionEvaluator":
        scored = dataclasses.replace(self.scored, count=count or _QUICK)
        return ReconstructionEvaluator(scored, self.training)


def _words_of(likelihood):
    """Returns the name of a likelihood and its settings."""
    settings = likelihood.get_config().items()
    return (
        f"{type(likelihood).__name__}"
        f"({', '.join(f'{name}={value!r}' for name, value in settings)})"
    )


def _pixels(images):
    """Returns uint8 images as rows in [0, 1], float32 [N, D]."""
    return images.reshape(len(images), -1).astype("float32") / 255


def _error(made, images):
    return float(np.sqrt(np.mean((made - images) ** 2, dtype="float64")))
