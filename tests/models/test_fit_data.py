"""Every kind of data that `fit` takes: the same errors, no batch lost, a watch."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gan import DCGAN, GAN, Diverged, InputError, datasets
from keras_gan.models import fit_data
from keras_gan.networks import maxout_discriminator, mlp_generator

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(-1, 1, size=(12, 8, 8, 1)).astype("float32")
LABELS = np.arange(12) % 3


class Batches(keras.utils.PyDataset):
    def __init__(self, *parts):
        super().__init__()
        self.parts = parts

    def __len__(self):
        return len(self.parts[0]) // 4

    def __getitem__(self, i):
        # TensorFlow may compute in the memory of an array that it was given.
        return tuple(part[4 * i : 4 * i + 4].copy() for part in self.parts)


def generator(*parts):
    yield from Batches(*parts)


def one_by_one(*parts):
    return tf.data.Dataset.from_tensor_slices(parts).batch(4)


def from_generator(*parts):
    """A data set of batches of any size, as from a source without a length."""
    specs = [tf.TensorSpec((None, *p.shape[1:]), p.dtype) for p in parts]
    return tf.data.Dataset.from_generator(
        lambda: generator(*parts), output_signature=tuple(specs)
    )


KINDS = {
    "array": lambda *parts: parts,
    "tensor": lambda *parts: tuple(map(tf.constant, parts)),
    "tf.data": lambda *parts: (one_by_one(*parts),),
    "from_generator": lambda *parts: (from_generator(*parts),),
    "PyDataset": lambda *parts: (Batches(*parts),),
    "generator": lambda *parts: (generator(*parts),),
}


def small_gan(num_classes=None, value_range=(-1, 1)):
    gan = GAN(
        mlp_generator((8, 8, 1), 2, (4,), "tanh", num_classes, seed=1),
        maxout_discriminator((8, 8, 1), (3,), 2, num_classes, seed=2),
        latent_dim=2,
        value_range=value_range,
        num_classes=num_classes,
        seed=1,
    )
    gan.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1))
    return gan


@pytest.fixture(scope="module")
def gans():
    """A model without classes and one of three, as no faulty batch may train them."""
    return {None: small_gan(), 3: small_gan(3)}


def with_value(images, value, at=3):
    images = images.copy()
    images[at, 2, 1] = value
    return images


FAULTS = {
    "bytes": ((((IMAGES + 1) * 127).astype("uint8"),), "uint8"),
    "0 to 255": (((IMAGES + 1) * 127.5,), "from 0"),
    "0 to 1": (((IMAGES + 1) / 2,), r"\[-1, 1\]"),
    "-1e-9 to 1": ((with_value((IMAGES + 1) / 2, -1e-9),), r"\[-1, 1\]"),
    "NaN": ((with_value(IMAGES, np.nan),), "NaN"),
    "infinite": ((with_value(IMAGES, np.inf),), "infinite"),
    "shape": ((IMAGES[:, :4],), r"\(4, 8, 1\)"),
    "no channels": ((IMAGES[..., 0],), r"\(8, 8\)"),
    "labels": ((IMAGES, LABELS), r"takes image, .* is 2.*num_classes"),
    "weights": ((IMAGES, LABELS, np.ones(12, "float32")), "weights|sample_weight"),
    "no labels": ((IMAGES,), r"takes image and label, .* is 1"),
    "labels from 1": ((IMAGES, LABELS + 1), "labels go from 1 to 3"),
    "negative labels": ((IMAGES, LABELS - 1), "labels go from -1"),
    "float labels": ((IMAGES, LABELS.astype("float32")), "float32"),
    "one-hot labels": ((IMAGES, np.eye(3, dtype="int64")[LABELS]), r"3\)"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", KINDS)
def test_faulty_data_is_refused_before_the_first_step(kind, fault, gans):
    parts, named = FAULTS[fault]
    conditional = fault == "no labels" or (len(parts) == 2 and fault != "labels")
    gan = gans[3 if conditional else None]
    arguments = KINDS[kind](*parts)
    options = {}
    if len(arguments) == 3:
        options["sample_weight"] = arguments[2]
    with pytest.raises(InputError, match=named):
        gan.fit(*arguments[:2], verbose=0, **options)
    assert int(gan.step) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_good_data_trains(kind):
    gan = small_gan(3)
    history = gan.fit(
        *KINDS[kind](IMAGES, LABELS), verbose=0, steps_per_epoch=3, batch_size=None
    ).history
    assert int(gan.step) == 3
    assert all(np.isfinite(values).all() for values in history.values())


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_other_floats_train(dtype):
    gan = small_gan()
    images = tf.cast(IMAGES, dtype)
    gan.fit(tf.data.Dataset.from_tensors(images), verbose=0)
    assert int(gan.step) == 1


def test_no_batch_of_a_generator_is_lost():
    seen = []

    class Recorder(GAN):
        def train_step(self, data):
            images = keras.utils.unpack_x_y_sample_weight(data)[0]
            seen.append(float(images[0, 0, 0, 0]))
            return super().train_step(data)

    plain = small_gan()
    gan = Recorder(plain.generator, plain.discriminator, 2)
    gan.compile("sgd", "sgd", run_eagerly=True)

    gan.fit(generator(IMAGES), verbose=0)
    assert seen == IMAGES[::4, 0, 0, 0].tolist()


@pytest.mark.parametrize(
    "data",
    [
        [*IMAGES],
        {"image": IMAGES},
        (IMAGES, LABELS),
        "folder:photos",
        None,
        iter([IMAGES]),
    ],
)
def test_data_of_another_kind_is_refused(data, gans):
    with pytest.raises(InputError, match=r"the data is a .*tf\.data\.Dataset"):
        gans[None].fit(data, verbose=0)


@pytest.mark.parametrize("batch", [{"image": IMAGES}, ((IMAGES, IMAGES),)])
def test_a_batch_of_several_parts_is_refused(batch, gans):
    with pytest.raises(InputError, match="it must be one array"):
        gans[None].fit(tf.data.Dataset.from_tensors(batch), verbose=0)


@pytest.mark.parametrize(
    "data",
    [
        IMAGES[:0],
        one_by_one(IMAGES[:0]),
        Batches(IMAGES[:0]),
        generator(IMAGES[:0]),
    ],
)
def test_data_without_a_batch_is_refused(data, gans):
    with pytest.raises(InputError, match=r"0 rows|empty"):
        gans[None].fit(data, verbose=0)


# Ranges -----------------------------------------------------------------------


@pytest.mark.parametrize("overshoot", [1e-7, 1e-3])
@pytest.mark.parametrize("value_range", [(-1, 1), (0, 1)])
def test_rounding_at_the_ends_of_the_range_trains(overshoot, value_range):
    images = IMAGES if value_range[0] else (IMAGES + 1) / 2
    images = with_value(images, 1 + overshoot)
    images = with_value(images, value_range[0] - overshoot, at=4)
    gan = small_gan(value_range=value_range)
    gan.fit(images, verbose=0)
    assert int(gan.step) == 1


@pytest.mark.parametrize("value", [1.1, -1.1])
def test_values_clearly_outside_are_refused(value, gans):
    with pytest.raises(InputError, match=r"1\.1"):
        gans[None].fit(with_value(IMAGES, value), verbose=0)


def test_images_in_0_to_1_for_a_generator_of_0_to_255_are_refused():
    with pytest.raises(InputError, match=r"\[0, 255\]"):
        small_gan(value_range=(0, 255)).fit(np.abs(IMAGES), verbose=0)


def test_pale_images_that_the_project_scaled_train():
    pale = datasets.read(RNG.integers(128, 256, (12, 8, 8, 1)).astype("uint8"))
    for first_step in (None, 0):
        gan = small_gan()
        gan.fit(pale.batches(4, first_step=first_step), steps_per_epoch=2, verbose=0)
        assert int(gan.step) == 2


PALE = datasets.read(np.full((12, 8, 8, 1), 200, "uint8"))
SAME_VALUES = {
    "take": lambda batches: batches.take(2),
    "skip": lambda batches: batches.skip(1),
    "repeat": lambda batches: batches.repeat(2),
    "shuffle": lambda batches: batches.shuffle(2),
    "cache": lambda batches: batches.cache(),
    "prefetch": lambda batches: batches.prefetch(1),
    "shard": lambda batches: batches.shard(2, 0),
    "options": lambda batches: batches.with_options(tf.data.Options()),
    "concatenate": lambda batches: batches.concatenate(PALE.batches(4)),
    "several": lambda batches: batches.cache().shuffle(2).repeat(2).take(1),
}


@pytest.mark.parametrize("change", SAME_VALUES)
def test_the_range_stays_known_if_the_values_stay(change):
    batches = SAME_VALUES[change](PALE.batches(4, value_range=(-1, 1)))
    assert fit_data.known_range(batches) == (-1, 1)


def test_the_range_is_not_known_if_the_values_may_have_changed():
    batches = PALE.batches(4)
    unknown = one_by_one(IMAGES).map(lambda images: images)
    for changed in (
        batches.map(lambda images: images / 2),
        batches.map(lambda images: images / 2).repeat(2),
        batches.concatenate(unknown),
        batches.concatenate(PALE.batches(4, (0, 1))),
    ):
        assert fit_data.known_range(changed) is None


def test_the_message_about_pale_images_has_a_remedy_that_works():
    gan = small_gan()
    batches = PALE.batches(4).map(lambda images: images * 0.9)
    with pytest.raises(InputError, match=r"value_range = \(-1, 1\)\."):
        gan.fit(batches, verbose=0)
    batches.value_range = (-1, 1)
    gan.fit(batches.take(1), verbose=0)
    gan.fit(PALE.batches(4).take(1), verbose=0)
    assert int(gan.step) == 2


def test_images_that_the_project_scaled_otherwise_are_refused(gans):
    images = datasets.read(RNG.integers(0, 256, (12, 8, 8, 1)).astype("uint8"))
    with pytest.raises(InputError, match=r"\[-1, 1\]"):
        gans[None].fit(images.batches(4, (0, 1)), verbose=0)


# Later batches ----------------------------------------------------------------


@pytest.fixture(scope="module", params=[(False, 1), (True, 2)])
def watched(request):
    """A model, with and without XLA, and its weights before any fault."""
    jit_compile, steps_per_execution = request.param
    gan = small_gan(3)
    gan.compile(
        "sgd", "sgd", jit_compile=jit_compile, steps_per_execution=steps_per_execution
    )
    return gan, gan.get_weights()


@pytest.mark.parametrize(
    ("images", "labels", "named"),
    [
        (with_value(IMAGES, np.nan, at=9), LABELS, "held NaN"),
        (with_value(IMAGES, 1.1, at=9), LABELS, r"outside \[-1, 1\]"),
        (IMAGES, np.array([*LABELS[:11], 3]), "labels outside 0 to 2"),
        (IMAGES, np.array([*LABELS[:11], -1]), "labels outside 0 to 2"),
    ],
)
def test_a_fault_of_a_later_batch_is_told(images, labels, named, watched):
    gan, weights = watched
    gan.set_weights(weights)
    start = int(gan.step)
    batches = one_by_one(images, labels).repeat()
    with pytest.raises(InputError, match=rf"step {start + 2} .*{named}"):
        gan.fit(batches, steps_per_epoch=4, epochs=3, verbose=0)
    assert int(gan.step) == start + 4
    gan.set_weights(weights)
    # And nothing of it stays.
    gan.reset_metrics()
    gan.require_finite()


def test_a_fault_is_told_before_a_checkpoint():
    gan = small_gan(3)
    gan.fit(IMAGES[:4], LABELS[:4], verbose=0)
    gan.train_step((IMAGES[:4], LABELS[:4] + 1))
    with pytest.raises(InputError, match="step 1 held labels"):
        gan.require_finite()
    gan.train_step((IMAGES[:4], LABELS[:4]))
    gan.require_finite()


def test_without_a_range_only_infinite_values_are_faults():
    gan = small_gan(value_range=None)
    gan.fit(1e6 * IMAGES, verbose=0)
    gan.train_step(with_value(IMAGES, -np.inf))
    with pytest.raises(Diverged, match="step 1 held NaN or infinite"):
        gan.require_finite()


def test_the_watch_has_no_part_in_saved_state(gans):
    state = gans[None].training_state()
    assert [*state] == [
        *("generator", "discriminator", "averaged_generator"),
        *("generator_optimizer", "discriminator_optimizer"),
        *("seeds", "metrics", "step"),
    ]
    watched = gans[None]._watch._notes
    assert all(v is not watched for values in state.values() for v in values)
    assert all(v.path != watched.name for v in gans[None].variables)


# Replicas ---------------------------------------------------------------------

ON_REPLICAS = """
import json, sys
import keras, numpy as np, tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 2,
)
sys.path.insert(0, sys.argv[1])
import test_fit_data as tests
from keras_gan import InputError

