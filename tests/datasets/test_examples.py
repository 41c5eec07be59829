"""Pairs and domains: windows, flips, epochs, and what a resume relies on."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from keras_gan import datasets
from keras_gan.datasets import Images, Jitter, Paired, conversion, storage
from keras_gan.datasets.conversion import Form
from keras_gan.datasets.examples import load_size_for
from keras_gan.errors import InputError

SIDE, WINDOW = 5, 4  # 10 pictures of 5x5 have 250 different pixels


def numbered(count=10):
    """Pictures in which each pixel tells its picture and its place."""
    values = np.arange(count * SIDE**2, dtype=np.uint8)
    return Images(values.reshape(count, SIDE, SIDE, 1))


def negative(images):
    """The same in three channels, 255 less the value."""
    return Images(np.repeat(255 - images.array, 3, axis=-1))


def pairs(count=10, **options):
    images = {"source": numbered(count), "target": negative(numbered(count))}
    return Paired.of(images, **{"image_size": WINDOW, **options})


def domains(a=10, b=7, **options):
    options = {"image_size": WINDOW, **options}
    return datasets.unpaired(numbered(a), negative(numbered(b)), **options)


def whole(batch):
    return np.rint(batch.numpy()).astype(int)


def places(window):
    """Number of a picture, top, left and flip of one window of `numbered`."""
    window = window[..., 0]
    flipped = bool(window[0, 0] > window[0, -1])
    number, place = divmod(window[0].min(), SIDE**2)
    top, left = divmod(place, SIDE)
    rows = np.arange(WINDOW)[:, np.newaxis] * SIDE + np.arange(WINDOW)
    expected = number * SIDE**2 + place + rows
    np.testing.assert_array_equal(window[:, :: -1 if flipped else 1], expected)
    return int(number), int(top), int(left), flipped


def drawn(data, steps, batch_size=2, **options):
    """Places of a and b, [steps * batch_size, 2, 4]."""
    batches = data.batches(batch_size, (0, 255), **{"first_step": 0, **options})
    found = []
    for first, second in batches.take(steps):
        first, second = whole(first), 255 - whole(second)
        found += [(places(a), places(b)) for a, b in zip(first, second, strict=True)]
    return np.array(found, int)


def test_both_halves_of_a_pair_have_one_window_and_one_flip():
    found = drawn(pairs(), steps=200, batch_size=10)
    np.testing.assert_array_equal(found[:, 0], found[:, 1])
    numbers, counts = np.unique(found[:, 0, 1:], axis=0, return_counts=True)
    # Each of 2 x 2 windows x 2 flips about equally often, 250 of 2,000 times.
    assert len(numbers) == 8
    assert abs(counts - 250).max() < 5 * np.sqrt(250)
    first, second = found[:10, 0], found[10:20, 0]
    assert sorted(first[:, 0]) == sorted(second[:, 0]) == list(range(10))
    again = {tuple(row) for row in first} & {tuple(row) for row in second}
    assert len(again) < 6  # a new window in each epoch


def test_jitter_is_that_of_the_row_and_the_epoch_in_batches_of_any_size():
    for data in (pairs(), domains(10, 10)):
        one, five = (
            drawn(data, 10 // size, size, seed=3, first_step=3 * 10 // size)
            for size in (1, 5)
        )
        np.testing.assert_array_equal(one, five)
        assert not np.array_equal(one, drawn(data, 2, 5, seed=4, first_step=6))


@pytest.mark.parametrize("make", [pairs, domains])
def test_a_resume_gives_the_tail(make):
    uncut = drawn(make(), 25, seed=3).reshape(25, 2, 2, 4)
    for step in (1, 5, 18):
        tail = drawn(make(), 25 - step, seed=3, first_step=step)
        np.testing.assert_array_equal(tail.reshape(-1, 2, 2, 4), uncut[step:])


@pytest.mark.parametrize("make", [pairs, domains])
def test_a_dataset_of_one_epoch_goes_on_with_the_next(make):
    uncut = drawn(make(), 10, seed=3)
    dataset = make().batches(2, (0, 255), seed=3)
    assert len(dataset) == 5
    found = [places(a) for _ in range(2) for one, _ in dataset for a in whole(one)]
    np.testing.assert_array_equal(found, uncut[:, 0])


@pytest.mark.parametrize("make", [pairs, domains])
def test_replicas_and_workers_have_their_parts_of_each_batch(make):
    uncut = drawn(make(), 12, 4, seed=3, first_step=1).reshape(12, 4, 2, 4)
    for workers, replicas in ((1, 2), (2, 4)):
        own, parts = replicas // workers, []
        for worker in range(workers):
            context = tf.distribute.InputContext(workers, worker, replicas)
            found = make().batches(4, (0, 255), seed=3, first_step=1, context=context)
            rows = [
                [places(a), places(255 - b)]
                for first, second in found.take(12 * own)
                for a, b in zip(whole(first), whole(second), strict=True)
            ]
            parts.append(np.reshape(rows, (12, -1, 2, 4)))
        np.testing.assert_array_equal(np.concatenate(parts, axis=1), uncut)


def test_an_epoch_of_two_domains_is_that_of_the_larger():
    for a, b in ((10, 7), (7, 10)):
        data = domains(a, b)
        assert (len(data), data.steps_per_epoch(2)) == (10, 5)
        found = drawn(data, 15)[..., 0].T
        # 5 steps of 2 for ten pictures; 3 steps for seven, of which one waits.
        for numbers, count in zip(found, (a, b), strict=True):
            steps = count // 2
            epochs = numbers[: 15 // steps * steps * 2].reshape(-1, steps * 2)
            assert all(len(set(epoch)) == steps * 2 for epoch in epochs)
            assert set(numbers) == set(range(count))


def test_domains_of_one_length_are_not_paired():
    found = drawn(domains(10, 10), 200, 10)
    same = (found[:, 0] == found[:, 1]).mean(axis=0)
    # Number, top, left, flip: equal as often as by chance, at 5 standard deviations.
    assert same == pytest.approx([0.1, 0.5, 0.5, 0.5], abs=0.06)


def test_flips_alone_and_no_jitter():
    for flip in (True, False):
        data = domains(10, 10, image_size=None, flip=flip)
        batches = data.batches(10, (0, 255), first_step=0).take(10)
        firsts = np.concatenate([whole(a) for a, _ in batches])
        assert firsts.shape == (100, SIDE, SIDE, 1)
        flipped = (firsts[:, 0, 0, 0] > firsts[:, 0, -1, 0]).sum()
        assert (25 < flipped < 75) if flip else flipped == 0


def test_measures_see_pictures_without_jitter():
    data = pairs()
    assert data.shapes == {"source": (4, 4, 1), "target": (4, 4, 3)}
    for name, stored in (("source", numbered()), ("target", negative(numbered()))):
        expected = conversion.resize_arrays(stored.array, Form((4, 4), fit="stretch"))
        np.testing.assert_array_equal(data[name].array, expected)
        np.testing.assert_array_equal(data.arrays[name], expected)
    rows = [whole(part) for part in next(iter(data.in_order(4, (0, 255))))]
    for name, part in zip(data, rows, strict=True):
        np.testing.assert_array_equal(part, data[name].array[:4])
    assert [len(one) for one, _ in data.in_order(4)] == [4, 4, 2]
    assert [len(one) for one, _ in data.in_order(4, most=3)] == [3]
    assert [len(one) for one, _ in domains(10, 7).in_order(7)] == [7]


def test_crops_leave_pictures_whole():
    data = pairs(image_size=3, crop=True)
    assert data["target"].shape == (SIDE, SIDE, 3)
    assert data.shapes == {"source": (3, 3, 1), "target": (3, 3, 3)}
    assert data["source"].array is data.stored["source"].array
    source, target = next(iter(data.in_order(10, (0, 255))))
    np.testing.assert_array_equal(whole(source), numbered().array[:, 1:4, 1:4])
    np.testing.assert_array_equal(255 - whole(target)[..., :1], whole(source))


def test_each_part_has_a_range_of_its_own():
    ranges = {"source": (0.0, 1.0), "target": (-1.0, 1.0)}
    data = pairs(image_size=None).batches(10, ranges)
    assert data.value_range == ranges
    source, target = next(iter(data))
    np.testing.assert_allclose(1 - 2 * source[..., 0], target[..., 0], atol=1e-6)
    assert pairs().in_order(2).value_range == dict.fromkeys(ranges, (-1, 1))


@pytest.mark.parametrize("make", [pairs, domains])
def test_a_share_is_held_out(make):
    rest, held_out = make().split(0.3, seed=1)
    names = [*make()]
    assert [len(rest[n]) + len(held_out[n]) for n in names] == [
        len(make()[n]) for n in names
    ]
    for part in (rest, held_out):
        assert type(part) is type(make())
        assert part.shapes == make().shapes
        for name in names:
            stored = part.stored[name].array
            expected = conversion.resize_arrays(stored, Form((4, 4), fit="stretch"))
            np.testing.assert_array_equal(part[name].array, expected)
    if make is pairs:
        one, other = (held_out.stored[name].array for name in names)
        np.testing.assert_array_equal(255 - one, other[..., :1])


def test_files_that_changed_can_be_named():
    def with_files(images, *files):
        sums = tuple(f"sum of {file} " for file in files)
        return dataclasses.replace(images, files=files, digests=sums)

    one = with_files(numbered(2), "1.png", "2.png")
    data = datasets.unpaired(one, one)
    assert data.files == ("a: 1.png", "a: 2.png", "b: 1.png", "b: 2.png")
    assert len(data.digests) == 4
    data = datasets.unpaired(numbered(2), one)
    assert data.files == ("b: 1.png", "b: 2.png")
    assert domains().files is domains().digests is None
    halves = Paired.of({"source": one, "target": one})
    assert halves.files == ("1.png", "2.png")
    assert halves.digests[0] == "sum of 1.png sum of 1.png "


def test_all_images_share_one_memory_budget():
    size = 100 * SIDE**2

    def stored(budget):
        with storage.within(budget):
            made = [storage.allocate((100, SIDE, SIDE, 1)) for _ in range(2)]
            return [isinstance(array, np.memmap) for array in made]

    assert stored(f"{2 * size / 1e6:.6f}MB") == [False, False]
    assert stored(f"{(2 * size - 1) / 1e6:.6f}MB") == [False, True]
    with storage.within(f"{size / 1e6:.6f}MB"):
        for _ in range(3):  # memory that is given back is free again
            assert not isinstance(storage.allocate((size,)), np.memmap)
        with storage.within("1GB"):  # part of the outer read
            first = storage.allocate((size,))
            second = storage.allocate((size,))
            assert isinstance(second, np.memmap)
            grown = storage.allocate((size,), replaced=first)
            assert not isinstance(grown, np.memmap)


def test_the_load_size_of_the_authors():
    assert load_size_for((256, 256)) == (286, 286)
    assert load_size_for((64, 128)) == (72, 143)


def test_a_window_may_be_anywhere_in_the_picture():
    pictures = numbered(1).array
    most = np.nextafter(np.float32(1), np.float32(0))
    for draw, corner in ((0.0, 0), (most, 6)):
        window = Jitter((4, 4)).cut(pictures, [0], [[draw, draw, most]])
        assert window[0, 0, 0, 0] == corner


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: pairs(image_size=6), "image_size is 6x6, .* are 5x5"),
        (lambda: pairs(image_size=0), "image_size is 0"),
        (lambda: domains(10, 7).batches(8), "batch_size is 8, .* 7 images of b"),
        (lambda: pairs().batches(11), "batch_size is 11, .* 10 images of source"),
        (lambda: pairs().batches(0), "batch_size is 0"),
        (lambda: pairs().batches(2, first_step=-1), "first_step is -1"),
        (lambda: domains(2, 7).split(0.1, 0), "share of 0.1 of 2"),
        (
            lambda: datasets.unpaired(datasets.read("ring"), numbered()),
            "a is vectors .* source of images",
        ),
        (
            lambda: datasets.unpaired(numbered(), datasets.read("digits")),
            "a are 5x5 .* b 8x8.*image_size",
        ),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(make, said):
    with pytest.raises(InputError, match=said):
        make()
