"""What is written where, what is refused, and what a failed verification leaves."""

import dataclasses
import json
import re
from pathlib import Path

import keras
import numpy as np
import onnx
import pytest

import export
import export.onnx
import export.saved_model
from export.formats import ExportOptions
from export.report import ExportResult
from keras_gan import InputError


@pytest.fixture
def spoiled(monkeypatch):
    """Returns a function that makes a format write other weights than asked for."""

    def spoil(module):
        write = module.write

        def write_another(exportable, path):
            network = exportable.networks["generator"]
            weights = network.get_weights()
            network.set_weights([1.01 * w for w in weights])
            write(exportable, path)
            network.set_weights(weights)

        monkeypatch.setattr(module, "write", write_another)

    return spoil


@pytest.fixture
def other_function(gan, monkeypatch):
    """Returns a function that has the model say another `serving_default`."""
    signatures = gan.signatures

    def say(function):
        def changed(networks):
            said = signatures(networks)
            default = dataclasses.replace(
                said["serving_default"],
                function=lambda latent: {"image": function(latent)},
            )
            return said | {"serving_default": default}

        monkeypatch.setattr(gan, "signatures", changed)

    return say


def to_saved_model(gan, folder, **options):
    return export.to_saved_model(gan, folder / "model", **options)


def to_onnx(gan, folder, **options):
    return export.to_onnx(gan, folder / "model.onnx", **options)


EXPORTS = pytest.mark.parametrize(
    ("to", "module"),
    [(to_saved_model, export.saved_model), (to_onnx, export.onnx)],
    ids=["saved-model", "onnx"],
)


@EXPORTS
def test_an_export_that_differs_is_not_published(to, module, gan, tmp_path, spoiled):
    spoiled(module)
    with pytest.raises(export.VerificationError, match=r"differs .* by 0\.\d+") as info:
        to(gan, tmp_path)
    assert list(tmp_path.iterdir()) == []
    (row,) = info.value.rows
    assert row.passed is False
    assert row.largest_difference > 1e-3
    assert f"{row.largest_difference:.3g}" in str(info.value)


