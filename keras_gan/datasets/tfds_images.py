"""Images from TensorFlow Datasets."""

import re

import numpy as np
from tqdm import tqdm

from keras_gan.datasets import conversion, storage
from keras_gan.datasets.images import Images
from keras_gan.errors import InputError, first_line

# NAME is "mnist", "group/config" or, with a version, "mnist:3.0.1"; a split may hold
# colons of its own, as in "train[:1000]".
PATTERN = re.compile(r"(?P<name>[^:]+(:[\d*]+\.[\d*]+\.[\d*]+)?)(:(?P<split>.+))?")
BLOCK = 256  # images of a fixed shape read at a time


def read(
    argument: str,
    size: tuple[int, int] | None,
    channels: int | None,
    data_dir: str | None,
) -> Images:
    """Read one split of a set, which is downloaded first if need be.

    The images are the feature "image", or else the only Image feature; the labels are
    the feature "label" if it is a ClassLabel or an integer.

    Args:
        argument: "NAME" for the split train, or "NAME:SPLIT" with a split in the
            syntax of TensorFlow Datasets, such as "mnist:train[:1000]".
        size: (height, width), or None for the images' own.
        channels: 1, 3 or 4, or None for the images' own.
        data_dir: folder of the prepared sets; None for ~/tensorflow_datasets.

    Returns:
        The images in the order of the files, with labels if the set has them.

    Raises:
        InputError: if the set or split does not exist, cannot be downloaded or
            does not hold images.
    """
    try:
        import tensorflow_datasets as tfds  # takes seconds, and most runs do without

        _ = tfds.builder  # only now does it import the rest of itself
    except Exception as error:  # protobuf's is no ImportError
        raise InputError(
            f"TensorFlow Datasets cannot be imported ({first_line(error)}). If "
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
            f"Set {name!r} of TensorFlow Datasets has no split {split!r}; it has "
            f"{', '.join(builder.info.splits)}."
        ) from error
    if not count:
        raise InputError(f"Split {split!r} of tfds:{name} holds no image.")

    *own_size, own_channels = builder.info.features[image_key].shape
    if size is None and None in own_size:
        raise InputError(f"Images of tfds:{name} differ in size: image_size is needed.")
    size, channels = size or tuple(own_size), channels or own_channels or 3

    keys = {key: True for key in (image_key, label_key) if key}
    examples = builder.as_dataset(
        split=split,
        batch_size=1 if None in own_size else BLOCK,
        shuffle_files=False,
        decoders=tfds.decode.PartialDecoding(keys),
        read_config=tfds.ReadConfig(try_autocache=False),
    )
    array = storage.allocate((count, *size, channels))
    labels = np.zeros(count, np.int64) if label_key else None
    done = 0
    with tqdm(desc=f"tfds:{name}", total=count, unit=" images", disable=None) as bar:
        for block in tfds.as_numpy(examples):
            rows = slice(done, done + len(block[image_key]))
            array[rows] = conversion.fit_arrays(block[image_key], size, channels)
            if label_key:
                labels[rows] = block[label_key]
            done = rows.stop
            bar.update(rows.stop - rows.start)

    if labels is None or labels.min() < 0:  # -1 marks the hidden labels of a test split
        return Images(array)
    names = getattr(builder.info.features[label_key], "names", None)
    return Images(array, labels, names and tuple(names))


def _prepared(tfds, name, data_dir):
    where = data_dir or "~/tensorflow_datasets"
    try:
        builder = tfds.builder(name, data_dir=data_dir, try_gcs=False)
    except Exception as error:  # tfds raises many kinds, some with its whole catalogue
        raise InputError(
            f"TensorFlow Datasets has no set {name!r}, neither in its catalogue "
            f"(https://www.tensorflow.org/datasets/catalog) nor in {where}."
        ) from error
    try:
        builder.download_and_prepare()
    except Exception as error:
        reason = (str(error).splitlines() or [""])[0]
        raise InputError(
            f"Set {name!r} of TensorFlow Datasets is not in {where} and cannot be "
            f"downloaded ({type(error).__name__}: {reason[:200]}); prepare it on a "
            f"machine with a network and give its folder as data_dir."
        ) from error
    return builder


def _feature_keys(tfds, features, name):
    """Return the key of the images and that of the labels or None."""
    images = [k for k, v in features.items() if isinstance(v, tfds.features.Image)]
    if "image" not in images and len(images) != 1:
        raise InputError(
            f"Set {name!r} of TensorFlow Datasets must have a feature 'image' or one "
            f"Image feature, and has {', '.join(features)}."
        )
    image_key = "image" if "image" in images else images[0]
    if features[image_key].dtype != np.uint8:
        raise InputError(
            f"Images of tfds:{name} must be uint8, not {features[image_key].dtype}."
        )
    label = features.get("label")
    is_class = label is not None and not label.shape and label.dtype == np.int64
    return image_key, "label" if is_class else None
