"""Checkpoints that are cut short or hold a flipped bit, and folders without order."""

import random
import shutil
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gan import DCGAN, Diverged, InputError
from keras_gan.checkpoints import CheckpointFolder, restore_newest

STEPS = (5, 10, 15)


def make_gan(base_filters=2, optimizer="Adam", **compiling):
    gan = DCGAN((8, 8, 1), 4, base_filters, seed=3)
    gan.compile(
        keras.optimizers.get(optimizer), keras.optimizers.get(optimizer), **compiling
    )
    return gan


def fill(gan, step):
    """Gives all of the state values that tell which step it is."""
    for variables in gan.training_state().values():
        for variable in variables:
            variable.assign(tf.fill(variable.shape, tf.cast(step, variable.dtype)))


@pytest.fixture(scope="module")
def gan():
    return make_gan()


@pytest.fixture(scope="module")
def saved(gan, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    checkpoints = CheckpointFolder(gan, folder)
    for step in STEPS:
        fill(gan, step)
        checkpoints.save(step)
    return folder


def cut(content, rng):
    return content[: rng.randrange(len(content))]


def flip(content, rng):
    damaged = bytearray(content)
    damaged[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


@pytest.mark.parametrize("ending", ["index", "data-00000-of-00001"])
@pytest.mark.parametrize("damage", [cut, flip])
def test_a_damaged_checkpoint_is_named_and_the_one_before_used(
    damage, ending, gan, saved, tmp_path
):
    rng = random.Random(0)
    newest = tmp_path / "c" / f"ckpt-{STEPS[-1]}.{ending}"
    found = 0
    for _ in range(25):
        shutil.copytree(saved, newest.parent, dirs_exist_ok=True)
        newest.write_bytes(damage(newest.read_bytes(), rng))
        fill(gan, 0)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            path = restore_newest(gan, newest.parent)
        # Some bytes of an index mean nothing: then all is as it was saved.
        step = int(path.rpartition("-")[2])
        noticed = any("ckpt-15" in str(warning.message) for warning in told)
        assert step == (10 if noticed else 15)
        assert noticed or (damage, ending) == (flip, "index")
        found += noticed
        for variables in gan.training_state().values():
            for variable in variables:
                assert (variable.numpy() == step).all()
    assert found >= 20


@pytest.mark.parametrize("content", [None, b"", b"\xff\x00 no text", b"all: 3"])
def test_the_state_file_of_tensorflow_is_not_needed(content, gan, saved, tmp_path):
    folder = shutil.copytree(saved, tmp_path / "c")
    if content is None:
        (folder / "checkpoint").unlink()
    else:
        (folder / "checkpoint").write_bytes(content)
    assert restore_newest(gan, folder).endswith("ckpt-15")
    CheckpointFolder(gan, folder, keep=2).save(20)
    assert tf.train.latest_checkpoint(folder).endswith("ckpt-20")
    assert {p.stem for p in folder.glob("*.index")} == {"ckpt-15", "ckpt-20"}


def test_what_a_killed_process_left_is_cleared_away(gan, saved, tmp_path):
    folder = shutil.copytree(saved, tmp_path / "c")
    left = folder / "ckpt-17_temp"
    left.mkdir()
    (left / "part-00000-of-00001.data-00000-of-00001").write_bytes(b"half")
    (folder / "ckpt-17.data-00000-of-00001").write_bytes(b"half")
    assert restore_newest(gan, folder).endswith("ckpt-15")
    CheckpointFolder(gan, folder, keep=1).save(18)
    names = {path.name for path in folder.iterdir()}
    assert names == {"checkpoint", "ckpt-18.index", "ckpt-18.data-00000-of-00001"}


def test_a_checkpoint_of_another_architecture_is_refused(saved):
    other = make_gan(base_filters=3)
    before = [weight.numpy() for weight in other.weights]
    with pytest.raises(InputError, match=r"ckpt-15 belongs to another model.*shape"):
        restore_newest(other, saved)
    assert [w.shape for w in other.weights] == [value.shape for value in before]


AVERAGED = {"generator_average": 0.9}


@pytest.mark.parametrize(
    ("ours", "theirs", "words"),
    [
        (AVERAGED, {}, "holds an average.* has none; compile it with generator_aver"),
        ({}, AVERAGED, "holds no average.* has one; compile it without generator_aver"),
    ],
)
def test_an_average_is_neither_dropped_nor_made_up(ours, theirs, words, tmp_path):
    CheckpointFolder(make_gan(**ours), tmp_path).save(0)
    other = make_gan(**theirs)
    before = other.get_weights()
    with pytest.raises(InputError, match=words):
        restore_newest(other, tmp_path)
    for value, weight in zip(before, other.get_weights(), strict=True):
        np.testing.assert_array_equal(value, weight)
    assert restore_newest(make_gan(**ours), tmp_path)


@pytest.mark.parametrize(("ours", "theirs"), [("Adam", "SGD"), ("SGD", "Adam")])
def test_the_state_of_another_optimizer_is_not_dropped(ours, theirs, tmp_path):
    CheckpointFolder(make_gan(optimizer=ours), tmp_path).save(0)
    with pytest.raises(
        InputError, match=r"belongs to another model.* of generator_optimizer, but"
    ):
        restore_newest(make_gan(optimizer=theirs), tmp_path)


def test_values_that_are_not_finite_are_not_saved(gan, tmp_path):
    fill(gan, 1)
    gan.discriminator_optimizer.variables[-1].value.assign(
        np.full(gan.discriminator_optimizer.variables[-1].shape, np.inf)
    )
    with pytest.raises(Diverged, match="discriminator_optimizer"):
        CheckpointFolder(gan, tmp_path / "c").save(1)
    assert not (tmp_path / "c").exists()
