"""Optimizers that Keras does not have, and a way to lower the rate of any optimizer."""

from typing import Any, Self

import keras
import tensorflow as tf
from keras import ops
from keras.optimizers import schedules
from keras.optimizers.schedules import LearningRateSchedule

from keras_gan import checks
from keras_gan.errors import InputError


@keras.saving.register_keras_serializable("keras_gan")
class Adam(keras.optimizers.Adam):
    """Keras's Adam, but one TensorFlow kernel updates each variable.

    The formula is the same. Keras uses a dozen operations, which each read and write
    arrays as large as the variable. They take a third of a step of fully connected
    networks.

    Args:
        *args, **kwargs: arguments of `keras.optimizers.Adam`. With `amsgrad` and for
            sparse gradients, which the kernel does not support, Keras's update is used.
        beta_2: decay of the mean squared gradient, in (0, 1), or a schedule of the
            updates, which `amsgrad` does not accept.

    Raises:
        InputError: for a schedule with `amsgrad`.

    Example:

    ```python
    import keras
    from keras_gan import optimizers

    # From 0.9 at first to 0.99 after 1,000 updates.
    beta_2 = keras.optimizers.schedules.CosineDecay(0.9, 1000, alpha=0.99 / 0.9)
    gan.compile(
        generator_optimizer=optimizers.Adam(2e-4, beta_1=0.5),
        discriminator_optimizer=optimizers.Adam(2e-4, beta_1=0.0, beta_2=beta_2),
    )
    ```

    Source: Kingma and Ba 2014, arXiv 1412.6980, section 2, last paragraph; a rising
    beta_2 as in Huang et al. 2024, arXiv 2501.05441.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        if self.amsgrad and self._beta_2_is_scheduled:
            raise InputError(
                "beta_2 is a schedule and amsgrad is on. Use a number for beta_2, or "
                "turn amsgrad off."
            )

    @property
    def _beta_2_is_scheduled(self):
        return isinstance(self.beta_2, LearningRateSchedule)

    def update_step(
        self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor
    ) -> None:
        beta_2 = self.beta_2
        if self._beta_2_is_scheduled:
            beta_2 = self.beta_2(self.iterations)
            gradient = tf.convert_to_tensor(gradient)
        if self.amsgrad or isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, learning_rate)
            return
        dtype = variable.dtype
        index = self._get_variable_index(variable)
        step = ops.cast(self.iterations + 1, dtype)
        beta_1, beta_2 = (ops.cast(b, dtype) for b in (self.beta_1, beta_2))
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=ops.power(beta_1, step),
            beta2_power=ops.power(beta_2, step),
            lr=ops.cast(learning_rate, dtype),
            beta1=beta_1,
            beta2=beta_2,
            epsilon=ops.cast(self.epsilon, dtype),
            grad=ops.cast(gradient, dtype),
        )

    def get_config(self) -> dict:
        config = super().get_config()
        if self._beta_2_is_scheduled:
            config["beta_2"] = schedules.serialize(self.beta_2)
        return config

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> Self:
        if isinstance(config.get("beta_2"), dict):
            beta_2 = schedules.deserialize(config["beta_2"], custom_objects)
            config = {**config, "beta_2": beta_2}
        return super().from_config(config, custom_objects)


@keras.saving.register_keras_serializable("keras_gan")
class RisingMomentumSGD(keras.optimizers.SGD):
    """Gradient descent whose momentum rises linearly from one value to another.

    Args:
        learning_rate: float above 0, or a schedule.
        initial_momentum: momentum at step 0, in [0, 1].
        final_momentum: momentum from step `momentum_steps` on, in [0, 1].
        momentum_steps: length of the rise, at least 1.
        **kwargs: arguments of `keras.optimizers.SGD` other than `momentum`.

    Raises:
        ValueError: if a number is out of its range.

    Example:

    ```python
    from keras_gan import optimizers

    gan.compile(
        generator_optimizer=optimizers.RisingMomentumSGD(0.1, 0.5, 0.7),
        discriminator_optimizer=optimizers.RisingMomentumSGD(0.1, 0.5, 0.7),
    )
    ```

    Source: the published configuration of Goodfellow et al. 2014, arXiv 1406.2661.
    """

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.1,
        initial_momentum: float = 0.5,
        final_momentum: float = 0.7,
        momentum_steps: int = 125_000,
        **kwargs: Any,
    ):
        ends = {"initial_momentum": initial_momentum, "final_momentum": final_momentum}
        for name, momentum in ends.items():
            if not 0 <= momentum <= 1:
                raise ValueError(
                    f"{name} is {momentum}. `momentum` must be a float between [0, 1]."
                )
        if momentum_steps < 1:
            raise ValueError(f"momentum_steps is {momentum_steps}. Expected 1 or more.")
        # SGD creates velocities only if its momentum is not 0.
        largest = float(max(ends.values()))
        super().__init__(learning_rate, momentum=largest, **kwargs)
        self.initial_momentum = initial_momentum
        self.final_momentum = final_momentum
        self.momentum_steps = momentum_steps

    def update_step(
        self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor
    ) -> None:
        if self.momentum == 0:
            super().update_step(gradient, variable, learning_rate)
            return
        dtype = variable.dtype
        risen = ops.cast(self.iterations, dtype) / self.momentum_steps
        momentum = self.initial_momentum + ops.minimum(risen, 1.0) * (
            self.final_momentum - self.initial_momentum
        )
        # One kernel, for the same reason as in `Adam`.
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable.handle,
            accum=self.momentums[self._get_variable_index(variable)].value.handle,
            lr=ops.cast(learning_rate, dtype),
            grad=ops.cast(gradient, dtype),
            momentum=ops.cast(momentum, dtype),
            use_nesterov=self.nesterov,
        )

    def get_config(self) -> dict:
        config = super().get_config()
        del config["momentum"]
        return {
            **config,
            "initial_momentum": self.initial_momentum,
            "final_momentum": self.final_momentum,
            "momentum_steps": self.momentum_steps,
        }


@keras.saving.register_keras_serializable("keras_gan")
class LinearDecay(LearningRateSchedule):
    """A rate that is constant at first and then falls linearly to 0.

    Args:
        initial_rate: float above 0.
        total_steps: of the run; the rate is 0 from then on.
        share: last share of the run, in which the rate falls, in (0, 1].

    Raises:
        InputError: for `total_steps` below 1.

    Example:

    ```python
    from keras_gan import optimizers

    schedule = optimizers.LinearDecay(2e-4, total_steps=200, share=0.5)
    assert [round(float(schedule(n)), 6) for n in (0, 100, 150)] == [2e-4, 2e-4, 1e-4]
    ```

    Source: Zhu et al. 2017, arXiv 1703.10593, section 4.
    """

    def __init__(self, initial_rate: float, total_steps: int, share: float):
        super().__init__()
        self.initial_rate = initial_rate
        self.total_steps = checks.whole_number("total_steps", total_steps, 1)
        self.share = share

    def __call__(self, step):
        left = 1.0 - tf.cast(step, "float32") / self.total_steps
        return self.initial_rate * tf.clip_by_value(left / self.share, 0.0, 1.0)

    def get_config(self) -> dict:
        return {
            "initial_rate": self.initial_rate,
            "total_steps": self.total_steps,
            "share": self.share,
        }


@keras.saving.register_keras_serializable("keras_gan")
class Lowered(LearningRateSchedule):
    """A schedule whose rates are multiplied by a factor.

    Args:
        schedule: `LearningRateSchedule`.
        factor: in (0, 1).

    Example:

    ```python
    import keras
    from keras_gan import optimizers

    decay = keras.optimizers.schedules.ExponentialDecay(0.1, 1000, 0.9)
    lowered = optimizers.Lowered(decay, factor=0.5)
    assert float(lowered(0)) == float(decay(0)) / 2
    ```
    """

    def __init__(self, schedule: LearningRateSchedule, factor: float):
        super().__init__()
        self.schedule = schedule
        self.factor = factor

    def __call__(self, step):
        return self.factor * self.schedule(step)

    def get_config(self) -> dict:
        schedule = keras.saving.serialize_keras_object(self.schedule)
        return {"schedule": schedule, "factor": self.factor}

    @classmethod
    def from_config(cls, config: dict) -> Self:
        schedule = keras.saving.deserialize_keras_object(config["schedule"])
        return cls(schedule, config["factor"])


def schedule_of(
    optimizer: keras.optimizers.Optimizer,
) -> LearningRateSchedule | None:
    """Returns the schedule of an optimizer, or None if its rate is a variable."""
    config = _inner(optimizer).get_config()["learning_rate"]
    if not isinstance(config, dict):
        return None
    return keras.optimizers.schedules.deserialize(config)


def lower_learning_rate(optimizer: keras.optimizers.Optimizer, factor: float) -> None:
    """Multiplies the learning rate of an optimizer, or all rates of its schedule.

    A schedule is compiled into the training function: call
    `make_train_function(force=True)` of the model afterwards.
    """
    schedule = schedule_of(optimizer)
    if schedule is None:
        rate = factor * float(optimizer.learning_rate)
    else:
        rate = Lowered(schedule, factor)
    _inner(optimizer).learning_rate = rate


def _inner(optimizer):
    """Returns the optimizer that a wrapper for float16 holds."""
    return getattr(optimizer, "inner_optimizer", optimizer)
