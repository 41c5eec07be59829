"""Accuracy of a linear SVM on the discriminator's features (2015, table 1).

A discriminator learns without labels; how well its features tell classes apart says
what it learned. The same network with the run's initial, random weights stands beside
it, because random filters alone go a long way.

In both networks batch norm first gets averages of training images: those that training
leaves behind are of real images and samples together, and a new network has none.

Source: Radford et al. 2015, arXiv 1511.06434, section 5.1.
"""

import argparse
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from tqdm import tqdm

from keras_gan import pictures
from keras_gan.errors import InputError
from keras_gan.experiments import arguments, labelled
from keras_gan.experiments.outcome import Outcome
from keras_gan.experiments.trained_run import TrainedRun, scaled
from keras_gan.pictures.charts import Figure, plain_style

NEEDS = ("discriminator",)  # of the model
C_VALUES = tuple(np.logspace(-4, -2, 5).tolist())
# Accuracies in percent; with 400 labels of each class mean and standard deviation.
PAPER = {
    "data": "CIFAR-10",
    "trained_on": "Imagenet-1k",
    "features": 28_672,
    "all_labels": {
        "DCGAN (Imagenet-1k)": 82.8,
        "1-layer k-means": 80.6,
        "3-layer k-means": 82.0,
        "view-invariant k-means": 81.9,
        "exemplar CNN": 84.3,
    },
    "400_per_class": {
        "DCGAN (Imagenet-1k)": (73.8, 0.4),
        "1-layer k-means": (63.7, 0.7),
        "3-layer k-means": (70.7, 0.7),
        "view-invariant k-means": (72.6, 0.7),
        "exemplar CNN": (77.4, 0.2),
    },
}
_GRID = 4
_BATCH = 256
_NORMALIZED_BY = 10_240  # images that batch norm's averages are taken from
_VALIDATION = 0.2  # of the labels, to choose C
_LEAST = 5  # labels of a class, so that one of them validates
_SUBSETS = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this experiment."""
    arguments.run(parser)
    parser.add_argument(
        "--per-class",
        type=arguments.at_least(_LEAST),
        metavar="N",
        help=f"learn from N random labels of each class, {_SUBSETS} times (all labels)",
    )
    labelled.add_arguments(parser)


def run(options: argparse.Namespace) -> Outcome:
    """Returns the accuracy of trained and of random filters in percent.

    Raises:
        InputError: where the run is conditional, its discriminator has no convolutional
            layer, or its images cannot be read or have too few labels.
    """
    trained = TrainedRun.load(options.run, options.best, needs=NEEDS)
    gan = trained.model
    if gan.num_classes is not None:
        raise InputError(
            f"the run in {options.run} is conditional: its discriminator sees the "
            "label beside the image, so its features would hold the answer. Name a run "
            "that was trained without --conditional."
        )
    networks = {
        "trained": gan.discriminator,
        "random": trained.run.build().discriminator,  # as before the first step
    }
    models = {name: feature_model(network) for name, network in networks.items()}
    sets = labelled.read(trained, options.validation, options.seed)
    subsets = _subsets(sets, options.per_class, options.seed)
    measured: dict[str, Any] = {"unit": "percent"}
    for name, model in models.items():
        averages = normalize(model, sets.teaching.array, gan.value_range, options.seed)
        features, others = (
            extract(model, images.array, gan.value_range, f"{name} filters, features")
            for images in (sets.teaching, sets.scored)
        )
        measured[name] = _accuracy(sets, features, others, subsets, options.seed, name)
    measured["points_above_random"] = (
        measured["trained"]["accuracy"] - measured["random"]["accuracy"]
    )
    on_cifar = trained.tfds_name() == "cifar10" and trained.image_shape == (32, 32, 3)
    paper = PAPER if on_cifar else None
    others_figures = _comparable(paper, options.per_class)
    summary = (
        f"accuracy {_words(measured['trained'])} of trained filters, "
        f"{_words(measured['random'])} of random ones"
    )
    if others_figures:
        summary += f"; the paper: {others_figures['DCGAN (Imagenet-1k)'][0]} %"
    return Outcome(
        "features-svm",
        summary,
        _picture(measured, others_figures, sets.names),
        trained.discriminator_report(
            measured,
            paper,
            options.seed,
            f"{features.shape[1]} features: all convolutional layers after their "
            f"nonlinearity, max-pooled to {_GRID}x{_GRID}",
            averages,
            "scikit-learn's linear L2-SVM on features standardised by those it learns "
            "from",
            _labels(options.per_class, len(subsets[0])),
            f"C by a fifth of them from {len(C_VALUES)} values of logspace(-4, -2), "
            "upwards until accuracy falls",
            sets.origin,
            "random filters: the run's initial weights",
        ),
    )


def feature_model(discriminator: keras.Model) -> keras.Model:
    """Returns the model from images to the features of all convolutional layers.

    The maps of each layer, after its nonlinearity, are max-pooled to a 4x4 grid,
    concatenated and flattened: float32 [N, 16 * number of maps].

    Args:
        discriminator: as `networks.dcgan_discriminator` makes it, without classes.

    Raises:
        InputError: where there is no convolutional layer.

    Source: Radford et al. 2015, arXiv 1511.06434, section 5.1.
    """
    maps = [
        layer.output
        for layer in discriminator.layers
        if isinstance(layer, keras.layers.LeakyReLU) and layer.output.ndim == 4
    ]
    if not maps:
        raise InputError(
            "the run's discriminator has no convolutional layers, which this "
            "experiment needs. Name a run of a DCGAN recipe, such as digits."
        )
    pooled = keras.layers.Concatenate(dtype="float32")([_pooled(x) for x in maps])
    return keras.Model(
        discriminator.input, keras.layers.Flatten("channels_last")(pooled)
    )


def _pooled(maps):
    """Returns the largest values in the cells of a grid, float32.

    Equals `keras.layers.AdaptiveMaxPooling2D`, which Keras has from 3.13 on.
    """
    maps = keras.ops.cast(maps, "float32")
    for axis in (1, 2):
        size = maps.shape[axis]
        cells = [
            range(i * size // _GRID, -(-(i + 1) * size // _GRID)) for i in range(_GRID)
        ]
        maps = keras.ops.stack(
            [
                keras.ops.max(keras.ops.take(maps, list(cell), axis=axis), axis=axis)
                for cell in cells
            ],
            axis=axis,
        )
    return maps


def normalize(
    model: keras.Model, images: np.ndarray, value_range: tuple, seed: int
) -> str:
    """Sets the moving averages of batch norm to those of images, layer after layer.

    Args:
        model: its `BatchNormalization` layers change.
        images: uint8 [N, H, W, C], of which up to 10,240 are taken.
        value_range: (low, high) of the model's inputs.
        seed: decides which images, and their order.

    Returns:
        What batch norm holds, for a protocol.

    Source: Ioffe and Szegedy 2015, arXiv 1502.03167, algorithm 2.
    """
    layers = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    if not layers:
        return "no batch norm"
    rows = np.random.default_rng(seed).permutation(len(images))[:_NORMALIZED_BY]
    for i, part in enumerate(np.array_split(rows, -(-len(rows) // _BATCH))):
        for layer in layers:
            layer.momentum = i / (i + 1)  # makes the moving average a mean
        model(scaled(images[np.sort(part)], value_range), training=True)
    return f"averages of {len(rows)} training images in batch norm"


def extract(
    model: keras.Model, images: np.ndarray, value_range: tuple, description: str
) -> np.ndarray:
    """Returns features, float32 [N, D].

    Args:
        model: as `feature_model` makes it.
        images: uint8 [N, H, W, C].
        value_range: (low, high) of the model's inputs.
        description: of the progress bar.
    """
    features = np.empty((len(images), model.output.shape[1]), "float32")
    bar = tqdm(
        range(0, len(images), _BATCH), description, unit=" batches", disable=None
    )
    for start in bar:
        rows = slice(start, start + _BATCH)
        features[rows] = model(scaled(images[rows], value_range), training=False)
    return features


def svm(c: float, seed: int) -> Pipeline:
    """Returns an untrained linear L2-SVM (squared hinge) on standardised features."""
    # The solver and the tolerance that LIBLINEAR takes itself: on 4,000 CIFAR-10 images
    # five times as fast as the primal solver, for the same accuracy.
    classifier = LinearSVC(C=c, dual=True, tol=0.1, random_state=seed)
    return make_pipeline(StandardScaler(), classifier)


def choose_c(
    features: np.ndarray,
    labels: np.ndarray,
    seed: int,
    fitted: Callable[[], object] | None = None,
) -> tuple[float, dict[float, float]]:
    """Returns the C with the best accuracy on a fifth of the labels.

    From the least up, until the accuracy falls: a large C takes longest to fit.

    Args:
        features: float [N, D].
        labels: int [N], at least five of each class.
        seed: decides that fifth.
        fitted: called after each C.

    Returns:
        C, and the accuracy in percent of each that was tried.
    """
    learned, validation = train_test_split(
        np.arange(len(labels)),
        test_size=_VALIDATION,
        stratify=labels,
        random_state=seed,
    )
    accuracies = {}
    for c in C_VALUES:
        model = svm(c, seed).fit(features[learned], labels[learned])
        accuracies[c] = 100 * model.score(features[validation], labels[validation])
        if fitted:
            fitted()
        if accuracies[c] < max(accuracies.values()):
            break
    return max(accuracies, key=accuracies.__getitem__), accuracies


def _accuracy(sets, features, others, subsets, seed, name):
    """Returns accuracies, their spread and how C was chosen, over all subsets."""
    labels, predicted, chosen = sets.teaching.labels, [], []
    with tqdm(desc=f"{name} filters", unit=" SVMs", disable=None) as bar:
        for rows in subsets:
            c, accuracies = choose_c(features[rows], labels[rows], seed, bar.update)
            model = svm(c, seed).fit(features[rows], labels[rows])
            predicted.append(model.predict(others))
            bar.update()
            chosen.append(
                {
                    "C": c,
                    "accuracy_by_C": {f"{c:.1e}": a for c, a in accuracies.items()},
                }
            )
    truth = sets.scored.labels
    result = labelled.scores(
        np.tile(truth, len(subsets)), np.concatenate(predicted), sets.names
    )
    if len(subsets) > 1:
        each = [100 * np.mean(truth == p) for p in predicted]
        del result["standard_error"]  # the same images were scored each time
        result |= {"standard_deviation": np.std(each, ddof=1), "accuracies": each}
    return {**result, "validation": chosen}


def _subsets(sets, per_class, seed):
    """Returns rows of the labels to learn from: all, or some of each class anew."""
    labels, least = sets.teaching.labels, per_class or _LEAST
    classes, counts = np.unique(labels, return_counts=True)
    if len(classes) < 2 or counts.min() < least:
        fewest = sets.names[classes[counts.argmin()]]
        raise InputError(
            f"there are {len(classes)} classes with labels to learn from, and "
            f"{counts.min()} of class {fewest}. At least 2 classes with {least} labels "
            "each are needed: "
            f"{'lower --per-class, or ' if per_class else ''}"
            "train a run on more labelled images."
        )
    if per_class is None:
        return [np.arange(len(labels))]
    rng = np.random.default_rng(seed)

    def some(label):
        return rng.choice(np.flatnonzero(labels == label), per_class, replace=False)

    return [np.concatenate([some(x) for x in classes]) for _ in range(_SUBSETS)]


def _labels(per_class, count):
    if per_class is None:
        return f"all {count} labels, ± binomial standard error"
    return (
        f"{per_class} labels of each class, mean ± standard deviation over {_SUBSETS} "
        "random subsets"
    )


def _spread(result):
    return result.get("standard_deviation", result.get("standard_error"))


def _words(result):
    return f"{result['accuracy']:.2f} ± {_spread(result):.2f} %"


def _comparable(paper, per_class):
    """Returns the paper's accuracies with as many labels, each with its spread."""
    if paper is None or per_class not in (None, 400):
        return {}
    if per_class:
        return paper["400_per_class"]
    return {name: (accuracy, 0) for name, accuracy in paper["all_labels"].items()}


