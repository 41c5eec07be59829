"""What a model inherits from `keras.Model` and cannot mean: one sentence for each."""

from collections.abc import Callable
from typing import Any, NoReturn

import keras

from keras_gan.errors import InputError

EVALUATE = (
    "measure the images with the callback keras_gan.callbacks.Evaluate, or a run with "
    "python -m keras_gan.evaluate"
)
LOSSES = "its train_step computes every loss, and compile says which"
EXPORT = "python -m export writes and checks SavedModel, ONNX and LiteRT files"
QUANTIZE = "export it in half precision: python -m export --help says how"
COMPILE_OPTIONS = ("jit_compile", "steps_per_execution", "run_eagerly")
_LEARNING_RATE = (
    "give each optimizer of compile a keras.optimizers.schedules schedule as its "
    "learning rate"
)
COMPILE_WITHOUT_EFFECT = {
    *("loss", "loss_weights", "metrics", "weighted_metrics", "auto_scale_loss"),
}
# Arguments of fit and others, and what to do without them.
_WITHOUT_EFFECT = {
    "sample_weight": "leave images out, or repeat them, to weight them",
    "class_weight": "repeat the images of a class to weight it",
}
# Callbacks of Keras that look for what a model does not have, and what to use.
_OTHER_CALLBACKS = {
    keras.callbacks.LearningRateScheduler: _LEARNING_RATE,
    keras.callbacks.ReduceLROnPlateau: _LEARNING_RATE,
    keras.callbacks.SwapEMAWeights: (
        "compile with an average of the weights, such as generator_average=0.999"
    ),
    keras.callbacks.TerminateOnNaN: "use keras_gan.callbacks.DivergenceGuard",
}


def refusing(method: str, instead: str) -> Callable[..., NoReturn]:
    """Returns a method that raises InputError and says what to use instead."""

    def refuse(self, *args, **kwargs):
        raise InputError(f"{type(self).__name__} has no {method}; {instead}.")

    refuse.__name__ = method
    refuse.__doc__ = f"Is not available: {instead}."
    return refuse


def refuse_without_effect(model: keras.Model, method: str, given: dict) -> None:
    """Checks the arguments of a method for those that would change nothing.

    Raises:
        InputError: if one is given.
    """
    for name, instead in _WITHOUT_EFFECT.items():
        if given.get(name) is not None:
            raise InputError(
                f"{method} was given {name}, and {type(model).__name__} makes nothing "
                f"of it; {instead}."
            )


def _single(callbacks):
    """Yields the callbacks of nested lists, and those that callbacks hold."""
    for callback in keras.tree.flatten(callbacks):
        held = getattr(callback, "callbacks", None)
        if held is None:
            yield callback
        else:
            yield from _single(held)


def checked_callbacks(
    callbacks: Any, model: keras.Model, validated: bool = False
) -> list:
    """Returns the callbacks of `fit` as a list.

    Args:
        callbacks: as `fit` takes them.
        model: that they are for.
        validated: whether `fit` was given held-out data.

    Raises:
        InputError: if one of them, or one that `Failsafe` or a list holds, looks for
            what the model does not have.
    """
    if callbacks is None:
        callbacks = []
    elif isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks = callbacks.callbacks
    elif isinstance(callbacks, keras.callbacks.Callback):
        callbacks = [callbacks]
    single = list(_single(callbacks))
    names = [metric.name for metric in model.metrics]
    if validated:
        names += [f"val_{name}" for name in names]
    # They may bring measures of their own.
    others = [c for c in single if not type(c).__module__.startswith("keras.")]
    for callback in single:
        name = type(callback).__name__
        for kind, instead in _OTHER_CALLBACKS.items():
            if isinstance(callback, kind):
                raise InputError(
                    f"{type(model).__name__} cannot use {name}; {instead}."
                )
        if isinstance(callback, keras.callbacks.ModelCheckpoint):
            if callback.filepath.endswith(".h5") and not callback.save_weights_only:
                raise InputError(
                    f"{name} would write {callback.filepath}; give it a path that ends "
                    "in .keras."
                )
            if not callback.save_best_only:
                continue
        elif not isinstance(callback, keras.callbacks.EarlyStopping):
            continue
        own = not others or callback.monitor.startswith("val_")
        if (own and callback.monitor not in names) or callback.mode == "auto":
            raise InputError(
                f"{name} watches {callback.monitor!r} with the mode {callback.mode!r}; "
                f"name one of {', '.join(names)}, or a measure of the callback "
                "Evaluate, and the mode min or max; val_... needs validation_data."
            )
    return list(callbacks)
