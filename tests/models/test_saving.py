"""A loaded GAN: the same images, and training that goes on as if never cut."""

import keras
import numpy as np
import pytest

from keras_gan import DCGAN, GAN, InputError, losses
from keras_gan.networks import maxout_discriminator, mlp_generator

IMAGES = np.random.default_rng(0).uniform(0, 1, (12, 8, 8, 1)).astype("float32")
LABELS = np.arange(12) % 3


def adam(**kwargs):
    return keras.optimizers.Adam(**{"learning_rate": 1e-2, "beta_1": 0.5, **kwargs})


def mlp():
    """Dropout, maxout, average, label smoothing, momentum and a schedule."""
    gan = GAN(
        mlp_generator((8, 8, 1), 4, (8,), seed=1),
        maxout_discriminator((8, 8, 1), (6, 5), 2, seed=2),
        latent_dim=4,
        latent_distribution="uniform",
        latent_bounds=(-2, 2),
        value_range=(0, 1),
        seed=7,
    )
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
    gan.compile(
        keras.optimizers.SGD(schedule, momentum=0.5),
        adam(),
        objective=losses.Minimax(label_smoothing=0.1),
        generator_average=0.9,
        discriminator_steps=2,
        update="simultaneous",
    )
    return gan


def conditional():
    """Labels, a penalty with a weight, and generator and discriminator dropout."""
    gan = GAN(
        mlp_generator((8, 8, 1), 4, (8,), "tanh", num_classes=3, seed=1),
        maxout_discriminator((8, 8, 1), (6,), 2, num_classes=3, seed=2),
        latent_dim=4,
        num_classes=3,
    )
    gan.compile(adam(), adam(), objective="relativistic", penalty=losses.R1R2(3.0))
    return gan


def dcgan():
    """Batch normalisation, spectral normalisation, translation and an average."""
    gan = DCGAN(
        (8, 8, 1), 4, 2, hidden_units=6, spectral_normalization=True,
        translation=0.25, seed=5,
    )  # fmt: skip
    gan.compile(adam(), adam(beta_1=0.4), generator_average=0.9)
    return gan


def conditional_dcgan():
    gan = DCGAN(
        (8, 8, 1), 4, 2, num_classes=3, latent_distribution="normal",
        batch_normalization=False,
    )  # fmt: skip
    gan.compile(adam(), adam(), penalty=losses.GradientPenalty(2.0), penalty_interval=2)
    return gan


BUILDERS = [mlp, conditional, dcgan, conditional_dcgan]


def train(gan, steps=2):
    low = gan.value_range[0]
    images = low + (1 - low) * IMAGES
    for _ in range(steps):
        if gan.num_classes:
            gan.train_on_batch(images, LABELS)
        else:
            gan.train_on_batch(images)


def state(gan):
    return {
        f"{name}_{i}": variable.numpy()
        for name, variables in gan.training_state().items()
        for i, variable in enumerate(variables)
    }


