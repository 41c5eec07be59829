import json
import os
import pathlib
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
from sklearn.svm import LinearSVC

from keras_gan import datasets, features
from keras_gan.errors import InputError
from keras_gan.metrics import frechet_distance

RNG = np.random.default_rng(0)

_EXTRACT = """
import sys
import numpy as np
from keras_gan import datasets, features

source = np.load(sys.argv[1])
extractor = features.get("classifier", datasets.Images(source["x"], source["y"]))
found = extractor(source["x"][:50])
np.savez(sys.argv[2], *found, name=extractor.name)
"""


def images(count=12, shape=(8, 8, 1), classes=2):
    array = RNG.integers(256, size=(count, *shape), dtype=np.uint8)
    return datasets.Images(array, np.arange(count) % classes)


def extract(data):
    return features.get("classifier", data)(data.array)


def assert_same(one, other):
    np.testing.assert_array_equal(one.features, other.features)
    np.testing.assert_array_equal(one.probabilities, other.probabilities)


def test_at_least_as_good_as_a_linear_svm(classifier, digits, half):
    rest = digits.array[len(half) :]
    labels = digits.labels[len(half) :]
    svm = LinearSVC(max_iter=10_000, random_state=0)
    svm.fit(half.array.reshape(len(half), -1) / 255, half.labels)
    by_svm = svm.score(rest.reshape(len(rest), -1) / 255, labels)
    found = classifier(rest)
    accuracy = (found.probabilities.argmax(axis=1) == labels).mean()
    assert accuracy >= by_svm > 0.85
    assert abs(classifier.accuracy - accuracy) < 0.05
    assert f"{classifier.accuracy:.1%} right on 90 held out" in classifier.name


def test_form_of_what_is_extracted(classifier, digits):
    found = classifier(digits.array[:300])  # not a whole number of batches
    assert found.features.shape == (300, 128)
    assert found.probabilities.shape == (300, 10)
    assert found.features.dtype == found.probabilities.dtype == np.float32
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, rtol=1e-5)
    assert classifier.class_names == tuple("0123456789")
    for wrong in (
        digits.array[..., 0],
        digits.array / 255,
        np.zeros((2, 9, 8, 1), "B"),
    ):
        with pytest.raises(InputError, match="images"):
            classifier(wrong)


def test_classes_lie_apart(classifier, digits):
    """Halves of one class are close in these features, two classes are far."""
    threes, eights = (
        classifier(digits.array[900:][digits.labels[900:] == label]).features
        for label in (3, 8)
    )
    alike = frechet_distance(threes[::2], threes[1::2])
    assert frechet_distance(threes, eights) > 10 * alike


def test_a_file_of_the_cache_judges_other_images(classifier, digits, home):
    (file,) = pathlib.Path(home, "keras_gan").glob("classifier-*.keras")
    unlabelled = datasets.Images(digits.array)
    of_file = features.get(f"classifier:{file}", unlabelled)
    ours, same = (one(digits.array[:50]) for one in (of_file, classifier))
    np.testing.assert_array_equal(ours.features, same.features)
    assert of_file.accuracy == classifier.accuracy
    assert file.name in of_file.name


@pytest.mark.parametrize("content", [None, b"no archive"])
def test_refuses_what_is_no_classifier(content, tmp_path, digits):
    file = tmp_path / "judge.keras"
    if content:
        file.write_bytes(content)
    with pytest.raises(InputError, match=r"judge\.keras' is not a classifier"):
        features.get(f"classifier:{file}", digits)


def test_refuses_a_file_whose_layer_calls_a_function(tmp_path, digits):
    image = keras.Input((8, 8, 1))
    made = keras.layers.Flatten()(keras.layers.Activation("relu")(image))
    keras.Model(image, [made, made]).save(tmp_path / "saved.keras")
    with (
        zipfile.ZipFile(tmp_path / "saved.keras") as saved,
        zipfile.ZipFile(tmp_path / "judge.keras", "w") as judge,
    ):
        for name in saved.namelist():
            function = {"class_name": "function", "config": "negative"}
            evil = json.dumps({"module": "keras.ops", **function}).encode()
            judge.writestr(name, saved.read(name).replace(b'"relu"', evil))
        judge.writestr("held_out.json", '{"accuracy": 1}')
    with pytest.raises(
        InputError, match=r"\(a layer would call keras\.ops\.negative\)"
    ):
        features.get(f"classifier:{tmp_path / 'judge.keras'}", digits)


