"""What a GAN inherits from `keras.Model` and cannot mean: one sentence for each."""

import json
import pathlib
import zipfile

import h5py
import keras

from keras_gan.errors import InputError

_EVALUATE = (
    "measure the images with the callback keras_gan.callbacks.Evaluate, or a run with "
    "python -m keras_gan.evaluate"
)
_IMAGES = "generate(count) makes images, and render(latent) those of given vectors"
_LOSSES = "the two players have losses of their own, which compile's objective names"
_LEARNING_RATE = (
    "give each optimizer of compile a keras.optimizers.schedules schedule as its "
    "learning rate"
)
COMPILE_WITHOUT_EFFECT = {
    *("loss", "loss_weights", "metrics", "weighted_metrics", "auto_scale_loss"),
}
# Arguments of fit and train_on_batch, and what to do without them.
_WITHOUT_EFFECT = {
    "sample_weight": "leave images out, or repeat them, to weight them",
    "class_weight": "repeat the images of a class to weight it",
    **dict.fromkeys(
        (
            *("validation_data", "validation_split", "validation_steps"),
            *("validation_batch_size", "validation_freq"),
        ),
        _EVALUATE,
    ),
}
# Callbacks of Keras that look for what a GAN does not have, and what to use.
_OTHER_CALLBACKS = {
    keras.callbacks.LearningRateScheduler: _LEARNING_RATE,
    keras.callbacks.ReduceLROnPlateau: _LEARNING_RATE,
    keras.callbacks.SwapEMAWeights: "compile with generator_average=0.999, say",
    keras.callbacks.TerminateOnNaN: "use keras_gan.callbacks.DivergenceGuard",
}


def _refusing(method, instead):
    def refuse(self, *args, **kwargs):
        raise InputError(f"a GAN has no {method}; {instead}.")

    refuse.__name__ = method
    refuse.__doc__ = f"Is not available: {instead}."
    return refuse


class TrainsByItself(keras.Model):
    """A model whose `fit` plays a game of its own, without targets and one loss."""

    evaluate = _refusing("evaluate", _EVALUATE)
    test_step = _refusing("test_step", _EVALUATE)
    test_on_batch = _refusing("test_on_batch", _EVALUATE)
    compute_loss = _refusing("compute_loss", _LOSSES)
    compute_metrics = _refusing("compute_metrics", _LOSSES)
    stateless_compute_loss = _refusing("stateless_compute_loss", _LOSSES)
    compiled_loss = _refusing("compiled_loss", _LOSSES)
    quantize = _refusing(
        "quantize", "export it in half precision: python -m export --help says how"
    )
    export = _refusing(
        "export",
        "python -m export writes and checks SavedModel, ONNX and LiteRT files of its "
        "generator",
    )

    def predict(self, x, *args, **kwargs):
        """Returns the generator's output as `keras.Model.predict` does.

        Args:
            x: latent vectors [count, latent_dim], or `[latent, label]`.

        Raises:
            InputError: for an array of anything else, such as images.
        """
        self._require_latent(x)
        return super().predict(x, *args, **kwargs)

    def predict_on_batch(self, x):
        """Returns the generator's output for one batch; see `predict`."""
        self._require_latent(x)
        return super().predict_on_batch(x)

    def _require_latent(self, x):
        parts = list(x) if isinstance(x, list | tuple) else [x]
        shape = getattr(parts[0], "shape", None)
        if shape is not None and tuple(shape[1:]) != (self.latent_dim,):
            raise InputError(
                f"predict was given the shape {tuple(shape)}; it takes latent vectors "
                f"(count, {self.latent_dim}). {_IMAGES[0].upper()}{_IMAGES[1:]}."
            )

    def save(self, filepath, *args, **kwargs):
        """Writes the model as `keras.Model.save` does, to a file `NAME.keras`.

        Raises:
            InputError: for a file of another format.
        """
        zipped = kwargs.get("zipped", True) is not False
        if zipped and not str(filepath).endswith((".keras", ".keras.part")):
            raise InputError(
                f"the file is {filepath}; save writes NAME.keras, save_weights writes "
                "NAME.weights.h5, and python -m export writes files to serve."
            )
        return super().save(filepath, *args, **kwargs)


def saved_average(path) -> bool | None:
    """Returns whether a file of weights holds an average of the generator.

    Args:
        path: `.weights.h5`, `.keras`, or `.weights.json` of several files.

    Returns:
        None where it cannot be told; Keras says why it cannot read such a file.
    """
    try:
        if str(path).endswith(".json"):
            names = json.loads(pathlib.Path(path).read_bytes())["weight_map"]
            return any("averaged_generator/" in name for name in names)
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                config = json.loads(archive.read("config.json"))["config"]
                return bool(config["averaged"])
        with h5py.File(path) as file:
            return "averaged_generator" in file
    except (OSError, KeyError, TypeError, ValueError):
        return None


def refuse_without_effect(method: str, given: dict) -> None:
    """Checks the arguments of a method for those that would change nothing.

    Raises:
        InputError: where one is given.
    """
    for name, instead in _WITHOUT_EFFECT.items():
        value = given.get(name)
        default = {"validation_split": 0, "validation_freq": 1}.get(name)
        if value is not None and (default is None or value != default):
            raise InputError(
                f"{method} was given {name}, and a GAN makes nothing of it; {instead}."
            )


def _single(callbacks):
    """Yields the callbacks of nested lists, and those that callbacks hold."""
    for callback in keras.tree.flatten(callbacks):
        held = getattr(callback, "callbacks", None)
        if held is None:
            yield callback
        else:
            yield from _single(held)


def checked_callbacks(callbacks, model) -> list:
    """Returns the callbacks of `fit` as a list.

    Args:
        callbacks: as `fit` takes them.
        model: that they are for.

    Raises:
        InputError: if one of them, or one that `Failsafe` or a list holds, looks for
            what a GAN does not have.
    """
    if callbacks is None:
        callbacks = []
    elif isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks = callbacks.callbacks
    elif isinstance(callbacks, keras.callbacks.Callback):
        callbacks = [callbacks]
    single = list(_single(callbacks))
    names = [metric.name for metric in model.metrics]
    # They may bring measures of their own.
    others = [c for c in single if not type(c).__module__.startswith("keras.")]
    for callback in single:
        name = type(callback).__name__
        for kind, instead in _OTHER_CALLBACKS.items():
            if isinstance(callback, kind):
                raise InputError(f"a GAN cannot use {name}; {instead}.")
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
        unknown = callback.monitor not in names and not others
        unknown = unknown or callback.monitor.startswith("val_")
        if unknown or callback.mode == "auto":
            raise InputError(
                f"{name} watches {callback.monitor!r} with the mode {callback.mode!r}; "
                f"name one of {', '.join(names)}, or a measure of the callback "
                "Evaluate, and the mode min or max."
            )
    return list(callbacks)