def assert_same_state(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


@pytest.fixture(scope="module")
def saved(tmp_path_factory, deterministic):
    """Returns name: (the trained GAN's later state, file, state and images then)."""
    folder, runs = tmp_path_factory.mktemp("saved"), {}
    for build in BUILDERS:
        keras.utils.set_random_seed(3)
        gan = build()
        train(gan)
        path = folder / f"{build.__name__}.keras"
        gan.save(path)
        then = state(gan), gan.generate(5, seed=1)
        gan.reset_metrics()
        train(gan)
        runs[build.__name__] = (gan, path, *then, state(gan))
    return runs


@pytest.mark.parametrize("name", [build.__name__ for build in BUILDERS])
def test_loaded_model_is_the_saved_one_and_trains_on_alike(name, saved):
    gan, path, then, images, later = saved[name]
    keras.utils.set_random_seed(99)
    copy = keras.models.load_model(path, safe_mode=True)
    assert type(copy) is type(gan)
    assert_same_state(
        {k: v for k, v in state(copy).items() if "metrics" not in k},
        {k: v for k, v in then.items() if "metrics" not in k},
    )
    np.testing.assert_array_equal(copy.generate(5, seed=1), images)
    train(copy)
    assert_same_state(state(copy), later)
    changed = [k for k, v in then.items() if (later[k] != v).any()]
    assert {k.rsplit("_", 1)[0] for k in changed} >= {
        *("generator", "discriminator", "generator_optimizer", "step"),
        *("discriminator_optimizer", "metrics"),
    }


@pytest.mark.parametrize("name", [build.__name__ for build in BUILDERS])
def test_configurations_survive(name, saved):
    gan, path, *_ = saved[name]
    copy = keras.models.load_model(path)
    attributes = (
        *("latent_dim", "latent_distribution", "latent_bounds", "value_range", "seed"),
        *("num_classes", "discriminator_steps", "update", "generator_average"),
        "penalty_interval",
    )
    for attribute in attributes:
        assert getattr(copy, attribute) == getattr(gan, attribute), attribute
    assert copy.objective.get_config() == gan.objective.get_config()
    if gan.penalty is not None:
        assert copy.penalty.weight == gan.penalty.weight
    for player in ("generator_optimizer", "discriminator_optimizer"):
        mine, theirs = getattr(copy, player), getattr(gan, player)
        assert mine.get_config() == theirs.get_config()


def test_random_layers_go_on_where_they_were(saved):
    then = saved["mlp"][2]
    seeds = {k: v for k, v in then.items() if k.startswith("seeds")}
    assert len(seeds) == 3
    # The states have moved since the start, so that restoring them matters.
    assert all((seeds[f"seeds_{i}"] != [0, 0]).any() for i in range(3))
    fresh = state(mlp())
    assert all((fresh[k] != v).any() for k, v in seeds.items())


def test_another_process_trains_on_alike(saved, run_python, tmp_path):
    code = """
import sys
import keras, numpy as np
from keras_gan import seeding
seeding.make_deterministic()
folder, out = sys.argv[1:]
for name in ("mlp", "conditional", "dcgan", "conditional_dcgan"):
    gan = keras.models.load_model(f"{folder}/{name}.keras")
    generated = gan.generate(5, seed=1)
    images = np.random.default_rng(0).uniform(0, 1, (12, 8, 8, 1)).astype("float32")
    low = gan.value_range[0]
    labels = [np.arange(12) % 3] if gan.num_classes else []
    for _ in range(2):
        gan.train_on_batch(low + (1 - low) * images, *labels)
    state = {
        f"{part}_{i}": variable.numpy()
        for part, variables in gan.training_state().items()
        for i, variable in enumerate(variables)
    }
    np.savez(f"{out}/{name}.npz", images=generated, **state)
"""
    run_python(code, saved["mlp"][1].parent, tmp_path)
    for name, (_, _, _, images, later) in saved.items():
        found = dict(np.load(tmp_path / f"{name}.npz"))
        np.testing.assert_array_equal(found.pop("images"), images)
        assert_same_state(found, later)


def test_weights_file_brings_back_the_training_state(saved, tmp_path):
    gan, *_, later = saved["dcgan"]
    gan.save_weights(tmp_path / "gan.weights.h5")
    other = dcgan()
    other.load_weights(tmp_path / "gan.weights.h5")
    assert_same_state(
        {k: v for k, v in state(other).items() if "metrics" not in k},
        {k: v for k, v in later.items() if "metrics" not in k},
    )


def test_a_model_that_was_not_compiled_can_be_saved(tmp_path):
    gan = DCGAN((8, 8, 1), 4, 2, seed=5)
    gan.save(tmp_path / "gan.keras")
    copy = keras.models.load_model(tmp_path / "gan.keras")
    assert not copy.compiled
    np.testing.assert_array_equal(copy.generate(3, seed=1), gan.generate(3, seed=1))


def test_loading_without_compiling_gives_the_same_images(saved):
    for name in ("conditional", "conditional_dcgan"):
        _, path, _, images, _ = saved[name]
        copy = keras.models.load_model(path, compile=False)
        np.testing.assert_array_equal(copy.generate(5, seed=1), images)


def test_loading_without_compiling_keeps_the_average(saved):
    for name in ("mlp", "dcgan"):
        _, path, _, images, _ = saved[name]
        copy = keras.models.load_model(path, compile=False)
        np.testing.assert_array_equal(copy.generate(5, seed=1), images)


def test_float16_optimizers_are_loaded_with_their_loss_scale(policy, tmp_path):
    policy("mixed_float16")
    gan = DCGAN((8, 8, 1), 4, 2, seed=5)
    gan.compile(adam(), adam())
    train(gan)
    gan.save(tmp_path / "gan.keras")
    copy = keras.models.load_model(tmp_path / "gan.keras")
    for model in (gan, copy):
        model.reset_metrics()
        train(model)
    assert isinstance(copy.generator_optimizer, keras.optimizers.LossScaleOptimizer)
    assert_same_state(state(copy), state(gan))


def test_a_half_precision_dcgan_keeps_its_policy(policy, tmp_path):
    policy("mixed_bfloat16")
    gan = DCGAN((8, 8, 1), 4, 2, seed=5)
    gan.save(tmp_path / "gan.keras")
    policy("float32")
    copy = keras.models.load_model(tmp_path / "gan.keras")
    policies = [
        [layer.dtype_policy.name for layer in model.generator.layers]
        for model in (gan, copy)
    ]
    assert policies[0] == policies[1]
    np.testing.assert_array_equal(copy.generate(3, seed=1), gan.generate(3, seed=1))


def test_a_penalty_of_no_name_cannot_come_from_a_file():
    with pytest.raises(InputError):
        losses.get_penalty(keras.saving.serialize_keras_object(losses.Hinge()))