def test_a_second_process_reads_the_cache(classifier, digits, half, home, tmp_path):
    (file,) = (home / "keras_gan").iterdir()
    before = file.stat()
    np.savez(tmp_path / "half.npz", x=half.array, y=half.labels)
    in_process(home, tmp_path / "half.npz", tmp_path / "found.npz").check_returncode()
    assert file.stat().st_mtime_ns == before.st_mtime_ns
    assert file.stat().st_ino == before.st_ino
    assert list(file.parent.iterdir()) == [file]
    found = np.load(tmp_path / "found.npz")
    assert found["name"] == classifier.name
    assert_same(
        features.Extracted(found["arr_0"], found["arr_1"]), classifier(half.array[:50])
    )


def in_process(home, *arguments):
    environment = {**os.environ, "KERAS_HOME": str(home)}
    command = [sys.executable, "-c", _EXTRACT, *map(str, arguments)]
    return subprocess.run(command, env=environment)


def test_what_is_trained_again(cache):
    data = images()
    first = extract(data)
    assert len(list(cache.iterdir())) == 1
    assert_same(extract(data), first)
    memory_mapped = np.memmap(
        cache.parent / "x", np.uint8, "w+", shape=data.array.shape
    )
    memory_mapped[:] = data.array
    assert_same(extract(datasets.Images(memory_mapped, data.labels)), first)
    assert len(list(cache.iterdir())) == 1
    memory_mapped[0, 0, 0, 0] += 1
    extract(datasets.Images(memory_mapped, data.labels))
    assert len(list(cache.iterdir())) == 2
    extract(datasets.Images(data.array, 1 - data.labels))
    assert len(list(cache.iterdir())) == 3


def test_training_depends_on_the_images_alone(cache, tmp_path, monkeypatch):
    """Neither on seeds nor on the precision that the GAN has, nor on the other way."""
    data = images()
    first = extract(data)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "elsewhere"))
    keras.utils.set_random_seed(5)
    keras.config.set_dtype_policy("mixed_float16")
    try:
        again = extract(data)
        assert keras.config.dtype_policy().name == "mixed_float16"
    finally:
        keras.config.set_dtype_policy("float32")
    assert again.features.dtype == np.float32
    assert_same(again, first)
    assert np.random.rand() == np.random.RandomState(5).rand()


def flip_a_bit(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def put_another(file):
    keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()]).save(file)


def test_a_spoilt_cache_file_is_replaced(cache):
    data = images()
    first = extract(data)
    (file,) = cache.iterdir()
    for spoil in (flip_a_bit, put_another):
        spoil(file)
        with pytest.warns(UserWarning, match="trained again"):
            assert_same(extract(data), first)
        assert list(cache.iterdir()) == [file]
        assert_same(extract(data), first)


def test_held_out_images_are_not_learned(cache):
    """Labels by lot can be learned by heart only, and so not where they are held out.

    Of 60 held-out images 30 are right by chance, with a deviation of 4.
    """
    labels = np.random.default_rng(1).integers(2, size=600)
    data = datasets.Images(images(600).array, labels)
    extractor = features.get("classifier", data)
    assert 0.35 < extractor.accuracy < 0.65
    said = extractor(data.array).probabilities.argmax(axis=1)
    assert (said == labels).mean() > 0.7


def test_classes_of_one_image_are_learned_all_the_same(cache):
    data = images(13)
    data.labels[-1] = 2
    extractor = features.get("classifier", data)
    assert "on 2 held out" in extractor.name
    assert extractor(data.array).probabilities.shape == (13, 3)


def test_any_size_and_channels(cache):
    found = extract(images(12, (9, 31, 3)))
    assert found.features.shape == (12, 128)
    assert np.isfinite(found.features).all()


def test_without_a_place_for_the_cache(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    data = images()
    extract(data)
    assert len(list((tmp_path / ".keras" / "keras_gan").iterdir())) == 1


@pytest.mark.slow
def test_two_processes_at_once(tmp_path):
    data = images(200)
    np.savez(tmp_path / "data.npz", x=data.array, y=data.labels)
    environment = {**os.environ, "KERAS_HOME": str(tmp_path)}
    arguments = [[tmp_path / "data.npz", tmp_path / f"{i}.npz"] for i in range(2)]
    processes = [
        subprocess.Popen([sys.executable, "-c", _EXTRACT, *two], env=environment)
        for two in arguments
    ]
    assert [process.wait() for process in processes] == [0, 0]
    one, other = (np.load(tmp_path / f"{i}.npz") for i in range(2))
    np.testing.assert_array_equal(one["arr_0"], other["arr_0"])
    assert len(list((tmp_path / "keras_gan").iterdir())) == 1


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(48, 40, 4), (256, 256, 3)])
def test_large_images(cache, shape):
    found = extract(images(12, shape))
    assert found.features.shape == (12, 128)
    assert np.isfinite(found.features).all()
