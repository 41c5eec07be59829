"""The checkpoints of a model: files that hold everything that training depends on."""

import contextlib
import os
import pathlib
import shutil
import warnings
import weakref
from collections import Counter

import keras
import numpy as np
import tensorflow as tf

from keras_gan.errors import InputError, first_line_of
from keras_gan.files import without_pattern, write_atomically
from keras_gan.models import averaging
from keras_gan.ownership import mark_restored

# For each model and folder: the steps of checkpoints that the model saved or that were
# there when it was restored, and whether each can be read.
_known: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def steps_taken(model: keras.Model) -> int:
    """Returns how many steps a model has taken."""
    # `convert_to_numpy` also works under a strategy, where the variable has copies.
    return int(keras.ops.convert_to_numpy(model.step))


def steps_in(directory: str | os.PathLike) -> list[int]:
    """Returns the steps of the checkpoints in a folder, in ascending order."""
    found = pathlib.Path(directory).glob("ckpt-*.index")
    return sorted(int(path.stem[5:]) for path in found if path.stem[5:].isdigit())


class CheckpointFolder:
    """The checkpoints of a compiled `GAN` in a folder, each named after its step.

    The files in the folder decide which checkpoints exist. The state file of
    tf.train.CheckpointManager is not used: it forgets all checkpoints if the clock was
    set back, and a truncated one cannot be read.

    Args:
        model: `GAN`, compiled.
        directory: folder of the checkpoints.
        extra_variables: further `tf.Variable` objects, by name, to save with it.
        keep: how many checkpoints stay; None keeps all.

    Example:

    ```python
    from keras_gan.checkpoints import CheckpointFolder

    folder = CheckpointFolder(gan, "checkpoints", keep=2)
    folder.save(int(gan.step))
    assert folder.steps() == [int(gan.step)]
    print(folder.restore_newest())
    ```
    """

    def __init__(
        self,
        model: keras.Model,
        directory: str | os.PathLike,
        extra_variables: dict | None = None,
        keep: int | None = None,
    ):
        self._model = model
        self._directory = pathlib.Path(directory)
        self._checkpoint = tf.train.Checkpoint(
            **model.training_state(), **(extra_variables or {})
        )
        self._keep = keep

    def steps(self) -> list[int]:
        """Returns the steps of the checkpoints, in ascending order."""
        return steps_in(self._directory)

    def paths(self) -> list[str]:
        """Returns the paths of the checkpoints, in ascending order of their steps."""
        return [self._path(step) for step in self.steps()]

    def _path(self, step):
        return str(self._directory / f"ckpt-{step}")

    def require_own(self) -> None:
        """Checks that the model may save here, as it continues the newest checkpoint.

        Raises:
            InputError: if there are checkpoints of another training, or the model has
                taken fewer steps than its own checkpoints.
        """
        now, steps = steps_taken(self._model), self.steps()
        known = self._known_steps()
        ahead = [step for step in steps if step > now and known.get(step, True)]
        unknown = [step for step in steps if step not in known and (step or now)]
        if not ahead and (not unknown or self._model_is(steps[-1])):
            known.update(dict.fromkeys(unknown, True))
        else:
            raise InputError(other_training(self._directory, steps, now))

    def _model_is(self, step):
        """Returns whether the model's networks and step equal those of a checkpoint."""
        state = self._model.training_state()
        with self._readable(self._path(step)) as path:
            try:
                reader = tf.train.load_checkpoint(path)
                return all(
                    np.array_equal(
                        keras.ops.convert_to_numpy(variable),
                        reader.get_tensor(f"{name}/{i}/.ATTRIBUTES/VARIABLE_VALUE"),
                    )
                    for name in ("step", *self._model.networks())
                    for i, variable in enumerate(state[name])
                )
            except Exception:  # a damaged file raises many kinds of exceptions
                return False

    def _known_steps(self):
        folders = _known.setdefault(self._model, {})
        return folders.setdefault(os.path.abspath(self._directory), {})

    def save(self, step: int) -> None:
        """Writes the checkpoint of a step, then deletes the oldest ones beyond `keep`.

        Raises:
            Diverged: if a value is not finite; nothing is written.
            OSError, tf.errors.OpError: if it cannot be written, such as on a full
                disk; earlier checkpoints stay.
        """
        self._model.require_finite()
        path = self._path(step)
        self._directory.mkdir(parents=True, exist_ok=True)
        try:
            self._checkpoint.write(path)
        except (OSError, tf.errors.OpError):
            self._drop_all_but(self.paths())
            raise
        self._known_steps()[step] = True
        earlier = [other for other in self.paths() if other != path]
        if self._keep is not None:
            earlier = earlier[len(earlier) - min(self._keep - 1, len(earlier)) :]
        kept = [*earlier, path]
        self._write_state(kept)
        self._drop_all_but(kept)

    def _write_state(self, paths):
        """Writes the file that tf.train.latest_checkpoint reads; nothing here does."""
        *_, newest = names = [pathlib.Path(path).name for path in paths]
        lines = [f'model_checkpoint_path: "{newest}"\n']
        lines += [f'all_model_checkpoint_paths: "{name}"\n' for name in names]
        write_atomically(self._directory / "checkpoint", "".join(lines))

    def _drop_all_but(self, paths):
        """Deletes other checkpoints, complete or left incomplete by a killed run."""
        kept = {pathlib.Path(path).name for path in paths}
        for file in self._directory.glob("ckpt-*"):
            if file.name.split(".")[0] in kept:
                continue
            if file.is_dir():
                shutil.rmtree(file, ignore_errors=True)
            else:
                file.unlink(missing_ok=True)

    def restore_newest(self) -> str | None:
        """Restores the model from the newest checkpoint that can be read.

        Returns:
            Path of the checkpoint, or None if there is none.

        Raises:
            InputError: if no checkpoint can be read, or the newest one that can belongs
                to another model.
        """
        problems, steps = [], self.steps()
        known = {}
        for step in reversed(steps):
            path = self._path(step)
            try:
                with self._readable(path) as readable:
                    saved = _read_all(readable)
            except Exception as error:
                problems.append(f"{path} ({first_line_of(error)})")
                warnings.warn(
                    f"checkpoint {problems[-1]} cannot be read. Trying the previous "
                    "one.",
                    stacklevel=3,
                )
                known[step] = False
                continue
            self._refuse_other(path, saved)
            try:
                # `extra_variables` may name fewer variables than the file holds.
                with self._readable(path) as readable:
                    status = self._checkpoint.read(readable).expect_partial()
                status.assert_existing_objects_matched()
            except (AssertionError, ValueError) as error:
                raise InputError(
                    f"checkpoint {path} belongs to another model: "
                    f"{first_line_of(error)}. Build and compile the model as it was "
                    "when the checkpoint was saved, or name another folder."
                ) from error
            known.update((earlier, True) for earlier in steps if earlier <= step)
            self._known_steps().update(known)
            mark_restored(self._model)
            return path
        if problems:
            raise InputError(
                f"no checkpoint in {self._directory} can be read: "
                f"{'; '.join(problems)}. Restore one from a backup, or train from the "
                "start in another folder."
            )
        return None

    def _refuse_other(self, path, saved):
        """Raises InputError if a checkpoint has more or fewer variables than the model.

        TensorFlow silently ignores saved variables that the model lacks.
        """
        state = self._model.training_state()
        has = Counter({name: len(variables) for name, variables in state.items()})
        for name in {*saved, *has}:
            if averaging.is_average(name) and (saved[name] > 0) != (has[name] > 0):
                raise InputError(
                    averaging.mismatch(f"checkpoint {path}", saved[name] > 0)
                )
        # A variable that two parts share is saved once, under one of their names.
        if sum(saved[name] for name in state) == len(
            {id(variable) for variables in state.values() for variable in variables}
        ):
            return
        other = next(name for name, count in has.items() if saved[name] != count)
        raise InputError(
            f"checkpoint {path} belongs to another model: it holds {saved[other]} "
            f"variables of {other}, but this model has {has[other]}. Build and compile "
            "the model as it was when the checkpoint was saved, or name another folder."
        )

    @contextlib.contextmanager
    def _readable(self, path):
        with without_pattern(self._directory) as folder:
            yield os.path.join(folder, pathlib.Path(path).name)


