"""What takes data, `fit`, `evaluate` and others, and looks at it before it does."""

import inspect
from collections.abc import Mapping
from typing import Any

import keras

from keras_gan.errors import InputError
from keras_gan.models import fit_data, inherited
from keras_gan.models.elements import ImageElement


class CheckedData(keras.Model):
    """The part of `GenerativeModel` that takes data, and says what is wrong with it.

    Example:

    ```python
    from keras_gan import InputError

    try:
        gan.fit(np.full((4, 8, 8, 1), 255.0, "float32"), verbose=0)
    except InputError as error:
        print(error)  # the networks take [-1, 1]
    ```
    """

    def fit(
        self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any
    ) -> keras.callbacks.History:
        """Trains as `keras.Model.fit` does, after a look at the data.

        It looks at all of an array, and at the first batch of anything else. Later
        batches are watched while they train, and a fault is reported at the end of its
        epoch, or before a checkpoint.

        Args:
            x: the first of `elements`, or batches of all: an array, a
                `tf.data.Dataset`, a `keras.utils.PyDataset` or a generator. The
                attribute `value_range` of a data set says to what range its images were
                scaled; one of `keras_gan.datasets` has it, and any other may be given
                it. The look begins the data set once more than training does. A
                `tf.data.Dataset.from_generator` over what can be read only once loses
                a batch by that: give the generator itself.
            y: the second element, if `x` is an array and the model has one.
            *args, **kwargs: of `keras.Model.fit`. `validation_data` and
                `validation_split` put the numbers of `evaluate` into the history and
                the logs of callbacks, as `val_...`. Those without an effect, such as
                `class_weight`, are refused.

        Raises:
            InputError: for data that the networks do not take: another shape, dtype or
                range, NaN, other elements.
        """
        self._assert_compile_called("fit")
        signature = inspect.signature(keras.Model.fit)
        given = signature.bind(self, x, y, *args, **kwargs).arguments
        given.pop("self")
        inherited.refuse_without_effect(self, "fit", given)
        fit_data.split_validation(given)
        x, y = given.get("x"), given.get("y")
        validated = given.get("validation_data") is not None
        if validated:
            self._require_test_step()
            self._look(*fit_data.unpacked(given["validation_data"]))
        callbacks = inherited.checked_callbacks(given.get("callbacks"), self, validated)
        given["x"], batches, sizes = self._look(
            x, y, given.get("batch_size"), given.get("steps_per_epoch")
        )
        for parts in batches:
            self._check_updates(parts)
        self._check_split(sizes)
        replicas = self.distribute_strategy.num_replicas_in_sync
        if replicas > 1:
            if given.get("steps_per_epoch") is None and fit_data.ends_unforeseen(
                given["x"]
            ):
                raise InputError(
                    f"the data does not say how many batches it has, and {replicas} "
                    "replicas cannot tell where it ends; give fit steps_per_epoch."
                )
            given["x"] = fit_data.in_own_memory(given["x"])
        # Keras warns of data that it cannot shuffle.
        if not (fit_data.is_array(x) or isinstance(x, keras.utils.PyDataset)):
            given.setdefault("shuffle", False)
        self._watch.clear()
        self._forget_sums()
        # Last, so that a DivergenceGuard may go back past a faulty batch.
        given["callbacks"] = [*callbacks, _ReportFaultyData()]
        return super().fit(**given)

    def train_on_batch(self, x: Any, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Trains one step as `keras.Model.train_on_batch` does.

        Raises:
            InputError: as `fit`; but images in the upper half of the range are taken
                as such.
        """
        self._assert_compile_called("train_on_batch")
        signature = inspect.signature(keras.Model.train_on_batch)
        given = signature.bind(self, x, y, *args, **kwargs).arguments
        inherited.refuse_without_effect(self, "train_on_batch", given)
        parts = self._parts((x, y))
        self.check_batch(*parts, scaled_to=self.value_ranges())
        self._check_updates(parts)
        return super().train_on_batch(x, y, *args, **kwargs)

    def evaluate(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Measures held-out data as `keras.Model.evaluate` does; no weight changes.

        Args:
            x, y: as `fit`; any number of rows.
            *args, **kwargs: of `keras.Model.evaluate`, such as `return_dict=True`.

        Returns:
            Means over all rows of the numbers in `reported`, in their order; with
            `return_dict` by their names.

        Raises:
            InputError: as `fit`, and if the model has no `test_step`.
        """
        self._assert_compile_called("evaluate")
        signature = inspect.signature(keras.Model.evaluate)
        given = signature.bind(self, x, y, *args, **kwargs).arguments
        given.pop("self")
        given |= given.pop("kwargs", {})
        inherited.refuse_without_effect(self, "evaluate", given)
        # In the validation of `fit` Keras has read the data already.
        if not given.get("_use_cached_eval_dataset"):
            self._require_test_step()
            given["x"], _, _ = self._look(
                x, y, given.get("batch_size"), given.get("steps")
            )
        with self._evaluation():
            return super().evaluate(**given)

    def test_on_batch(self, x: Any, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Measures one batch as `keras.Model.test_on_batch` does; see `evaluate`."""
        self._assert_compile_called("test_on_batch")
        signature = inspect.signature(keras.Model.test_on_batch)
        given = signature.bind(self, x, y, *args, **kwargs).arguments
        inherited.refuse_without_effect(self, "test_on_batch", given)
        self._require_test_step()
        self.check_batch(*self._parts((x, y)), scaled_to=self.value_ranges())
        with self._evaluation():
            self.reset_metrics()  # Keras 3.12 goes on with those of `evaluate`
            return super().test_on_batch(x, y, *args, **kwargs)

    def value_ranges(self) -> dict[str, tuple[float, float]]:
        """Returns name -> (low, high) of the elements whose values have bounds."""
        return {
            name: (element.pixels.low, element.pixels.high)
            for name, element in self.elements.items()
            if isinstance(element, ImageElement) and element.pixels is not None
        }

    def _look(self, x, y=None, batch_size=None, steps=None):
        """Returns what `fit_data.look` does, once the batches it saw are checked."""
        data, batches, sizes = fit_data.look(x, y, batch_size, steps)
        batches = [self._parts(batch) for batch in batches]
        for parts in batches:
            self.check_batch(*parts, scaled_to=self._stated_ranges(x))
        return data, batches, sizes

    def check_batch(self, *parts: Any, scaled_to: Mapping | None = None) -> None:
        """Raises InputError if the model does not take the values of a batch.

        Args:
            *parts: one for each of `elements`.
            scaled_to: name of an element -> (low, high) to which the data says that it
                was scaled. None is no word of any.
        """
        rows = [len(part) for part in parts]
        if not min(rows):
            raise InputError("the first batch holds 0 rows; it must hold at least 1.")
        if len(set(rows)) > 1:
            counts = ", ".join(map(str, rows))
            raise InputError(
                f"a batch holds {counts} rows of {', '.join(self.elements)}; it must "
                "hold as many of each."
            )
        for (name, element), part in zip(self.elements.items(), parts, strict=True):
            element.check(name, part, (scaled_to or {}).get(name))

    def _parts(self, data):
        """Returns the elements of a batch in their order.

        Raises:
            InputError: for other elements, dtypes or shapes.
        """
        parts = list(data) if isinstance(data, list | tuple) else [data]
        while len(parts) > 1 and parts[-1] is None:
            parts.pop()
        names = [*self.elements]
        if len(parts) != len(names):
            hint = f" {self.elements_hint}" if self.elements_hint else ""
            raise InputError(
                f"{type(self).__name__} takes {' and '.join(names)}, and no sample "
                f"weights; the number of elements in a batch is {len(parts)}.{hint}"
            )
        for (name, element), part in zip(self.elements.items(), parts, strict=True):
            if isinstance(part, dict | list | tuple):
                raise InputError(
                    f"the {name} of a batch is a {type(part).__name__}; it must be one "
                    "array."
                )
            element.check_kind(name, part)
        return parts

    def _check_updates(self, parts):
        if len(parts[0]) < self.updates_per_step:
            raise InputError(
                f"the first batch holds {len(parts[0])} rows. A step needs at least "
                f"{self.updates_per_step}, one for each update."
            )

    def _stated_ranges(self, data):
        """Returns name -> (low, high) as the data says that it was scaled, or {}."""
        stated = fit_data.known_range(data)
        if stated is None or isinstance(stated, dict):
            return stated or {}
        return {next(iter(self.elements)): stated}

    def _check_split(self, sizes):
        replicas = self.distribute_strategy.num_replicas_in_sync
        parts = replicas * self.updates_per_step
        for size in sizes:
            if replicas > 1 and (size is None or size % parts):
                raise InputError(
                    f"a batch holds {size or 'any number of'} rows; with {replicas} "
                    f"replicas each must hold a multiple of {parts}, the last one too "
                    "(drop_remainder=True)."
                )

    def _maybe_symbolic_build(self, *args, **kwargs):
        # All networks are built. Keras would take a batch off the data to see what to
        # build, and fails at that if data has labels and several workers (3.15.1).
        pass


class _ReportFaultyData(keras.callbacks.Callback):
    """Ends training after an epoch in which a batch was not what the model takes."""

    def on_epoch_end(self, epoch, logs=None):
        self.model._watch.require_sound()
