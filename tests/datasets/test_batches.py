"""Batches: what a training loop relies on."""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_gan import datasets
from keras_gan.datasets import Images, storage
from keras_gan.errors import InputError


def numbered(count=103):
    """One-pixel images whose value and label are their position."""
    array = np.arange(count, dtype=np.uint8).reshape(-1, 1, 1, 1)
    return Images(array, np.arange(count, dtype=np.int64))


def on_disk(images):
    with tempfile.TemporaryFile() as file:
        array = np.memmap(file, np.uint8, "w+", shape=images.array.shape)
    array[:] = images.array
    return Images(array, images.labels)


def order(dataset, steps=None):
    """The positions of the images, [steps, batch_size]."""
    batches = dataset if steps is None else dataset.take(steps)
    return np.stack([batch.numpy().reshape(-1) for batch in batches])


def positions(images, **options):
    return images.batches(10, value_range=(0, 255), **options)


@pytest.mark.parametrize("place", [lambda images: images, on_disk])
def test_every_image_appears_once_per_epoch(place):
    images = place(numbered())
    for drawn in (
        order(positions(images)),
        order(positions(images, first_step=0), 10),
        order(positions(images, first_step=20), 10),
    ):
        assert drawn.shape == (10, 10)  # 3 of 103 images are left out
        assert len(np.unique(drawn)) == 100


def test_every_image_gets_its_turn_over_the_epochs():
    drawn = order(positions(numbered(), first_step=0), 100)
    assert len(np.unique(drawn)) == 103


def test_finite_dataset_is_one_epoch_and_differs_each_time():
    dataset = positions(numbered())
    assert len(dataset) == 10
    assert not np.array_equal(order(dataset), order(dataset))


def test_finite_dataset_is_repeated_by_its_seed():
    first, second, other = (positions(numbered(), seed=s) for s in (5, 5, 6))
    epochs = [order(first) for _ in range(3)]
    np.testing.assert_array_equal(epochs, [order(second) for _ in range(3)])
    assert not np.array_equal(epochs, [order(other) for _ in range(3)])


@pytest.mark.parametrize("place", [lambda images: images, on_disk])
@pytest.mark.parametrize("step", [1, 9, 10, 11, 25, 30])
def test_resume_gives_the_tail(place, step):
    images = place(numbered())
    whole = order(positions(images, seed=3, first_step=0), 40)
    tail = order(positions(images, seed=3, first_step=step), 40 - step)
    np.testing.assert_array_equal(tail, whole[step:])


def test_memory_and_disk_give_the_same_batches():
    images = numbered()
    np.testing.assert_array_equal(
        order(positions(images, first_step=7), 20),
        order(positions(on_disk(images), first_step=7), 20),
    )


def test_epochs_and_seeds_are_unrelated():
    # Over 300 epochs, because the permutations of index_shuffle repeat after 256, and
    # with 5,000 images, because those of successive epochs correlate.
    count = 5000
    images = Images(np.zeros((count, 1), np.float32), np.arange(count))
    endless = images.batches(count, labels=True, first_step=0)
    epochs = [labels.numpy() for _, labels in endless.take(300)]
    assert len({epoch.tobytes() for epoch in epochs}) == 300
    relation = np.corrcoef(epochs[:20])[~np.eye(20, dtype=bool)]
    assert np.abs(relation).max() < 5 / np.sqrt(count)
    other = next(iter(images.batches(count, labels=True, first_step=0, seed=1)))[1]
    assert abs(np.corrcoef(epochs[0], other)[0, 1]) < 5 / np.sqrt(count)


def test_order_does_not_depend_on_the_process():
    script = (
        "import numpy as np; from keras_gan import datasets;"
        "a = np.arange(103, dtype=np.uint8).reshape(-1, 1, 1);"
        "d = datasets.read(a).batches(10, (0, 255), seed=4, first_step=8);"
        "f = datasets.read(a).batches(10, (0, 255), seed=4);"
        "print([int(v) for p in (d.take(5), f) for b in p for v in b.numpy().flat])"
    )
    other = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(datasets.__file__).parents[2],
    )
    endless = order(positions(numbered(), seed=4, first_step=8), 5)
    finite = order(positions(numbered(), seed=4))
    expected = [int(v) for part in (endless, finite) for v in part.flat]
    assert other.stdout.strip() == str(expected)


def test_labels_stay_with_their_images():
    for images in (numbered(), on_disk(numbered())):
        for pixels, labels in positions(images, labels=True):
            assert labels.dtype == tf.int64
            np.testing.assert_array_equal(pixels.numpy().reshape(-1), labels)


@pytest.mark.parametrize(
    ("value_range", "expected"),
    [
        ((-1.0, 1.0), [-1, 0.00392157, 1]),
        ((0.0, 1.0), [0, 0.50196078, 1]),
        ((0, 255), [0, 128, 255]),
    ],
)
def test_value_range_is_exact_at_its_ends(value_range, expected):
    images = Images(np.array([0, 128, 255], np.uint8).reshape(3, 1, 1, 1))
    (batch,) = images.batches(3, value_range)
    values = np.sort(batch.numpy().reshape(-1))
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-7)
    assert (values[0], values[2]) == value_range


