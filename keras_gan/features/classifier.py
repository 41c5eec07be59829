"""Features of a small classifier that is trained on the user's own images."""

import hashlib
import json
import math
import os
import pathlib
import tempfile
import warnings
import zipfile
from typing import Self

import keras
import numpy as np
from sklearn.model_selection import train_test_split
from tqdm import tqdm

from keras_gan import model_files, seeding
from keras_gan.datasets import Images
from keras_gan.errors import InputError, first_line_of
from keras_gan.features.extractor import Extracted, Extractor
from keras_gan.files import atomic_path
from keras_gan.settings import keras_defaults

# Part of the name of a cached file. Raise it if you change the network or its training.
_RECIPE = 1
_SEED = 0
_MOST_IMAGES = 60_000
_HELD_OUT = (0.1, 2000)  # share of the images, and largest number of them
_WIDTHS = (32, 64, 128, 128)
_BATCH_SIZE = 128
_PRESENTATIONS = 200_000  # images shown during training, with repetitions
_MOST_EPOCHS = 40
_LEARNING_RATE = 3e-3
_WEIGHT_DECAY = 1e-3
_RESULT = "held_out.json"  # in the .keras file, beside Keras's own parts


class Classifier(Extractor):
    """Last hidden layer of a convolutional network trained on labelled images.

    Training takes a minute or two on two cores and happens once: the network is cached
    in the folder `keras_gan` of Keras's home (`KERAS_HOME` or `~/.keras`), under a hash
    of its training data. If there are more than 60,000 images, it trains on 60,000 of
    them, chosen by a fixed seed. A tenth of the images, at most 2,000, is held out to
    measure the accuracy, with the same share of each class.

    Args:
        images: labelled images, at least two classes of two or more images.

    Attributes:
        accuracy: share of the held-out images that it classifies correctly, in [0, 1].

    Raises:
        InputError: if the data are points, or the labels are missing or too few.

    Example:

    ```python
    from keras_gan import features

    classifier = features.Classifier(images)
    print(f"{classifier.accuracy:.0%} of the held-out images are classified correctly")
    extracted = classifier(images.array)
    assert extracted.probabilities.shape == (len(images), images.num_classes)
    ```
    """

    def __init__(self, images: Images):
        if images.array.ndim != 4:
            raise InputError(
                f"a classifier needs images, but these are points "
                f"{list(images.shape)}. Use the features pixels."
            )
        if not can_learn(images):
            raise InputError(
                "a classifier needs labels of at least two classes with two or more "
                "images each. Use the features random if there are none."
            )
        training, held_out = _split(images.labels)
        path = _cached(images, np.sort(np.concatenate([training, held_out])))
        found = _read(path)
        if found is None:
            found = _train(images, training, held_out)
            _write(path, *found)
        model, accuracy = found
        name = (
            f"features of a classifier trained on these images "
            f"({accuracy:.1%} right on {len(held_out):,} held out)"
        )
        self._take(model, accuracy, name, images.class_names)

    def _take(self, model, accuracy, name, class_names=None):
        self._model, self.accuracy, self.name = model, accuracy, name
        self.class_names = class_names or tuple(
            str(label) for label in range(model.output_shape[1][-1])
        )

    @classmethod
    def from_file(cls, path: str | os.PathLike) -> Self:
        """Returns a classifier from a file of the cache, for images of its shape.

        With one file, several people measure with the same features.

        Args:
            path: `.keras` file.

        Raises:
            InputError: if there is no such file or it holds no such classifier.
        """
        path = pathlib.Path(path)
        try:
            model, accuracy = model_files.load(path), _accuracy(path)
        except Exception as error:  # Keras raises many kinds on a broken file
            reason = first_line_of(error.__cause__ or error)
            raise InputError(
                f"{str(path)!r} is not a classifier ({reason}). Give a "
                f"file that keras_gan has cached, such as one in {_cache_folder()}."
            ) from None
        classifier = cls.__new__(cls)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        classifier._take(
            model,
            accuracy,
            f"features of the classifier {path.name} ({accuracy:.1%} right on images "
            f"held out, SHA-256 {digest})",
        )
        return classifier

    @classmethod
    def make(cls, argument: str, images: Images) -> "Extractor":
        """Returns the extractor of a file, or one that learns from `images`.

        Args:
            argument: path of a file, or "" for none.
            images: labelled images, if there is no file.
        """
        return cls.from_file(argument) if argument else cls(images)

    def extract(self, images: np.ndarray) -> Extracted:
        features, logits = self._model(images, training=False)
        probabilities = keras.ops.softmax(logits)
        return Extracted(*map(keras.ops.convert_to_numpy, (features, probabilities)))

    def check(self, images: np.ndarray) -> None:
        super().check(images)
        shape = self._model.input_shape[1:]
        if images.shape[1:] != shape:
            raise InputError(
                f"the images have the shape {list(images.shape[1:])}, but the "
                f"classifier was trained on {list(shape)}. Use that shape."
            )


def can_learn(images: Images) -> bool:
    """Returns whether at least two classes have two or more images each."""
    if images.array.ndim != 4 or images.labels is None:
        return False
    return bool(np.count_nonzero(np.bincount(images.labels) >= 2) >= 2)


def _split(labels):
    """Returns the sorted rows to train on and to hold out, split in each class."""
    rows = np.arange(len(labels))
    single = np.bincount(labels)[labels] < 2  # cannot be in both parts
    rows, alone = rows[~single], rows[single]
    classes = len(np.unique(labels[rows]))
    share, most = _HELD_OUT
    held_out = max(min(math.ceil(share * len(rows)), most), classes)
    training, held_out = train_test_split(
        rows,
        train_size=min(len(rows) - held_out, _MOST_IMAGES),
        test_size=held_out,
        stratify=labels[rows],
        random_state=_SEED,
    )
    return np.sort(np.concatenate([training, alone])), np.sort(held_out)