@plain_style()
def _picture(measured, others, names):
    """Draws accuracies as bars, beside the confusions of the trained filters."""
    ours = {
        f"{name} filters": (measured[name]["accuracy"], _spread(measured[name]))
        for name in ("trained", "random")
    }
    figure = Figure((12, 5.5), layout="constrained")
    bars, matrix = figure.subplots(1, 2)
    rows = {**ours, **others}
    values, errors = zip(*rows.values(), strict=True)
    drawn = bars.barh(
        list(rows),
        values,
        xerr=errors,
        color=["C0", "C1"] + ["0.7"] * len(others),
        capsize=3,
    )
    bars.bar_label(drawn, [f"{value:.1f}" for value in values], padding=6)
    bars.invert_yaxis()
    bars.set(
        xlim=(0, 100), xlabel="accuracy in percent", title="linear SVM on features"
    )
    confusion = np.array(measured["trained"]["confusion"], "float64")
    share = 100 * confusion / confusion.sum(axis=1, keepdims=True).clip(1)
    image = matrix.imshow(share, cmap="Blues", vmin=0, vmax=100)
    ticks = range(len(names))
    matrix.set_xticks(ticks, names, rotation=90)
    matrix.set_yticks(ticks, names)
    matrix.set(xlabel="predicted", ylabel="class", title="trained filters")
    figure.colorbar(image, ax=matrix, label="percent of the class")
    return pictures.rendered(figure)
