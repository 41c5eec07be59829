"""What `keras.Model` offers works, or one sentence says what to use instead."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gan import DCGAN, GAN, InputError
from keras_gan.callbacks import Failsafe
from keras_gan.models.inherited import COMPILE_WITHOUT_EFFECT

IMAGES = np.random.default_rng(0).uniform(-1, 1, (4, 8, 8, 1)).astype("float32")


def new_gan(**compiling):
    gan = DCGAN((8, 8, 1), latent_dim=4, base_filters=2, seed=1)
    gan.compile("sgd", "sgd", **compiling)
    return gan


@pytest.fixture(scope="module")
def gan():
    return new_gan()


ARGUMENTS = {
    "sample_weight": np.ones(4),
    "class_weight": {0: 1.0},
    "validation_steps": 1,
    "validation_batch_size": 4,
    "validation_freq": 2,
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_arguments_of_fit_without_effect_are_refused(name, gan):
    with pytest.raises(InputError, match=f"fit was given {name}"):
        gan.fit(IMAGES, verbose=0, **{name: ARGUMENTS[name]})
    assert int(gan.step) == 0


@pytest.mark.parametrize("name", ["sample_weight", "class_weight"])
def test_arguments_of_train_on_batch_without_effect_are_refused(name, gan):
    with pytest.raises(InputError, match=f"train_on_batch was given {name}"):
        gan.train_on_batch(IMAGES, **{name: ARGUMENTS[name]})


def test_train_on_batch_looks_at_its_data(gan):
    with pytest.raises(InputError, match="uint8"):
        gan.train_on_batch((IMAGES * 100).astype("uint8"))
    with pytest.raises(InputError, match="from -9"):
        gan.train_on_batch(IMAGES * 100)
    assert int(gan.step) == 0


@pytest.mark.parametrize(
    "name", [*sorted(COMPILE_WITHOUT_EFFECT), "optimizer", "metricks"]
)
def test_arguments_of_compile_without_effect_are_refused(name):
    with pytest.raises(InputError, match=f"compile was given {name}"):
        new_gan(**{name: None})


METHODS = {
    "predict": ((IMAGES,), "render"),
    "predict_on_batch": ((IMAGES,), "render"),
    "compute_loss": ((), "compile"),
    "compute_metrics": ((IMAGES, None, None), "compile"),
    "stateless_compute_loss": ((), "compile"),
    "compiled_loss": ((None, None), "compile"),
    "quantize": (("int8",), "python -m export"),
    "export": (("model",), "python -m export"),
    "save": (("gan.h5",), r"\.keras"),
}


@pytest.mark.parametrize("name", METHODS)
def test_methods_that_a_gan_has_not_say_what_to_use(name, gan, tmp_path):
    arguments, named = METHODS[name]
    with pytest.raises(InputError, match=named):
        getattr(gan, name)(*arguments)


def test_predict_takes_latent_vectors(gan):
    latent = gan.sample_latent(3, seed=1).numpy()
    images = gan.generator(latent, training=False)
    np.testing.assert_allclose(gan.predict(latent, verbose=0), images, atol=1e-6)
    np.testing.assert_allclose(gan.predict_on_batch(latent), images, atol=1e-6)


def test_other_methods_work(gan, tmp_path):
    gan.summary(print_fn=lambda text: None)
    assert "DCGAN" in gan.to_json()
    copy = keras.models.model_from_json(gan.to_json())
    assert copy.image_shape == gan.image_shape
    assert gan.count_params() > 0
    assert {*gan.get_metrics_result()} == {metric.name for metric in gan.metrics}
    for path in ("gan.keras", tmp_path / "gan.keras"):
        gan.save(tmp_path / path)
    gan.save(tmp_path / "folder", zipped=False)
    keras.models.load_model(tmp_path / "folder")


class Own(keras.callbacks.LearningRateScheduler):
    pass


CALLBACKS = {
    "LearningRateScheduler": (
        lambda: keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate),
        "schedules",
    ),
    "a subclass": (lambda: Own(lambda epoch, rate: rate), "Own.*schedules"),
    "ReduceLROnPlateau": (
        lambda: keras.callbacks.ReduceLROnPlateau("generator_loss", mode="min"),
        "schedules",
    ),
    "SwapEMAWeights": (keras.callbacks.SwapEMAWeights, "generator_average"),
    "TerminateOnNaN": (keras.callbacks.TerminateOnNaN, "DivergenceGuard"),
    "EarlyStopping": (keras.callbacks.EarlyStopping, "'val_loss'.*generator_loss"),
    "EarlyStopping without a mode": (
        lambda: keras.callbacks.EarlyStopping("generator_loss"),
        "mode min or max",
    ),
    "EarlyStopping of a missing metric": (
        lambda: keras.callbacks.EarlyStopping("loss", mode="min"),
        "'loss'.*generator_loss",
    ),
    "ModelCheckpoint": (
        lambda: keras.callbacks.ModelCheckpoint("x.keras", save_best_only=True),
        "'val_loss'.*generator_loss",
    ),
    "ModelCheckpoint to .h5": (
        lambda: keras.callbacks.ModelCheckpoint("x.h5"),
        r"\.keras",
    ),
}


@pytest.mark.parametrize("name", CALLBACKS)
def test_callbacks_that_a_gan_cannot_use_say_what_to_use(name, gan):
    make, named = CALLBACKS[name]
    with pytest.raises(InputError, match=named):
        gan.fit(IMAGES, verbose=0, callbacks=[make()])
    assert int(gan.step) == 0


HOLDERS = {
    "a Failsafe": lambda callback: [Failsafe([callback])],
    "a Failsafe in another": lambda callback: Failsafe([Failsafe([callback])]),
    "a list": lambda callback: [[callback]],
    "a list of Keras": lambda callback: [keras.callbacks.CallbackList([callback])],
}


@pytest.mark.parametrize("name", ["LearningRateScheduler", "EarlyStopping"])
@pytest.mark.parametrize("holder", HOLDERS)
def test_callbacks_that_others_hold_are_checked_too(holder, name, gan):
    make, named = CALLBACKS[name]
    with pytest.raises(InputError, match=named):
        gan.fit(IMAGES, verbose=0, callbacks=HOLDERS[holder](make()))
    assert int(gan.step) == 0


def test_a_measure_of_a_callback_can_be_watched_within_a_failsafe():
    class Brings(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["own"] = 0.0

    gan = new_gan()
    watch = keras.callbacks.EarlyStopping("own", mode="min")
    gan.fit(IMAGES, epochs=3, verbose=0, callbacks=[Failsafe([Brings(), watch])])
    assert int(gan.step) == 2


def test_other_callbacks_work(tmp_path):
    gan = new_gan()
    callbacks = keras.callbacks
    gan.fit(
        IMAGES,
        epochs=2,
        verbose=0,
        callbacks=[
            callbacks.EarlyStopping("generator_loss", mode="min"),
            callbacks.ModelCheckpoint(str(tmp_path / "{epoch}.keras")),
            callbacks.ModelCheckpoint(
                str(tmp_path / "best.weights.h5"),
                "d_fake",
                save_best_only=True,
                save_weights_only=True,
                mode="max",
            ),
            callbacks.CSVLogger(tmp_path / "log.csv"),
            callbacks.BackupAndRestore(str(tmp_path / "backup")),
            callbacks.TensorBoard(str(tmp_path / "tensorboard")),
            callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None),
        ],
    )
    assert int(gan.step) == 2
    assert {"1.keras", "2.keras", "best.weights.h5", "log.csv"} <= {
        path.name for path in tmp_path.iterdir()
    }


def test_one_callback_and_a_list_of_keras_work(gan):
    seen = []
    note = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: seen.append(1))
    gan = new_gan()
    gan.fit(IMAGES, verbose=0, callbacks=note)
    gan.fit(IMAGES, verbose=0, callbacks=keras.callbacks.CallbackList([note]))
    assert seen == [1, 1]


# Weights files ----------------------------------------------------------------


def test_weights_with_an_average_need_a_model_with_one(tmp_path):
    with_average, without = new_gan(generator_average=0.9), new_gan()
    for suffix in ("weights.h5", "keras", "weights.json"):
        files = {}
        for name, gan in {"with": with_average, "without": without}.items():
            files[name] = tmp_path / f"{name}.{suffix}"
            if suffix == "keras":
                gan.save(files[name])
            else:
                size = 1 if suffix == "weights.json" else None
                gan.save_weights(files[name], max_shard_size=size)
        with pytest.raises(InputError, match=r"holds an average.*generator_average"):
            without.load_weights(files["with"])
        with pytest.raises(InputError, match=r"holds no average.*generator_average"):
            with_average.load_weights(files["without"])
        with_average.load_weights(files["with"])
        without.load_weights(files["without"])


# Arguments of the constructors and of generate --------------------------------


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"num_classes": 0}, "num_classes is 0"),
        ({"num_classes": -1}, "num_classes is -1"),
        ({"num_classes": 2.0}, r"num_classes is 2\.0"),
        ({"latent_dim": 0}, "latent_dim is 0"),
        ({"latent_dim": -4}, "latent_dim is -4"),
        ({"latent_dim": 4.0}, r"latent_dim is 4\.0"),
        ({"latent_dim": True}, "latent_dim is True"),
        ({"latent_dim": 10**12}, "latent_dim is 1000000000000"),
        ({"latent_bounds": (1, -1)}, r"latent_bounds is \(1, -1\)"),
        ({"latent_bounds": (1, 1)}, r"latent_bounds is \(1, 1\)"),
        ({"latent_bounds": (float("nan"), 1)}, "latent_bounds is"),
        ({"latent_bounds": (-1, float("inf"))}, "latent_bounds is"),
        ({"latent_bounds": 1}, "latent_bounds is 1"),
        ({"latent_bounds": ("low", "high")}, "latent_bounds is"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 1.5}, r"seed is 1\.5"),
        ({"seed": "1"}, "seed is '1'"),
        ({"base_filters": 0}, "base_filters is 0"),
        ({"base_filters": 10**12}, "base_filters is 1000000000000"),
        ({"hidden_units": 0}, "hidden_units is 0"),
        ({"hidden_units": 1.5}, r"hidden_units is 1\.5"),
        ({"image_shape": (8.0, 8, 1)}, r"image_shape is \(8\.0"),
        ({"image_shape": (-8, 8, 1)}, r"image_shape is \(-8"),
        ({"image_shape": 8}, "image_shape is 8"),
        ({"image_shape": (8, 8)}, r"image_shape is \(8, 8\)"),
        ({"image_shape": (8, 8, 2)}, r"image_shape is \(8, 8, 2\)"),
    ],
)
def test_a_dcgan_refuses(options, named):
    arguments = {"image_shape": (8, 8, 1), "latent_dim": 4, "base_filters": 2}
    with pytest.raises(InputError, match=named):
        DCGAN(**{**arguments, **options})


@pytest.mark.parametrize("value_range", [(1, -1), (1, 1), 1, (0, np.nan), (0, 1, 2)])
def test_a_gan_refuses_a_range_that_is_none(value_range, gan):
    with pytest.raises(InputError, match="value_range is"):
        GAN(gan.generator, gan.discriminator, 4, value_range=value_range)


@pytest.mark.parametrize("name", ["generator", "discriminator"])
def test_a_gan_refuses_what_is_no_network(name, gan):
    networks = {"generator": gan.generator, "discriminator": gan.discriminator}
    with pytest.raises(InputError, match=f"{name} is a function"):
        GAN(**{**networks, name: lambda x: x}, latent_dim=4)


def test_numbers_of_numpy_are_numbers():
    shape = np.array([8, 8, 1])
    gan = DCGAN(shape, np.int64(4), np.int32(2), np.int8(3), seed=np.uint8(1))
    assert gan.image_shape == (8, 8, 1)
    assert gan.get_config()["seed"] == 1
    assert gan.to_json()  # which takes Python's numbers only
    images = gan.generate(np.int64(2), seed=np.int32(1), labels=np.uint8(2))
    np.testing.assert_array_equal(images, gan.generate(2, seed=1, labels=2))


@pytest.mark.parametrize("count", ["3", 2.5, 2.0, True, None, 0, [2]])
def test_a_count_that_is_no_number_is_refused(count, gan):
    with pytest.raises(InputError, match="count is"):
        gan.generate(count)


@pytest.mark.parametrize("seed", ["1", 1.5, True, 2**63, [1]])
def test_a_seed_that_is_no_number_is_refused(seed, gan):
    with pytest.raises(InputError, match="seed is"):
        gan.generate(1, seed=seed)


@pytest.mark.parametrize("labels", ["cat", [[0], [1, 2]], None, 1.0, True, object()])
def test_labels_of_another_kind_are_refused(labels):
    gan = DCGAN((8, 8, 1), 4, 2, num_classes=3, seed=1)
    if labels is None:  # the classes in turn
        assert len(gan.generate(2, labels=None)) == 2
        return
    with pytest.raises(InputError, match="labels"):
        gan.generate(2, labels=labels)


def test_render_takes_numbers_of_any_kind(gan):
    latent = gan.sample_latent(3, seed=1).numpy()
    expected = gan.render(latent)
    for same in (
        tf.constant(latent, "float64"),
        tf.constant(latent),
        latent.astype("float64"),
        latent.tolist(),
        [*latent],
    ):
        np.testing.assert_array_equal(gan.render(same), expected)


@pytest.mark.parametrize(
    ("latent", "named"),
    [
        (np.zeros((2, 3)), r"\(2, 3\)"),
        (np.zeros(4), r"\(4,\)"),
        (np.zeros((0, 4)), r"\(0, 4\)"),
        ([[0, 0, 0, 0], [0]], "numbers"),
        ("cat", "numbers"),
        (None, "latent"),
        (np.full((1, 4), np.nan), "NaN"),
    ],
)
def test_render_refuses(latent, named, gan):
    with pytest.raises(InputError, match=named):
        gan.render(latent)
