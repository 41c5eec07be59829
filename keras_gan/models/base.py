"""What every model of the project needs and no paper mentions."""

import contextlib
import inspect
import os
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import keras
import numpy as np
import tensorflow as tf

from keras_gan import checks, seeding, serving
from keras_gan.errors import Diverged, InputError
from keras_gan.models import averaging, inherited, starting
from keras_gan.models.chart import Chart
from keras_gan.models.checked_data import CheckedData
from keras_gan.models.elements import BatchWatch, ImageElement, LabelElement


class GenerativeModel(CheckedData):
    """The base of all families: a family says what it trains and makes, this the rest.

    The rest is exact state, the means of an epoch, the scale of losses, seeds of draws,
    files, and in `CheckedData` what takes the data. A family gives its networks to the
    constructor, calls `set_optimizers` in `compile`, and defines what stands below
    `# Contract`. Each argument of its `compile` is also an attribute, which is how it
    is saved.

    Args:
        seed: decides all that training draws.
        **kwargs: of `keras.Model`.

    Example: a model that learns the mean image.

    ```python
    import keras
    import numpy as np
    import tensorflow as tf
    from keras_gan.models.base import GenerativeModel
    from keras_gan.models.elements import ImageElement
    from keras_gan.pixels import PixelRange


    class MeanImage(GenerativeModel):
        reported = ("loss",)
        headline = {"loss": "loss"}

        def __init__(self, shape, **kwargs):
            super().__init__(**kwargs)
            size = int(np.prod(shape))
            self.painter = keras.Sequential(
                [
                    keras.Input((1,)),
                    keras.layers.Dense(size, "tanh"),
                    keras.layers.Reshape(shape),
                ]
            )
            self.image = ImageElement(shape, PixelRange(-1, 1))

        @property
        def elements(self):
            return {"image": self.image}

        def networks(self):
            return {"painter": self.painter}

        def compile(self, optimizer="adam", **kwargs):
            super().compile(**kwargs)
            self.set_optimizers(painter_optimizer=(optimizer, [self.painter]))

        def train_step(self, data):
            image = self.seen(data)["image"]
            weights = self.painter.trainable_variables
            with tf.GradientTape() as tape:
                mean = self.painter(tf.ones([1, 1]), training=True)
                loss = tf.reduce_mean((image - mean) ** 2)
                scaled = self.scaled(loss, self.painter_optimizer)
            self.painter_optimizer.apply(tape.gradient(scaled, weights), weights)
            self.step.assign_add(1)
            return self.report({"loss": loss})

        def samples(self, count, seed=0, examples=None):
            image = self.painter(tf.ones([count, 1])).numpy()
            return {"mean": self.image.pixels.to_uint8(image)}


    model = MeanImage((8, 8, 1), seed=1)
    model.compile()
    model.fit(np.full((32, 8, 8, 1), -0.5, "float32"), epochs=2, verbose=0)
    assert model.samples(4)["mean"].shape == (4, 8, 8, 1)
    ```
    """

    # Contract ------------------------------------------------------------------

    # Names of the numbers that `train_step` reports.
    reported: tuple[str, ...] = ()
    # Those of them that say nothing about data, so that `test_step` does not.
    not_measured: tuple[str, ...] = ()
    # Label -> one of these numbers: for the progress line.
    headline: ClassVar[dict[str, str]] = {}
    # What the report says of its charts.
    charts_note = ""
    # Title of `samples` -> the element that they resemble: for diagnosis and measures.
    outputs: ClassVar[dict[str, str]] = {}
    # Names of the elements that `samples` makes pictures from, and needs rows of.
    inputs: tuple[str, ...] = ()
    # Classes of a conditional model, whose `samples` takes "label" in `examples`.
    num_classes: int | None = None
    # How pictures come about, for the protocol of a measure.
    sampling_note = ""
    # What `callbacks.Diagnosis` looks for: objects of `keras_gan.symptoms`.
    symptoms: tuple = ()
    # Samples that it looks at after each window of steps.
    diagnosed_samples: int = 64
    # What to do with data that has other elements, for the error message.
    elements_hint = ""
    # Seeds of `step_seed` in one step.
    draws_per_step = 1
    # Updates among which a step divides its batch.
    updates_per_step = 1

    @property
    def elements(self) -> dict[str, ImageElement | LabelElement]:
        """What a batch of `fit` holds, in order: name -> what it must be."""
        raise NotImplementedError

    @property
    def frozen_layers(self) -> tuple[keras.Layer, ...]:
        """Layers that do not train, so that `start_from` must fill them."""
        return ()

    @property
    def charts(self) -> tuple[Chart, ...]:
        """What the report draws of the numbers reported: each in its own chart."""
        return tuple(
            Chart(name.replace("_", " "), {name: name}) for name in self.reported
        )

    def networks(self) -> dict[str, keras.Model]:
        """Returns all networks by their names, in the order of the saved state."""
        raise NotImplementedError

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Takes one step; `fit` calls it in a graph, on each replica.

        It takes the batch from `seen`, seeds from `step_seed`, multiplies losses by
        `scaled`, counts in `step` and returns `report` of its numbers.
        """
        raise NotImplementedError

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Measures a batch of held-out data; `evaluate` calls it in a graph.

        It takes the batch from `elements_of`, seeds from `held_out_seed`, changes no
        weight and returns `report_held_out` of its numbers. A family without one
        refuses `evaluate` and the validation of `fit`.
        """
        raise InputError(
            f"{type(self).__name__} has no test_step; {inherited.EVALUATE}."
        )

    def _require_test_step(self):
        if type(self).test_step is GenerativeModel.test_step:
            self.test_step(None)  # raises

    def samples(
        self, count: int, seed: int = 0, examples: Mapping | None = None
    ) -> dict[str, np.ndarray]:
        """Returns pictures of what the model makes.

        Args:
            count: rows.
            seed: the same seed gives the same pictures.
            examples: name of an element -> `count` rows as data sets hold them, uint8
                images or labels, of all `inputs` and of others that the model uses.

        Returns:
            Title -> uint8 [count, H, W, C], in the order in which they are shown.
        """
        raise NotImplementedError

    def signatures(
        self, networks: Mapping[str, keras.Model]
    ) -> dict[str, serving.Signature]:
        """Returns what exports can ask of the model, by the functions of `serving`.

        Args:
            networks: name -> network of `networks` that computes in float32. If it has
                an average, `averaged_NAME`, this is the average.

        Returns:
            Name -> function; the main one is `serving_default`.

        Raises:
            InputError: if the family does not say it.
        """
        raise InputError(
            f"{type(self).__name__} says nothing of what its exports compute. Define "
            "signatures(networks), with a function of keras_gan.serving."
        )

    def export_facts(self) -> dict:
        """Returns what the description of an export holds besides, ready for JSON."""
        return {}

    # Construction --------------------------------------------------------------

    def __init__(self, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        if seed is not None:
            seed = checks.whole_number("seed", seed, 0)
        self._rng = seeding.generator(seed)
        self.seed = seeding.draw(self._rng) if seed is None else seed
        self.step = self.add_weight(
            (), initializer="zeros", dtype="int64", trainable=False, name="step"
        )
        self._trackers = {
            name: _MeanOverEpoch(name=name, dtype="float32") for name in self.reported
        }
        self._optimizer_names: tuple[str, ...] = ()
        self._evaluating = False
        self.built = True

    def compile(self, **kwargs: Any) -> None:
        """Prepares the model to train; a family's own `compile` calls it.

        Args:
            **kwargs: `jit_compile`, `steps_per_execution` and `run_eagerly` of
                `keras.Model.compile`.

        Raises:
            InputError: for any other.
        """
        for name in kwargs:
            if name not in inherited.COMPILE_OPTIONS:
                accepted = [*self._compile_arguments(), *inherited.COMPILE_OPTIONS]
                raise InputError(
                    f"compile was given {name}, and {type(self).__name__} makes "
                    f"nothing of it. Use one of: {', '.join(accepted)}. The callback "
                    "Evaluate measures images."
                )
        super().compile(optimizer=None, **kwargs)
        with self.distribute_strategy.scope():
            self._held_out = _HeldOut(
                [name for name in self.reported if name not in self.not_measured]
            )
        self._watch = BatchWatch(self.distribute_strategy, self.elements)
        self._finite_parts = tf.function(self._which_are_finite, autograph=False)
        self._stacked_sums = tf.function(self._stack_sums, autograph=False)
        self._sums_at_step: tuple[int, np.ndarray] | None = None
        self._compile_kwargs = kwargs

    def set_optimizers(self, **optimizers: tuple[Any, Sequence[keras.Model]]) -> None:
        """Makes optimizers attributes of the model, ready for a checkpoint.

        Args:
            **optimizers: name=(Keras optimizer or its name, list of the networks whose
                trainable variables it updates, in this order).

        Raises:
            InputError: if one object was given twice.
        """
        # Gradients of float16 activations underflow unless the loss is scaled up.
        half = any(
            layer.dtype_policy.name == "mixed_float16"
            for network in self.networks().values()
            for layer in network.layers
        )
        made = {}
        for name, (identifier, _) in optimizers.items():
            made[name] = keras.optimizers.get(identifier)
            scales = isinstance(made[name], keras.optimizers.LossScaleOptimizer)
            if half and not scales:
                made[name] = keras.optimizers.LossScaleOptimizer(made[name])
        # Each may have a wrapper of its own around the same optimizer.
        inner = {id(getattr(one, "inner_optimizer", one)) for one in made.values()}
        if len(inner) < len(made):
            raise InputError(
                f"the same optimizer object was given as {' and '.join(made)}; each "
                "needs its own."
            )
        for name, (_, networks) in optimizers.items():
            setattr(self, name, made[name])
            # Now, not at the first step, so that a checkpoint finds its variables.
            made[name].build([v for n in networks for v in n.trainable_variables])
        self._optimizer_names = tuple(made)

    def optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        """Returns the optimizers by their names; none before `compile`."""
        return {name: getattr(self, name) for name in self._optimizer_names}

    def start_from(self, other: "GenerativeModel") -> str:
        """Takes over the weights of another model of the family, before training.

        Averages, statistics of batch normalization and vectors of spectral
        normalization come with them; optimizers, steps and random draws do not. The
        images of the other model may have another size or other channels, and it may
        have other classes or none: layers are paired in their order where kernels fit.
        Columns of labels are taken over if the classes are as many. Grey and colour
        fit each other: their kernels are summed or averaged over the channels.

        Args:
            other: a trained model, such as `keras_gan.load("runs/faces")`.

        Returns:
            How many weights and layers were taken over, which layers are new, and
            whether the other model has another range of values or another prior.

        Raises:
            InputError: if this model is not compiled or has taken steps, if the other
                is of another family, or if no layer fits.
        """
        self._require_start(other)
        return "; ".join([starting.take_over(self, other), *self._unlike(other)])

    def _unlike(self, other):
        """Yields in words what numbers mean to the other model, if not the same."""
        theirs = other.elements
        for name, element in self.elements.items():
            there, here = (
                "any" if pixels is None else f"from {pixels.low:g} to {pixels.high:g}"
                for pixels in (
                    getattr(one, "pixels", None) for one in (theirs.get(name), element)
                )
            )
            if there != here:
                yield f"its {name} values are {there}, here {here}"

    def _require_start(self, other):
        if not isinstance(other, GenerativeModel):
            raise InputError(
                f"start_from was given a {type(other).__name__}. Give a trained model, "
                'such as keras_gan.load("runs/faces").'
            )
        if not self.compiled:
            raise InputError("start_from comes after compile. Compile the model first.")
        steps = int(keras.ops.convert_to_numpy(self.step))
        if steps:
            raise InputError(
                f"the model has taken {steps} steps. Call start_from on a new model, "
                "before fit."
            )
        kinds = [
            {name for name in one.networks() if not averaging.is_average(name)}
            | {name for name in one.elements if name != "label"}
            for one in (self, other)
        ]
        if kinds[0] != kinds[1]:
            mine, theirs = (type(one).__name__ for one in (self, other))
            raise InputError(
                f"a {mine} cannot start from a {theirs}: their networks or their data "
                "differ. Give a model of the same family."
            )

    # For train_step ------------------------------------------------------------

    def seen(self, data: Any) -> dict[str, tf.Tensor]:
        """Returns the elements of a batch as `elements_of`, and watches their values.

        It notes on the device whether the model takes them; `require_finite` and the
        end of the epoch raise if it does not.
        """
        batch = self.elements_of(data)
        self._watch.see(batch, self.step)
        return batch

    def elements_of(self, data: Any) -> dict[str, tf.Tensor]:
        """Returns the elements of a batch by their names, float32 or int64.

        Args:
            data: as `train_step` and `test_step` get it.

        Raises:
            InputError: for other elements, dtypes or shapes.
        """
        parts = zip(self.elements.items(), self._parts(data), strict=True)
        return {name: tf.cast(part, element.dtype) for (name, element), part in parts}

    def part(self, tensor: tf.Tensor | None, i: int) -> tf.Tensor | None:
        """Returns the part of a batch that update `i` of `updates_per_step` sees.

        Args:
            tensor: [batch, ...], or None, which has no parts.
            i: from 0.
        """
        if tensor is None or self.updates_per_step == 1:
            return tensor
        count = tf.shape(tensor)[0]
        size = tf.maximum(count // self.updates_per_step, 1)
        # Every k-th row, so that the parts of replicas, which have neighbouring pieces
        # of a batch, make up the part that one device would see.
        rows = i + self.updates_per_step * tf.range(size)
        # A last batch with fewer rows than updates shows one of them again.
        return tf.gather(tensor, tf.minimum(rows, count - 1))

    def step_seed(self, draw: int = 0) -> tf.Tensor:
        """Returns the seed of one draw of the current step, the same on all replicas.

        Args:
            draw: from 0 to `draws_per_step` - 1.

        Returns:
            int64 [2], for the functions of `keras_gan.seeding`.
        """
        index = tf.cast(self.step, "int64") * self.draws_per_step + draw
        return tf.stack([tf.constant(self.seed, "int64"), index])

    def scaled(
        self, loss: tf.Tensor, optimizer: keras.optimizers.Optimizer
    ) -> tf.Tensor:
        """Returns the loss whose gradients the optimizer is to apply."""
        # Keras optimizers add up the gradients of all replicas.
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        return optimizer.scale_loss(loss / replicas)

    def report(self, values: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Returns the means of numbers over the epoch, as `train_step` has to.

        Args:
            values: each of `reported` -> its value in this step, a scalar.
        """
        context = tf.distribute.get_replica_context()
        if context.num_replicas_in_sync > 1:
            values = context.all_reduce("MEAN", values)
        for name, value in values.items():
            self._trackers[name].update_state(value)
        return self._results(self._trackers)

    def held_out_seed(self, draw: int = 0) -> tf.Tensor:
        """Returns the seed of one draw for a batch of held-out data.

        It depends on the model's seed and on how many rows came before, so that
        `evaluate` repeats on the same data and batch size.

        Args:
            draw, returns: as `step_seed`.
        """
        rows = tf.cast(self._held_out.rows, "int64")
        # Training counts its draws from 0 up; -1 and -2 are the seeds of samples.
        index = -3 - (rows * self.draws_per_step + draw)
        return tf.stack([tf.constant(self.seed, "int64"), index])

    def report_held_out(self, values: dict[str, tf.Tensor], rows: tf.Tensor) -> dict:
        """Returns the means of numbers over all held-out rows, as `test_step` has to.

        Args:
            values: each of `reported` -> its mean over this batch, a scalar.
            rows: of the batch; a replica may have fewer than others, or none.
        """
        rows = tf.cast(rows, "float32")
        sums = {name: tf.math.multiply_no_nan(v, rows) for name, v in values.items()}
        context = tf.distribute.get_replica_context()
        if context.num_replicas_in_sync > 1:
            sums, rows = context.all_reduce("SUM", (sums, rows))
        trackers = self._held_out.trackers
        for name, total in sums.items():
            mean = tf.math.divide_no_nan(total, rows)
            trackers[name].update_state(mean, sample_weight=rows)
        return self._results(trackers)

    def _results(self, trackers):
        context = tf.distribute.get_replica_context()
        results = {name: metric.result() for name, metric in trackers.items()}
        if isinstance(context.strategy, tf.distribute.MultiWorkerMirroredStrategy):
            # There Keras takes their mean over an axis, which scalars lack (3.15.1).
            results = {name: value[tf.newaxis] for name, value in results.items()}
        return results

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """Means of the numbers in `reported`: of an epoch, or of `evaluate` in it."""
        trackers = self._held_out.trackers if self._evaluating else self._trackers
        return list(trackers.values())

    @contextlib.contextmanager
    def _evaluation(self):
        """Shows the means of held-out data to Keras, which resets and reads them."""
        self._evaluating = True
        try:
            yield
        finally:
            self._evaluating = False

    def metric_sums(self, step: int) -> np.ndarray:
        """Returns the sum and the count of each metric over the epoch so far.

        Several callbacks that ask at the same step share one read of the device.

        Args:
            step: how many steps the model has taken.

        Returns:
            float64 [metrics, 2], in the order of `metrics`.
        """
        if self._sums_at_step is None or self._sums_at_step[0] != step:
            sums = self._stacked_sums().numpy().astype("float64").reshape(-1, 2)
            self._sums_at_step = (step, sums)
        return self._sums_at_step[1]

    def _stack_sums(self):
        return tf.stack(self.training_state()["metrics"])

    def reset_metrics(self) -> None:
        super().reset_metrics()
        self._forget_sums()

    def _forget_sums(self):
        self._sums_at_step = None

    # State ---------------------------------------------------------------------

    def training_state(self) -> dict[str, list[tf.Variable]]:
        """Returns all that training depends on, by names.

        Networks, optimizers, other variables of the model, seeds of layers, running
        means of the epoch and the step, which decides the draws and the place in the
        data. `tf.train.Checkpoint(**model.training_state())` saves and restores it.
        """
        networks, optimizers = self.networks(), self.optimizers()
        own = [v for v in self._own_variables() if v is not self.step]
        state = {
            **{name: network.weights for name, network in networks.items()},
            **{name: optimizer.variables for name, optimizer in optimizers.items()},
            **({"variables": own} if own else {}),
            "seeds": self._seed_states(),
            "metrics": [v for m in self._trackers.values() for v in m.variables],
            "step": [self.step],
        }
        return {
            name: [variable.value for variable in variables]
            for name, variables in state.items()
        }

    def require_finite(self) -> None:
        """Raises Diverged if any of `training_state` is NaN or infinite.

        It raises InputError if all is finite, but data of `fit` was not what the
        networks take. It waits for the device. The means of the epoch keep what any of
        its steps brought, so that a look now and then misses no step.
        """
        finite = self._finite_parts().numpy()
        names = self.training_state()
        broken = [name for name, yes in zip(names, finite, strict=True) if not yes]
        if broken:
            fault = self._watch.fault()
            cause = f", after {fault}" if fault else ""
            raise Diverged(
                f"at step {int(self.step.numpy())} values of {' and '.join(broken)} "
                f"are NaN or infinite{cause}."
            )
        self._watch.require_sound()

    def _which_are_finite(self):
        return tf.stack(
            [
                tf.reduce_all(
                    [
                        tf.reduce_all(tf.math.is_finite(variable))
                        for variable in variables
                        if variable.dtype.is_floating
                    ]
                )
                for variables in self.training_state().values()
            ]
        )

    def _own_variables(self):
        """Returns the variables that are the model's own, not those of a network."""
        return self._trainable_variables + self._non_trainable_variables

    def _seed_states(self):
        """Returns the states of random layers, which Keras counts among no weights."""
        known = {id(v) for v in self.weights}
        known.update(id(v) for metric in self.metrics for v in metric.variables)
        return [v for v in self.variables if id(v) not in known]

    # Files ---------------------------------------------------------------------

    def save(self, filepath: str | os.PathLike, *args: Any, **kwargs: Any) -> None:
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

    def save_own_variables(self, store: dict) -> None:
        super().save_own_variables(store)
        for i, state in enumerate(self._seed_states()):
            store[f"seed_{i}"] = state

    def load_own_variables(self, store: dict) -> None:
        for i, variable in enumerate(self._own_variables()):
            variable.assign(store[str(i)])
        for i, state in enumerate(self._seed_states()):
            state.assign(store[f"seed_{i}"])

    def get_config(self) -> dict[str, Any]:
        networks = {
            name: keras.saving.serialize_keras_object(network)
            for name, network in self.networks().items()
            if not averaging.is_average(name)
        }
        return {**networks, "seed": self.seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(**keras.saving.deserialize_keras_object(dict(config)))

    def get_compile_config(self) -> dict[str, Any]:
        if not self.compiled:
            return {}
        return {
            **{
                name: keras.saving.serialize_keras_object(getattr(self, name))
                for name in self._compile_arguments()
            },
            **self._compile_kwargs,
        }

    def _compile_arguments(self):
        """Returns the names of the arguments that are the family's own."""
        parameters = inspect.signature(self.compile).parameters.values()
        return [p.name for p in parameters if p.kind != p.VAR_KEYWORD]

    def compile_from_config(self, config: dict[str, Any]) -> None:
        config = keras.saving.deserialize_keras_object(config)
        # Older files may hold arguments that had no effect.
        for name in inherited.COMPILE_WITHOUT_EFFECT & config.keys():
            del config[name]
        self.compile(**config)

    # Inherited methods without a meaning here -----------------------------------

    compute_loss = inherited.refusing("compute_loss", inherited.LOSSES)
    compute_metrics = inherited.refusing("compute_metrics", inherited.LOSSES)
    stateless_compute_loss = inherited.refusing(
        "stateless_compute_loss", inherited.LOSSES
    )
    compiled_loss = inherited.refusing("compiled_loss", inherited.LOSSES)
    quantize = inherited.refusing("quantize", inherited.QUANTIZE)
    export = inherited.refusing("export", inherited.EXPORT)


class _HeldOut:
    """Means over held-out rows. Keras does not see them, so they are not saved."""

    def __init__(self, names):
        self.trackers = {
            name: _MeanOverEpoch(name=name, dtype="float32") for name in names
        }

    @property
    def rows(self):
        """How many rows have been measured."""
        return next(iter(self.trackers.values())).count


class _MeanOverEpoch(keras.metrics.Mean):
    """A mean of values that all replicas have in common.

    Any worker can read it alone, and save it, without asking the others.
    """

    def add_variable(self, shape, initializer, dtype=None, aggregation=None, name=None):
        aggregation = "only_first_replica"
        return super().add_variable(shape, initializer, dtype, aggregation, name)
