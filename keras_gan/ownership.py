"""Whether the files that a training finds are its own or those of another training.

Files belong to a model's training if the model was restored from a checkpoint, or if
the same model object wrote them. All others belong to another training, and must be
neither continued nor lost.
"""

import os
import weakref

import keras

_restored: weakref.WeakSet = weakref.WeakSet()
_written: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def mark_restored(model: keras.Model) -> None:
    """Notes that a model continues the training of a checkpoint."""
    _restored.add(model)


def is_own(model: keras.Model, path: str | os.PathLike) -> bool:
    """Returns whether the file or folder at a path belongs to a model's training.

    After this call it does.

    Args:
        model: `GAN` that is trained.
        path: file or folder that its training writes.
    """
    paths = _written.setdefault(model, set())
    path = os.path.abspath(path)
    own = model in _restored or path in paths
    paths.add(path)
    return own
