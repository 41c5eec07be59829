"""What a family gets from `GenerativeModel`: here one of pairs, in a few lines."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gan import Diverged, InputError, seeding
from keras_gan.models.base import GenerativeModel
from keras_gan.models.elements import ImageElement
from keras_gan.pixels import PixelRange

RNG = np.random.default_rng(0)
SOURCE = RNG.uniform(0, 1, (12, 4, 4, 1)).astype("float32")
TARGET = RNG.uniform(-1, 1, (12, 4, 4, 3)).astype("float32")


@keras.saving.register_keras_serializable("tests")
class Translator(GenerativeModel):
    """Learns targets from noisy sources, and keeps the last output."""

    reported = ("loss",)

    def __init__(self, translator, **kwargs):
        super().__init__(**kwargs)
        self.translator = translator
        self.last = self.add_weight((4, 4, 3), "zeros", trainable=False, name="last")

    @property
    def elements(self):
        return {
            "source": ImageElement((4, 4, 1), PixelRange(0, 1)),
            "target": ImageElement((4, 4, 3), PixelRange(-1, 1)),
        }

    def networks(self):
        return {"translator": self.translator}

    def compile(self, optimizer, weight=1.0, **kwargs):
        super().compile(**kwargs)
        self.set_optimizers(optimizer=(optimizer, [self.translator]))
        self.weight = weight

    def train_step(self, data):
        source, target = self.seen(data).values()
        noise = seeding.normal((tf.shape(source)[0], 4, 4, 1), self.step_seed())
        source += 0.1 * noise
        weights = self.translator.trainable_variables
        with tf.GradientTape() as tape:
            output = tf.cast(self.translator(source, training=True), "float32")
            loss = self.weight * tf.reduce_mean(tf.abs(target - output))
            scaled = self.scaled(loss, self.optimizer)
        self.optimizer.apply(tape.gradient(scaled, weights), weights)
        self.last.assign(output[0])
        self.step.assign_add(1)
        return self.report({"loss": loss})


def translator(**compiling):
    keras.utils.set_random_seed(3)
    network = keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            keras.layers.Conv2D(3, 3, padding="same", activation="tanh"),
            keras.layers.Dropout(0.5, seed=1),
        ]
    )
    model = Translator(network, seed=5)
    model.compile(**{"optimizer": keras.optimizers.Adam(0.01), **compiling})
    return model


def batches(source=SOURCE, target=TARGET):
    return tf.data.Dataset.from_tensor_slices((source, target)).batch(4)


def state(model):
    return {
        name: [variable.numpy() for variable in variables]
        for name, variables in model.training_state().items()
    }


def assert_same(one, other):
    keras.tree.assert_same_structure(one, other)
    keras.tree.map_structure(np.testing.assert_array_equal, one, other)


@pytest.fixture(scope="module")
def trained(deterministic):
    model = translator(weight=2.0)
    model.fit(batches(), epochs=2, verbose=0)
    return model, state(model)


def test_state_is_that_of_all_that_training_depends_on(trained):
    reached = trained[1]
    assert [*reached] == [
        *("translator", "optimizer", "variables", "seeds", "metrics", "step")
    ]
    assert reached["step"] == [6]
    assert np.abs(reached["variables"][0]).max() > 0
    assert len(reached["seeds"]) == 1


@pytest.mark.parametrize("way", ["checkpoint", "file"])
def test_training_goes_on_as_if_never_cut(way, trained, tmp_path):
    model = translator(weight=2.0)
    model.fit(batches(), verbose=0)
    if way == "checkpoint":
        path = tf.train.Checkpoint(**model.training_state()).write(tmp_path / "state")
        copy = translator(weight=2.0)
        restored = tf.train.Checkpoint(**copy.training_state()).read(path)
        restored.assert_consumed()
    else:
        model.save(tmp_path / "model.keras")
        copy = keras.models.load_model(tmp_path / "model.keras")
        assert copy.weight == 2.0
    for name in ("variables", "seeds", "step"):
        assert_same(state(copy)[name], state(model)[name])
    copy.fit(batches(), verbose=0)
    assert_same(state(copy), trained[1])


@pytest.mark.parametrize(
    ("source", "target", "named"),
    [
        (SOURCE * 2, TARGET, r"from .* \(source\).*take \[0, 1\]"),
        (SOURCE, TARGET * 2, r"from .* \(target\).*take \[-1, 1\]"),
        (SOURCE, TARGET[..., :1], r"the target .*\(4, 4, 1\).*\(4, 4, 3\)"),
        (SOURCE, TARGET * np.nan, r"NaN .*\(target\)"),
        (SOURCE[:3], TARGET, "3, 12 rows of source, target"),
        (SOURCE, None, "Translator takes source and target.* is 1"),
        (SOURCE, [TARGET, TARGET], "y is a list"),
    ],
)
def test_each_part_of_a_pair_is_checked(source, target, named, trained):
    with pytest.raises(InputError, match=named):
        trained[0].fit(source, target, verbose=0)


def test_a_fault_of_a_later_part_is_reported():
    model = translator()
    late = TARGET.copy()
    late[9, 0, 0, 0] = 3
    with pytest.raises(InputError, match=r"step 2 held .* \[-1, 1\] \(target\)"):
        model.fit(batches(target=late), verbose=0)
    model.last.assign(model.last * np.inf)
    with pytest.raises(Diverged, match="step 3 values of variables"):
        model.require_finite()


def test_half_precision_scales_the_loss():
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = translator()
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    before = state(model)["translator"]
    model.fit(batches(), verbose=0)
    moved = np.abs(state(model)["translator"][0] - before[0]).max()
    assert 0 < moved < 0.1


def test_errors_speak_of_the_model_at_hand(trained):
    model = trained[0]
    with pytest.raises(InputError, match="Translator has no quantize"):
        model.quantize("int8")
    with pytest.raises(InputError, match=r"makes nothing of it.*optimizer, weight"):
        model.compile("adam", loss="mse")
    with pytest.raises(InputError, match="Translator has no test_step"):
        model.evaluate(batches())
    with pytest.raises(InputError, match="Translator has no test_step"):
        model.fit(batches(), validation_data=batches(), verbose=0)
    with pytest.raises(InputError, match="Translator makes nothing of it"):
        model.fit(batches(), class_weight={0: 1.0}, verbose=0)
