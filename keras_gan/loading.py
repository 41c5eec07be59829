"""`keras_gan.load`: a trained model from wherever it lies."""

import os
from pathlib import Path

import keras

from keras_gan import model_files
from keras_gan.errors import InputError, first_line_of

HUB = "hf://"
# What a model needs of a repository; `assets` are those of layers that have files.
_FILES = ["config.json", "metadata.json", "*.weights.h5", "assets/*", "keras_gan.json"]


def load(path: str | os.PathLike) -> keras.Model:
    """Returns a trained model.

    Nothing in the files is run: a layer that would call a function of the file's choice
    is refused, as in `keras_gan.model_files`.

    Args:
        path: the folder of a run, of which the newest checkpoint is taken; a file
            `NAME.keras`; the folder that `python -m export --format hub` or Keras's
            `save(..., zipped=False)` wrote; or `hf://USER/NAME` for such a folder on
            the Hugging Face Hub.

    Returns:
        The model of a run compiled, any other not compiled: to train it, compile it.

    Raises:
        InputError: if there is no model, or it cannot be read or fetched.

    Example:

    ```python
    import keras_gan

    gan.save("mine.keras")
    model = keras_gan.load("mine.keras")
    assert (model.generate(4, seed=0) == gan.generate(4, seed=0)).all()
    ```
    """
    if str(path).startswith(HUB):
        path = _fetched(str(path))
    path = Path(path)
    is_file = path.suffix == ".keras" or path.is_file()
    if is_file or (path / model_files.WEIGHTS).is_file():
        return model_files.load(path)
    from keras_gan import runs  # takes a while to import

    return runs.load(path)


def _fetched(address):
    """Returns the folder of a repository's files in the cache of huggingface_hub.

    This is the call that Keras makes for such an address. It is made here because Keras
    would build the layers before their config could be looked at.
    """
    try:
        import huggingface_hub
    except ImportError:
        raise InputError(
            f"{address} is fetched by huggingface_hub, which is not installed. Run "
            "pip install '.[hub]'."
        ) from None
    try:
        return huggingface_hub.snapshot_download(
            address.removeprefix(HUB),
            allow_patterns=_FILES,
            library_name="keras",
            library_version=keras.__version__,
        )
    except Exception as error:  # of the name, the network, the account or the disk
        raise InputError(
            f"{address} cannot be fetched ({first_line_of(error)}). Give "
            "hf://USER/NAME of a model on the Hugging Face Hub; hf auth login opens "
            "private ones."
        ) from error