images, labels = tests.IMAGES, tests.LABELS
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    gan = tests.small_gan(3)
found = {}


def attempt(name, *data, **options):
    before = int(gan.step.numpy())
    try:
        gan.fit(*data, verbose=0, **options)
        found[name] = "trained"
    except InputError as error:
        found[name] = str(error)
    found[name] += f" {int(gan.step.numpy()) - before}"


def batches(*parts, size=4):
    return tf.data.Dataset.from_tensor_slices(parts).batch(size, drop_remainder=True)


class Uneven(tests.Batches):
    def __getitem__(self, i):
        return tuple(part[:3] for part in super().__getitem__(i))


def distributed(*parts):
    return strategy.experimental_distribute_dataset(batches(*parts))


attempt("array", images, labels, batch_size=4)
attempt("array 5", images, labels, batch_size=5)
attempt("array 11", images[:11], labels[:11], batch_size=4)
attempt("tf.data", batches(images, labels))
attempt("tf.data 3", batches(images, labels, size=3))
attempt("PyDataset", tests.Batches(images, labels))
attempt("PyDataset 3", Uneven(images, labels))
attempt("generator", tests.generator(images, labels), steps_per_epoch=3)
attempt("endless?", tests.generator(images, labels))
attempt("generator 3", tests.generator(images[:3], labels[:3]))
attempt("distributed", distributed(images, labels))
attempt("distributed labels", distributed(images, labels + 1))
attempt("distributed range", distributed(100 * images, labels))
late = labels.copy()
late[11] = 3  # of the second replica
attempt("distributed late", distributed(images, late))


