"""Images from TensorFlow Datasets."""

import contextlib
import dataclasses
import difflib
import logging
import re

import numpy as np
from tqdm import tqdm

from keras_gan.datasets import arrays, conversion, storage
from keras_gan.datasets.conversion import Form
from keras_gan.datasets.images import Images
from keras_gan.errors import InputError, first_line_of

# NAME is "mnist", "group/config" or, with a version, "mnist:3.0.1"; a split may hold
# colons of its own, as in "train[:1000]".
PATTERN = re.compile(r"(?P<name>[^:]+(:[\d*]+\.[\d*]+\.[\d*]+)?)(:(?P<split>.+))?")
BLOCK = 256  # images of a fixed shape read at a time


def read(argument: str, form: Form, data_dir: str | None) -> Images:
    """Read one split of a set, and download the set first if it is not there yet.

    The images are the feature "image", or else the only Image feature; the labels are
    the feature "label" if it is a ClassLabel or an integer.

    Args:
        argument: "NAME" for the split train, or "NAME:SPLIT" with a split in the
            syntax of TensorFlow Datasets, such as "mnist:train[:1000]".
        form: what the images become.
        data_dir: folder of the prepared sets; None for ~/tensorflow_datasets.

    Returns:
        The images in the order of the files, with labels if the set has them.

    Raises:
        InputError: if the set or split does not exist, cannot be downloaded or
            does not hold images.
    """
    try:
        import tensorflow_datasets as tfds  # takes seconds; most runs do not need it

        _ = tfds.builder  # imports the rest of the package, which may fail
    except Exception as error:  # protobuf's error is not an ImportError
        raise InputError(
            f"TensorFlow Datasets cannot be imported ({first_line_of(error)}). If "
            "protobuf is older than 6, run: pip install 'tensorflow-metadata<1.18'"
        ) from error

    match = PATTERN.fullmatch(argument)
    if not match:
        raise InputError(f"'tfds:{argument}' does not have the form tfds:NAME[:SPLIT].")
    name, split = match["name"], match["split"] or "train"
    builder = _prepared(tfds, name, data_dir)
    image_key, label_key = _feature_keys(
        tfds, dict(builder.info.features.items()), name
    )
    try:
        count = builder.info.splits[split].num_examples
    except (KeyError, ValueError) as error:
        raise InputError(
            f"Set {name!r} of TensorFlow Datasets has no split {split!r}. Use one of: "
            f"{', '.join(builder.info.splits)}."
        ) from error
    if not count:
        raise InputError(f"Split {split!r} of tfds:{name} holds no image.")

    feature = builder.info.features[image_key]
    *own_size, own_channels = feature.shape
    if form.size is None and None in own_size:
        raise InputError(f"Images of tfds:{name} differ in size. Give image_size.")
    deep = feature.np_dtype != np.uint8
    if deep and None in feature.shape:
        raise InputError(
            f"Images of tfds:{name} are {np.dtype(feature.np_dtype)} and differ in "
            "shape. Use a set of uint8 images, or of images of one shape."
        )
    size = form.size or tuple(own_size)
    channels = form.channels or own_channels or 3
    form = dataclasses.replace(form, size=size, channels=channels)

    keys = {key: True for key in (image_key, label_key) if key}
    with _without_advice():
        examples = builder.as_dataset(
            split=split,
            batch_size=1 if None in own_size else BLOCK,
            shuffle_files=False,
            decoders=tfds.decode.PartialDecoding(keys),
            read_config=tfds.ReadConfig(try_autocache=False),
        )
    array = storage.allocate((count, *size, channels))
    raw = []  # images that wait until the range of all of them is known
    labels = np.zeros(count, np.int64) if label_key else None
    done = 0
    with tqdm(desc=f"tfds:{name}", total=count, unit=" images", disable=None) as bar:
        for block in tfds.as_numpy(examples):
            rows = slice(done, done + len(block[image_key]))
            if deep:
                raw.append(block[image_key])
            else:
                array[rows] = conversion.resize_arrays(block[image_key], form)
            if labels is not None:
                labels[rows] = block[label_key]
            done = rows.stop
            bar.update(rows.stop - rows.start)

    unlabelled = names = None
    if labels is None:
        unlabelled = f"tfds:{name} has no whole number named label"
    elif labels.min() < 0:  # -1 marks the hidden labels of a test split
        labels, unlabelled = None, f"split {split!r} of tfds:{name} hides its labels"
    else:
        names = getattr(builder.info.features[label_key], "names", None)
    names = names and tuple(names)
    if deep:
        images = arrays.from_arrays(np.concatenate(raw), labels, form, names)
        return dataclasses.replace(images, unlabelled=unlabelled)
    return Images(array, labels, names, unlabelled=unlabelled)


@contextlib.contextmanager
def _without_advice():
    """Hides deprecation warnings about code inside TensorFlow Datasets."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def close_name(name: str) -> str | None:
    """Return the set of TensorFlow Datasets with the closest name, or None."""
    import tensorflow_datasets as tfds

    names = tfds.list_builders(with_community_datasets=False)
    close = difflib.get_close_matches(
        name.lower().replace("-", "_"), names, n=1, cutoff=0.8
    )
    return close[0] if close else None


def _prepared(tfds, name, data_dir):
    where = data_dir or "~/tensorflow_datasets"
    try:
        builder = tfds.builder(name, data_dir=data_dir, try_gcs=False)
    except Exception as error:  # tfds raises many kinds, some with its whole catalogue
        close = close_name(name.partition("/")[0].partition(":")[0])
        raise InputError(
            f"TensorFlow Datasets has no set {name!r}, neither in its catalogue "
            f"(https://www.tensorflow.org/datasets/catalog) nor in {where}."
            + (f" Did you mean tfds:{close}?" if close and close != name else "")
        ) from error
    try:
        builder.download_and_prepare()
    except Exception as error:
        reason = (str(error).splitlines() or [""])[0]
        raise InputError(
            f"Set {name!r} of TensorFlow Datasets is not in {where} and cannot be "
            f"downloaded ({type(error).__name__}: {reason[:200]}). Prepare it on a "
            f"machine with a network and give its folder as data_dir."
        ) from error
    return builder


def _feature_keys(tfds, features, name):
    """Return the key of the images, and the key of the labels or None."""
    images = [k for k, v in features.items() if isinstance(v, tfds.features.Image)]
    if "image" not in images and len(images) != 1:
        raise InputError(
            f"Set {name!r} of TensorFlow Datasets has the features "
            f"{', '.join(features)}. Use a set with a feature 'image' or exactly one "
            "Image feature."
        )
    image_key = "image" if "image" in images else images[0]
    label = features.get("label")
    is_class = label is not None and not label.shape and label.np_dtype == np.int64
    return image_key, "label" if is_class else None