def other_training(directory: str | os.PathLike, steps: list[int], now: int) -> str:
    """Returns a message: why a model cannot save in a folder with checkpoints.

    Args:
        directory: folder of the checkpoints.
        steps: steps of the checkpoints.
        now: steps that the model has taken.
    """
    held = f"{'steps' if len(steps) > 1 else 'step'} {', '.join(map(str, steps))}"
    return (
        f"{directory} holds the state of another training ({held}), but this model has "
        f"taken {now} steps. Restore the model from it before fit to continue "
        f"(Checkpoint({str(directory)!r}).restore(model)), or name another folder."
    )


def _read_all(path):
    """Reads a whole checkpoint, which verifies its checksums.

    A damaged file raises many kinds of exceptions. `restore` raises some of them too,
    for an intact checkpoint of another model, so the file is read first.

    Returns:
        How many variables the checkpoint holds of each part of the state.
    """
    reader = tf.train.load_checkpoint(path)
    names = reader.get_variable_to_shape_map()
    for name in names:
        reader.get_tensor(name)
    return Counter(name.partition("/")[0] for name in names)


def restore_newest(
    model: keras.Model,
    directory: str | os.PathLike,
    extra_variables: dict | None = None,
) -> str | None:
    """Restores a compiled model from the newest checkpoint that can be read.

    Args:
        model: `GAN`, compiled.
        directory: folder into which `Checkpoint` wrote.
        extra_variables: further `tf.Variable` objects, by name, saved with it.

    Returns:
        Path of the checkpoint, or None if there is none.

    Raises:
        InputError: if no checkpoint can be read, or the newest one that can belongs to
            another model.
    """
    return CheckpointFolder(model, directory, extra_variables).restore_newest()