@EXPORTS
def test_batch_statistics_are_found(to, module, gan, tmp_path, other_function):
    # In the reference too, so that only a row made alone can tell.
    other_function(lambda latent: gan.generator(latent, training=True))
    # Two loaders of it may differ too, as statistics of one row divide by nearly 0.
    with pytest.raises(export.VerificationError, match=r"alone|in the C\+\+ loader"):
        to(gan, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_broken_file_is_not_published(gan, tmp_path, monkeypatch):
    write = export.onnx.write

    def write_half(generator, path):
        write(generator, path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    monkeypatch.setattr(export.onnx, "write", write_half)
    with pytest.raises(export.VerificationError, match="does not run"):
        to_onnx(gan, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_operation_that_onnx_does_not_have_is_not_published(gan, tmp_path):
    import tensorflow as tf

    class NotInONNX(keras.layers.Layer):
        def call(self, x):
            return tf.raw_ops.Betainc(a=tf.ones_like(x), b=tf.ones_like(x), x=x)

    latent = keras.Input((8,))
    image = keras.layers.Reshape((2, 4, 1))(
        NotInONNX()(keras.layers.Dense(8, "sigmoid")(latent))
    )
    gan.generator = keras.Model(latent, image)
    gan.image_shape = (2, 4, 1)
    with pytest.raises(export.VerificationError, match="Betainc"):
        to_onnx(gan, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nan_images_do_not_pass(gan, tmp_path, other_function):
    other_function(lambda latent: gan.generator(latent, training=False) / 0.0 * 0.0)
    with pytest.raises(export.VerificationError, match="Keras model's by nan"):
        to_onnx(gan, tmp_path)


@pytest.mark.parametrize("to", [to_saved_model, to_onnx])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(to, value, gan, tmp_path):
    weight = gan.generator.weights[3]
    values = np.array(weight)
    values.flat[0] = value
    weight.assign(values)
    with pytest.raises(InputError, match=r"NaN or infinite"):
        to(gan, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("to", [to_saved_model, to_onnx])
def test_other_things_than_gans_are_refused(to, gan, tmp_path):
    with pytest.raises(InputError, match="Functional"):
        to(gan.generator, tmp_path)
    with pytest.raises(InputError, match="not the folder of a run"):
        to(tmp_path / "nothing", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_versions(gan, tmp_path, contents):
    assert to_saved_model(gan, tmp_path, verify=False).path == tmp_path / "model/1"
    row = to_saved_model(gan, tmp_path, version=7, verify=False)
    assert row.path == tmp_path / "model/7"
    assert row.passed is None
    (tmp_path / "model/notes").mkdir()
    assert to_saved_model(gan, tmp_path, verify=False).path == tmp_path / "model/8"
    before = contents(tmp_path)
    with pytest.raises(InputError, match="exists already"):
        to_saved_model(gan, tmp_path, version=7)
    with pytest.raises(InputError, match="whole number from 1"):
        to_saved_model(gan, tmp_path, version=0)
    assert contents(tmp_path) == before


def test_published_folders_are_as_readable_as_others(gan, tmp_path):
    (tmp_path / "other").mkdir()
    row = to_saved_model(gan, tmp_path, verify=False)
    assert row.path.stat().st_mode == (tmp_path / "other").stat().st_mode
    assert row.bytes == sum(
        file.stat().st_size for file in row.path.rglob("*") if file.is_file()
    )


def test_an_onnx_file_is_replaced_only_when_asked_for(
    gan, tmp_path, contents, spoiled, monkeypatch
):
    path = tmp_path / "model.onnx"
    path.write_text("precious")
    before = contents(tmp_path)
    with pytest.raises(InputError, match="exists already"):
        to_onnx(gan, tmp_path)
    assert contents(tmp_path) == before
    with monkeypatch.context(), pytest.raises(export.VerificationError):
        spoiled(export.onnx)
        to_onnx(gan, tmp_path, overwrite=True)
    assert contents(tmp_path) == before
    monkeypatch.undo()
    to_onnx(gan, tmp_path, overwrite=True, verify=False)
    assert onnx.load(path).graph.output[0].name == "image"
    assert list(tmp_path.iterdir()) == [path]


def test_export_all_reports_failures_and_publishes_the_rest(gan, tmp_path, spoiled):
    spoiled(export.onnx)
    with pytest.raises(export.VerificationError) as info:
        export.export_all(gan, tmp_path, "model")
    files = {p.name for p in tmp_path.iterdir()}
    assert {"model", "report.json"} <= files
    assert "model.onnx" not in files
    report = json.loads((tmp_path / "report.json").read_text())
    assert [(r["format"], r["path"], r["passed"]) for r in report] == [
        ("saved-model", "model/1", True),
        ("onnx", "model.onnx", False),
    ]
    assert [row.passed for row in info.value.rows] == [True, False]
    assert report[1]["largest_difference"] > 1e-3
    assert "differ" in report[1]["problem"]


INT8, NO_RUNTIME = ExportOptions(precision="int8"), ExportOptions(runtime="/no")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"formats": ["saved-model", "onnx"]}, "exists already"),
        ({"formats": ["saved-model", "tflite"]}, "tflite"),
        ({"formats": ["saved-model"], "name": "../model"}, r"name is '\.\./model'"),
        ({"formats": ["saved-model"], "name": ".."}, "name is .*letters, digits"),
        ({"formats": ["saved-model"], "name": 'a"b'}, "name is"),
        ({"formats": ["saved-model"], "name": "a\n"}, "name is"),
        ({"formats": ["saved-model"], "version": 0}, "whole number from 1"),
        (
            {"formats": ["onnx", "litert"], "version": 3},
            "no versions of onnx and litert",
        ),
        ({"formats": ["saved-model"], "version": 2**63}, f"from 1 to {2**63 - 1}"),
        ({"formats": ["triton", "litert"], "options": INT8}, "litert"),
        ({"formats": ["triton", "web"], "options": NO_RUNTIME}, "runtime is /no"),
    ],
)
def test_export_all_refuses_before_it_writes(options, message, gan, tmp_path, contents):
    (tmp_path / "model.onnx").write_text("precious")
    before = contents(tmp_path)
    with pytest.raises(InputError, match=message):
        export.export_all(gan, tmp_path, **{"name": "model", **options})
    assert contents(tmp_path) == before
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]


@pytest.mark.parametrize(
    ("make", "place"),
    [
        (Path.mkdir, "report.json"),
        (Path.mkdir, "models.config"),
        (Path.touch, "model"),  # where versions go
    ],
)
def test_export_all_refuses_places_that_are_taken(make, place, gan, tmp_path):
    make(tmp_path / place)
    with pytest.raises(InputError, match=re.escape(str(tmp_path / place))):
        export.export_all(gan, tmp_path, "model", ["onnx", "saved-model"])
    assert [p.name for p in tmp_path.iterdir()] == [place]


@pytest.mark.parametrize("place", ["tempfile.mkdtemp", "os.replace"])
def test_an_error_names_the_target_alone(place, gan, tmp_path, monkeypatch):
    def denied(*_, **__):
        raise PermissionError(13, "Permission denied", "/internal/name")

    def write(generator, path):
        path.touch()

    monkeypatch.setattr(export.onnx, "write", write)
    monkeypatch.setattr(place, denied)
    with pytest.raises(InputError) as info:
        to_onnx(gan, tmp_path, verify=False)
    sentence = f"{tmp_path}/model.onnx cannot be written: Permission denied. "
    assert str(info.value) == f"{sentence}Mend that, or write to another folder."
    with pytest.raises(InputError, match=r"report\.json cannot be written: Perm"):
        export.write_report([], tmp_path / "report.json")


def test_export_all_refuses_a_report_that_is_none(gan, tmp_path):
    for text in ("{", "[1]", '{"path": 1}'):
        (tmp_path / "report.json").write_text(text)
        with pytest.raises(InputError, match="not a report"):
            export.export_all(gan, tmp_path, "model", formats=["onnx"])
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]


def row(path, **values):
    return ExportResult("onnx", path, bytes=1, parameters=1, tolerance=1e-5, **values)


def test_a_report_keeps_what_is_still_true(tmp_path):
    report = tmp_path / "report.json"

    def written(*rows):
        export.write_report(rows, report)
        return [(r["path"], r["passed"]) for r in json.loads(report.read_text())]

    a, b = tmp_path / "a.onnx", tmp_path / "sub" / "b"
    a.touch()
    b.mkdir(parents=True)
    assert written(row(a, passed=True)) == [("a.onnx", True)]
    assert written(row(b, passed=False)) == [("a.onnx", True), ("sub/b", False)]
    assert written(row(a, passed=False)) == [
        ("a.onnx", True),
        ("sub/b", False),
        ("a.onnx", False),
    ]
    assert written(row(b, passed=True), row(a, passed=True)) == [
        ("sub/b", True),
        ("a.onnx", True),
    ]
    assert {p.name for p in tmp_path.iterdir()} == {"a.onnx", "report.json", "sub"}
    a.unlink()
    assert written() == [("sub/b", True)]