@keras_defaults()
def _network(shape, num_classes):
    """Returns the network, uint8 [B, H, W, C] to features [B, 128] and logits."""
    rng = np.random.default_rng(_SEED)

    def weights():
        return keras.initializers.HeNormal(seed=seeding.draw(rng))

    def stage(x, filters, strides=1):
        x = keras.layers.Conv2D(
            filters, 3, strides, "same", use_bias=False, kernel_initializer=weights()
        )(x)
        x = keras.layers.BatchNormalization(momentum=0.9)(x)
        return keras.layers.ReLU()(x)

    images = keras.Input(shape, dtype="uint8")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(images)
    # Halved until the shorter side has about 4 pixels: 8 once, 32 three times.
    halvings = max(1, round(math.log2(min(shape[:2]) / 4)))
    for _ in range(halvings + 1 - len(_WIDTHS)):
        x = stage(x, 16, strides=2)
    for i, filters in enumerate(_WIDTHS[-halvings - 1 :]):
        x = keras.layers.MaxPooling2D(padding="same")(x) if i else x
        x = stage(x, filters)
    features = keras.layers.GlobalAveragePooling2D()(x)
    logits = keras.layers.Dense(num_classes, kernel_initializer=weights())(features)
    return keras.Model(images, [features, logits])


@keras_defaults()
def _train(images, training, held_out):
    """Returns a trained network and the share of held-out images that it gets right."""
    model = _network(images.shape, images.num_classes)
    epochs = min(_PRESENTATIONS / len(training), _MOST_EPOCHS)
    steps = math.ceil(epochs * len(training) / _BATCH_SIZE)
    learner = keras.Model(model.input, model.output[1])
    learner.compile(
        optimizer=keras.optimizers.AdamW(
            keras.optimizers.schedules.CosineDecay(
                0.0, steps, warmup_target=_LEARNING_RATE, warmup_steps=steps // 10
            ),
            weight_decay=_WEIGHT_DECAY,
        ),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    # Build the optimizer now. Otherwise Keras traces the step twice, which takes most
    # of the time for a small data set.
    learner.optimizer.build(learner.trainable_variables)
    rng = np.random.default_rng(_SEED)
    order = _endless(training, rng)
    with tqdm(
        desc="training a classifier for features, once for this data set",
        total=steps * _BATCH_SIZE,
        unit=" images",
        unit_scale=True,
        disable=None,
    ) as bar:
        for _ in range(steps):
            rows = np.sort([next(order) for _ in range(_BATCH_SIZE)])
            learner.train_on_batch(
                _shifted(np.asarray(images.array[rows]), rng), images.labels[rows]
            )
            bar.update(_BATCH_SIZE)
    right = 0
    for rows in np.array_split(held_out, math.ceil(len(held_out) / 256)):
        logits = learner(np.asarray(images.array[rows]), training=False)
        said = keras.ops.convert_to_numpy(logits).argmax(axis=1)
        right += int(np.count_nonzero(said == images.labels[rows]))
    return model, right / len(held_out)


def _endless(rows, rng):
    """Yields rows without end; each pass over all rows has a new random order."""
    while True:
        yield from rng.permutation(rows)


def _shifted(images, rng):
    """Returns the images of a batch, all moved by the same random step.

    The step is at most a twelfth of the shorter side in each direction.
    """
    height, width = images.shape[1:3]
    margin = max(1, round(min(height, width) / 12))
    padded = np.pad(images, [(0, 0), (margin,) * 2, (margin,) * 2, (0, 0)], "edge")
    top, left = rng.integers(2 * margin + 1, size=2)
    return padded[:, top : top + height, left : left + width]


def _cached(images, rows):
    """Returns the path of the cached network for these rows of the images."""
    digest = hashlib.sha256()
    facts = [_RECIPE, images.num_classes, *images.shape]
    digest.update(json.dumps(facts).encode())
    digest.update(np.ascontiguousarray(images.labels[rows], "<i8"))
    for block in np.array_split(rows, math.ceil(len(rows) / 1024)):
        digest.update(np.ascontiguousarray(images.array[block]))
    return _cache_folder() / f"classifier-{digest.hexdigest()[:32]}.keras"


def _cache_folder():
    # Found as Keras finds its home: it has no public function for that.
    home = pathlib.Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser()
    for base in (home, pathlib.Path(tempfile.gettempdir()) / ".keras"):
        folder = base / "keras_gan"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            break
    return folder


def _read(path):
    """Returns the network and its held-out accuracy, or None if there is no file."""
    if not path.exists():
        return None
    try:
        return keras.saving.load_model(path, compile=False), _accuracy(path)
    except Exception as error:  # Keras raises many kinds on a broken file
        warnings.warn(
            f"{path} cannot be read ({first_line_of(error)}). The classifier is "
            "trained again.",
            stacklevel=3,
        )
        return None


def _accuracy(path):
    """Returns the share of held-out images that the network of a file gets right."""
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read(_RESULT))["accuracy"]


def _write(path, model, accuracy):
    """Caches a network: whole or not at all, even if two processes do it at once."""
    try:
        with atomic_path(path) as part:
            model.save(part)
            with zipfile.ZipFile(part, "a") as archive:
                archive.writestr(_RESULT, json.dumps({"accuracy": accuracy}))
    except OSError as error:
        warnings.warn(
            f"the classifier cannot be cached for the next run: {error}.", stacklevel=3
        )
