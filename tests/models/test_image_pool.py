"""The pool of generated images against the authors' rule, one image after another."""

import numpy as np
import pytest
import tensorflow as tf

from keras_gan import seeding
from keras_gan.models.base import GenerativeModel
from keras_gan.models.image_pool import ImagePool

SIZE = 3


class Holder(GenerativeModel):
    reported = ("loss",)

    def networks(self):
        return {}


def pool_and_exchange(size=SIZE):
    pool = ImagePool(Holder(seed=1), "pool", size, (1, 1, 1))
    return pool, tf.function(pool.exchange, autograph=False)


def images(*values):
    return tf.constant(values, "float32", [len(values), 1, 1, 1])


def test_one_image_at_a_time_as_the_authors_do():
    """Full: return the new one with probability 1/2, else a random old one for it."""
    _, exchange = pool_and_exchange()
    kept, replaced = [], 0
    for step in range(200):
        seed = tf.constant([5, step], "int64")
        given = float(exchange(images(step), seed)[0, 0, 0, 0])
        if len(kept) < SIZE:
            kept.append(step)
            assert given == step
        elif given != step:
            kept[kept.index(given)] = step  # raises if it was not in the pool
            replaced += 1
    assert 70 < replaced < 130  # of 197 throws of a coin: 98.5, deviation 7


def test_every_place_is_replaced_alike():
    _, exchange = pool_and_exchange()
    ages = []
    for step in range(900):
        seed = tf.constant([1, step], "int64")
        given = float(exchange(images(step), seed)[0, 0, 0, 0])
        if given != step:
            ages.append(step - given)
    # An image leaves with probability 1/6 at each step, so it stays six on average.
    assert np.mean(ages) == pytest.approx(6, abs=1)


def test_images_of_a_batch_do_not_replace_each_other():
    _, exchange = pool_and_exchange()
    exchange(images(0, 1, 2), tf.constant([0, 0], "int64"))
    before = {0.0, 1.0, 2.0}
    for step in range(1, 50):
        batch = [3.0 * step + i for i in range(3)]
        given = exchange(images(*batch), tf.constant([0, step], "int64"))
        given = given.numpy().ravel().tolist()
        old = [value for value, own in zip(given, batch, strict=True) if value != own]
        assert len(set(old)) == len(old) and set(old) <= before
        before = before - set(old) | (set(batch) - set(given))
        assert len(before) == SIZE


def test_a_batch_that_fills_the_pool_is_given_back():
    pool, exchange = pool_and_exchange()
    for batch in ((0, 1), (2, 3)):
        given = exchange(images(*batch), tf.constant([0, batch[0]], "int64"))
        assert given.numpy().ravel().tolist() == list(batch)
    # The fourth found no room.
    assert sorted(pool._images.numpy().ravel()) == [0, 1, 2]


def test_shared_numbers_are_those_of_one_device():
    seed = tf.constant([3, 4], "int64")
    np.testing.assert_array_equal(
        seeding.shared_uniform(7, seed), seeding.uniform([7], seed)
    )