@pytest.mark.parametrize("place", [lambda images: images, on_disk])
@pytest.mark.parametrize("first_step", [None, 0])
def test_shapes_are_static(place, first_step):
    images = place(Images(np.zeros((9, 6, 5, 3), np.uint8), np.zeros(9, np.int64)))
    pixels, labels = images.batches(4, labels=True, first_step=first_step).element_spec
    assert pixels.shape == (4, 6, 5, 3)
    assert labels.shape == (4,)
    assert images.shape == (6, 5, 3)


def test_vectors_are_not_scaled():
    vectors = np.array([[0.0, 300.0], [-7.0, 0.5]], np.float32)
    for value_range in ((0, 1), None):
        (batch,) = Images(vectors).batches(2, value_range)
        np.testing.assert_array_equal(np.sort(batch, axis=0), np.sort(vectors, axis=0))


def test_images_need_a_range():
    with pytest.raises(InputError, match="value_range is None"):
        numbered().batches(2, value_range=None)


def test_images_are_not_copied_into_the_graph():
    images = Images(np.zeros((4000, 32, 32, 3), np.uint8))
    dataset = images.batches(10)
    tensor = dataset._variant_tensor  # a lean graph is the point, so look inside
    graph = tf.raw_ops.DatasetToGraphV2(input_dataset=tensor).numpy()
    held = tf.compat.v1.GraphDef.FromString(graph)
    sizes = [f.ByteSize() for f in held.library.function]
    assert max(sizes) < 100_000


def test_arrays_above_the_memory_budget_live_in_a_temporary_file():
    budget = f"{1797 * 8 * 8 / 1e6:.6f}MB"
    inside = datasets.read("digits", memory_budget=budget)
    outside = datasets.read("digits", image_size=10, memory_budget=budget)
    assert not isinstance(inside.array, np.memmap)
    assert isinstance(outside.array, np.memmap)
    np.testing.assert_array_equal(
        outside.array, datasets.read("digits", image_size=10).array
    )


def test_memory_budgets():
    budgets = {"1.5 GB": 15 * 10**8, "500MiB": 500 * 2**20, "2GiB": 2**31, "0MB": 0}
    assert {text: storage.bytes_of(text) for text in budgets} == budgets
    for text in ("lots", "5", "-1GB", "1TB", "5 gb", ""):
        with pytest.raises(InputError, match="memory_budget"):
            datasets.read("digits", memory_budget=text)


def test_images_are_in_memory_once(run_python):
    code = r"""
import numpy as np, re
from keras_gan.datasets import Images
# Not getrusage: what that counts begins with the peak of the process that started us.
status = lambda: open("/proc/self/status").read()
peak = lambda: int(re.search(r"VmHWM:\s+(\d+) kB", status())[1]) / 2**10
small = Images(np.zeros((128, 32, 32, 3), np.uint8))
next(iter(small.batches(128, first_step=0)))
before = peak()
images = Images(np.ones((100_000, 32, 32, 3), np.uint8))
next(iter(images.batches(128, first_step=0)))
print((peak() - before) / (images.array.nbytes / 2**20))
"""
    assert 0.9 < float(run_python(code).split()[-1]) < 1.3


@pytest.mark.parametrize("step", [0, 7])
def test_replicas_have_their_parts_of_each_batch(step):
    images = numbered()
    whole = order(positions(images, seed=3, first_step=step), 25)
    for workers, replicas in ((1, 5), (5, 5), (5, 10)):
        own = replicas // workers
        parts = []
        for worker in range(workers):
            context = tf.distribute.InputContext(workers, worker, replicas)
            dataset = positions(images, seed=3, first_step=step, context=context)
            drawn = order(dataset, 25 * own)
            parts.append(drawn.reshape(25, -1))
        np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)
    one_epoch = positions(images, context=tf.distribute.InputContext(5, 4, 5))
    assert len(one_epoch) == len(order(one_epoch)) == 10


def test_a_batch_that_replicas_cannot_share():
    with pytest.raises(InputError, match="10 cannot be divided among 3"):
        positions(numbered(), context=tf.distribute.InputContext(1, 0, 3))


def test_too_few_images_for_a_batch():
    with pytest.raises(InputError, match=r"104.*103"):
        numbered().batches(104)
    with pytest.raises(InputError, match="0"):
        numbered().batches(0)
    assert numbered().steps_per_epoch(103) == 1
    assert numbered().steps_per_epoch(10) == 10


def test_arguments_that_cannot_be():
    with pytest.raises(InputError, match="labels"):
        Images(np.zeros((4, 1, 1, 1), np.uint8)).batches(2, labels=True)
    with pytest.raises(InputError, match="-3"):
        numbered().batches(2, first_step=-3)
    with pytest.raises(InputError, match=r"\(1, -1\)"):
        numbered().batches(2, value_range=(1, -1))


def test_number_of_classes():
    array = np.zeros((3, 1, 1, 1), np.uint8)
    assert Images(array).num_classes is None
    assert Images(array, np.array([0, 4, 1])).num_classes == 5
    assert Images(array, np.array([0, 0, 0]), ("a", "b")).num_classes == 2


def test_order_does_not_depend_on_the_global_seed():
    tf.random.set_seed(1)
    first = order(positions(numbered(), seed=4))
    tf.random.set_seed(2)
    second = order(positions(numbered(), seed=4))
    np.testing.assert_array_equal(first, second)