class Views(tests.Batches):
    def __getitem__(self, i):
        return tuple(part[4 * i : 4 * i + 4] for part in self.parts)


# TensorFlow shares the memory of an array that begins at a multiple of 64 bytes.
room = np.empty(images.size + 16, "float32")
start = -room.ctypes.data % 64 // 4
own = room[start : start + images.size].reshape(images.shape)
own[:] = images
gan.compile("sgd", "sgd")
for name, data in {
    "PyDataset": Views(own, labels),
    "generator": (Views(own, labels)[i] for i in range(3)),
}.items():
    attempt(f"views of a {name}", data, steps_per_epoch=3)
    found[f"views of a {name}"] += f", changed {int((own != images).sum())}"
    own[:] = images
one = tests.small_gan(3)
one.set_weights(gan.get_weights())
for rows in (8, 9):
    held_out = images[:rows], labels[:rows]
    found[f"evaluated {rows}"] = [
        model.evaluate(*held_out, batch_size=4, verbose=0) for model in (gan, one)
    ]
with open(sys.argv[2], "w") as file:
    json.dump(found, file)
"""


@pytest.fixture(scope="module")
def on_replicas(tmp_path_factory):
    out = tmp_path_factory.mktemp("replicas") / "found.json"
    here = Path(__file__).parent
    path = os.pathsep.join([*filter(None, sys.path), str(here.parents[1])])
    result = subprocess.run(
        [sys.executable, "-c", ON_REPLICAS, str(here), str(out)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr[-4000:]
    return json.loads(out.read_text())


@pytest.mark.parametrize(
    "kind", ["array", "tf.data", "PyDataset", "generator", "distributed"]
)
def test_batches_that_replicas_can_share_train(kind, on_replicas):
    assert on_replicas[kind] == "trained 3"


@pytest.mark.parametrize("kind", ["array 5", "array 11", "tf.data 3", "PyDataset 3"])
def test_batches_that_replicas_cannot_share_are_refused(kind, on_replicas):
    assert "multiple of 2" in on_replicas[kind]
    assert on_replicas[kind].endswith(" 0")


def test_data_of_unknown_length_needs_steps_on_replicas(on_replicas):
    # TensorFlow would take one more step with no image (2.21).
    assert "give fit steps_per_epoch" in on_replicas["endless?"]
    assert on_replicas["endless?"].endswith(" 0")


def test_the_data_of_replicas_is_looked_at(on_replicas):
    assert "labels go from 1 to 3" in on_replicas["distributed labels"]
    assert "from -9" in on_replicas["distributed range"]
    assert "step" in on_replicas["distributed late"]
    assert "labels outside 0 to 2" in on_replicas["distributed late"]


@pytest.mark.parametrize("kind", ["PyDataset", "generator"])
def test_arrays_of_the_user_keep_their_values(kind, on_replicas):
    assert on_replicas[f"views of a {kind}"] == "trained 3, changed 0"


@pytest.mark.parametrize("rows", [8, 9])
def test_replicas_measure_held_out_data_as_one_device_does(rows, on_replicas):
    # Of 9 images in batches of 4 the last batch leaves one replica without any.
    replicas, one = on_replicas[f"evaluated {rows}"]
    assert replicas == pytest.approx(one, abs=1e-5)
    assert np.isfinite(one).all()


def test_a_dcgan_of_pale_images_in_a_folder_trains(tmp_path):
    from PIL import Image

    folder = tmp_path / "pale"
    folder.mkdir()
    for i in range(12):
        pixels = RNG.integers(128, 256, (8, 8)).astype("uint8")
        Image.fromarray(pixels).save(folder / f"{i}.png")
    images = datasets.read(f"folder:{folder}", image_size=8, channels=1)
    assert images.array.min() >= 128
    gan = DCGAN((8, 8, 1), 4, 2, seed=1)
    gan.compile("sgd", "sgd")
    gan.fit(images.batches(4), verbose=0)
    assert int(gan.step) == 3
