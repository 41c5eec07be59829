"""What `verify` finds in changed exports: the table of docs/reliability.md.

Each manipulation is made on a copy of an export and must be found before anything of
the file is run.
"""

import io
import json
import re
import shutil
import zipfile

import numpy as np
import onnx
import pytest
import tensorflow as tf
from onnx import helper, numpy_helper
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tensorflow.lite.python import schema_py_generated as schema

from export import compare, litert, reproducible, verify, web
from export.__main__ import main
from export.exportable import describe
from export.formats import FORMATS, ExportOptions
from export.publish import export_all
from export.report import write_report
from export.verify import not_verified, verify_again
from keras_gan import DCGAN, InputError

FILES = {
    "saved-model": "m/1",
    "onnx": "m.onnx",
    "triton": "triton/m/1",
    "litert": "m.tflite",
    "web": "web/m",
}


def copied(path, to):
    to.parent.mkdir(parents=True, exist_ok=True)
    return (shutil.copytree if path.is_dir() else shutil.copy)(path, to)


@pytest.fixture(scope="module")
def model():
    return DCGAN((16, 16, 1), 8, base_filters=4, num_classes=3, seed=1)


@pytest.fixture(scope="module")
def exports(model, tmp_path_factory):
    """Folder of one export in each format, with a report and the digests.

    `alone` in it holds each in a folder of its own.
    """
    pytest.importorskip("ai_edge_litert", reason="pip install '.[litert]'")
    out, rows = tmp_path_factory.mktemp("exports"), []
    whole = describe(model, "m")
    for format, path in FILES.items():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        options = ExportOptions(
            triton_backend="python" if format == "triton" else "auto"
        )
        part = FORMATS[format].parts(whole)[0].with_options(options)
        reproducible.write(format, part, out / path)
        alone = copied(out / path, out / "alone" / format / (out / path).name)
        if format == "triton":
            copied(out / "triton/m/config.pbtxt", alone.parent / "config.pbtxt")
        rows.append(not_verified(part, format, out / path))
    write_report(rows, out / "report.json")
    return out


@pytest.fixture(autouse=True)
def nothing_is_run(monkeypatch):
    def run(*arguments):
        raise AssertionError("a manipulated export was run")

    monkeypatch.setattr(verify, "_run_worker", run)


def found(exports, tmp_path, format, change):
    """Returns what a copy of an export, changed, differs in from the export."""
    shutil.rmtree(tmp_path / "copy", ignore_errors=True)
    file = tmp_path / "copy" / FILES[format]
    original = exports / "alone" / format / file.name
    copied(original.parent, file.parent)
    change(file)
    # Two exports of the same model are equal: test_reproducible.py.
    return compare.difference(file, original)


# ONNX, also the file within the other two formats.


def edited(change, name=""):
    def manipulate(path):
        file = path / name if name else path
        model = onnx.load(file)
        change(model)
        file.write_bytes(model.SerializeToString())

    return manipulate


def weights(model, ndim=2):
    return [
        weight
        for weight in model.graph.initializer
        if weight.data_type == 1 and len(weight.dims) >= ndim
    ]


def with_values(tensor, change):
    values = numpy_helper.to_array(tensor).copy()
    change(values)
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def add_to_one(number, ndim=2):
    def change(model):
        def add(values):
            values.flat[0] += number

        with_values(weights(model, ndim)[0], add)

    return change


def add_to_all(number):
    def change(model):
        for weight in weights(model):
            with_values(weight, lambda values: np.add(values, number, out=values))

    return change


def bias_hidden_below_the_tolerance(model):
    bias = next(w for w in model.graph.initializer if list(w.dims) == [1, 4, 1, 1])
    with_values(bias, lambda values: np.add(values, 2e-6, out=values))


def rows_swapped(model):
    def swap(values):
        values[[0, 1]] = values[[1, 0]]

    with_values(max(weights(model), key=lambda w: w.dims[0]), swap)


def label_clamp_moved(model):
    bound = next(
        w
        for w in model.graph.initializer
        if not w.dims and numpy_helper.to_array(w) == 2
    )
    with_values(bound, lambda values: np.add(values, 1, out=values))


def extra_node(model):
    (output,) = model.graph.output
    for node in model.graph.node:
        node.output[:] = ["y" if x == output.name else x for x in node.output]
    model.graph.node.append(helper.make_node("Identity", ["y"], [output.name]))


def extra_output(model):
    name = model.graph.node[0].output[0]
    model.graph.output.append(helper.make_tensor_value_info(name, 1, None))


def renamed_input(model):
    model.graph.input[0].name = "z"
    for node in model.graph.node:
        node.input[:] = ["z" if x == "latent" else x for x in node.input]


def fixed_batch(model):
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


def other_opset(model):
    model.opset_import[0].version = 19


def external_data(model):
    weight = weights(model)[0]
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="../../secret")


def python_operation(model):
    model.opset_import.append(helper.make_opsetid("ai.onnx.contrib", 1))
    model.graph.node[-1].op_type = "PyOp"
    model.graph.node[-1].domain = "ai.onnx.contrib"


def other_activation(model):
    next(n for n in model.graph.node if n.op_type == "Tanh").op_type = "Softsign"


def attribute_changed(model):
    node = next(n for n in model.graph.node if n.op_type == "Concat")
    node.attribute[0].i += 1


def own_function(model):
    opset = [helper.make_opsetid("", 18)]
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    model.functions.append(helper.make_function("d", "f", ["x"], ["y"], nodes, opset))


def unused_weight(model):
    model.graph.initializer.append(numpy_helper.from_array(np.ones(3), "hidden"))


def halved(model):
    weight = weights(model)[0]
    values = numpy_helper.to_array(weight).astype("float16")
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))


def field_twice(model):
    model.metadata_props.add(key="precision", value="int8")


def text_added(model):
    model.doc_string = "<script>"


def field_added(model):
    model.metadata_props.add(key="license", value="mine")


ONNX = {
    "one weight + 1e-6": add_to_one(1e-6),
    "all weights + 1e-6": add_to_all(1e-6),
    "one weight + 1": add_to_one(1.0),
    "bias + 2e-6": bias_hidden_below_the_tolerance,
    "two rows of weights swapped": rows_swapped,
    "weights in float16": halved,
    "unused weight": unused_weight,
    "label clamp moved": label_clamp_moved,
    "extra node": extra_node,
    "extra output": extra_output,
    "input renamed": renamed_input,
    "batch fixed": fixed_batch,
    "other activation": other_activation,
    "attribute of a node": attribute_changed,
    "other opset": other_opset,
    "external data": external_data,
    "python operation": python_operation,
    "function of its own": own_function,
    "text in the graph": text_added,
    "field of the description twice": field_twice,
    "field of the description added": field_added,
}


@pytest.mark.parametrize("name", ONNX)
def test_onnx(name, exports, tmp_path):
    assert found(exports, tmp_path, "onnx", edited(ONNX[name]))


@pytest.mark.parametrize("format", ["triton", "web"])
def test_the_onnx_file_of_other_formats(format, exports, tmp_path):
    for change in ("one weight + 1e-6", "label clamp moved", "external data"):
        assert found(exports, tmp_path, format, edited(ONNX[change], "model.onnx"))


# Descriptions.


def description(exports, format):
    module = {"onnx": "onnx", "saved-model": "saved_model", "litert": "litert"}[format]
    module = __import__(f"export.{module}", fromlist=["metadata"])
    return module.metadata(exports / FILES[format])


def write_description(path, format, fields):
    if format == "onnx":
        model = onnx.load(path)
        texts = {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in fields.items()
        }
        del model.metadata_props[:]
        helper.set_model_props(model, texts)
        path.write_bytes(model.SerializeToString())
    elif format == "saved-model":
        (path / "assets.extra/metadata.json").write_text(json.dumps(fields))
    else:
        content = path.read_bytes()
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            start = archive.infolist()[0].header_offset
        path.write_bytes(litert.with_metadata(content[:start], json.dumps(fields)))


def other(value):
    if isinstance(value, str):
        return f"not {value}"
    if isinstance(value, list):
        return [*value, 7]
    return 8 if value is None else value + 1


@pytest.mark.parametrize("format", ["onnx", "saved-model", "litert"])
def test_every_field_of_a_description(format, exports, tmp_path):
    fields = description(exports, format)
    assert len(fields) >= 19
    for name, value in fields.items():
        for changed in ({**fields, name: other(value)}, {**fields}):
            if changed == fields:
                del changed[name]
            problem = found(
                *(exports, tmp_path, format),
                lambda path, d=changed: write_description(path, format, d),
            )
            if name.endswith("_version") and name in changed:
                assert problem is None  # shown, and no proof of anything
            else:
                assert name in problem


# SavedModels.


def graph_changed(change):
    def manipulate(path):
        file = path / "saved_model.pb"
        saved = SavedModel.FromString(file.read_bytes())
        change(saved.meta_graphs[0])
        file.write_bytes(saved.SerializeToString())

    return manipulate


def python_in_a_function(graph):
    function = graph.graph_def.library.function[0]
    function.node_def.add(name="harm", op="EagerPyFunc")


def file_written_on_loading(graph):
    graph.graph_def.node.add(name="harm", op="WriteFile")
    graph.collection_def["saved_model_main_op"].node_list.value.append("harm")


def signature_added(graph):
    served = graph.signature_def["serving_default"]
    graph.signature_def["mine"].CopyFrom(served)


def signature_removed(graph):
    del graph.signature_def["sample"]


def signature_renamed_input(graph):
    inputs = graph.signature_def["serving_default"].inputs
    inputs["z"].CopyFrom(inputs["latent"])
    del inputs["latent"]


def signatures_swapped(graph):
    one = graph.signature_def["sample"]
    other = graph.signature_def["serving_default"]
    one.CopyFrom(other)


def operation_replaced(graph):
    for function in graph.graph_def.library.function:
        for node in function.node_def:
            if node.op == "Tanh":
                node.op = "Softsign"


def clamp_moved(graph):
    for function in graph.graph_def.library.function:
        for node in function.node_def:
            if node.name == "clip_by_value/Minimum/y":
                node.attr["value"].tensor.int64_val[:] = [9]


def tag_added(graph):
    graph.meta_info_def.tags.append("gpu")


def variable_added_to(number):
    def manipulate(path):
        prefix = str(path / "variables" / "variables")
        reader = tf.train.load_checkpoint(prefix)
        names = sorted(reader.get_variable_to_shape_map())
        values = [reader.get_tensor(name) for name in names]
        place = next(i for i, v in enumerate(values) if getattr(v, "ndim", 0) == 4)
        values[place] = values[place] + np.float32(number)
        tf.raw_ops.SaveV2(
            prefix=prefix,
            tensor_names=names,
            shape_and_slices=[""] * len(names),
            tensors=[tf.constant(v) for v in values],
        )

    return manipulate


def bytes_changed(name, place=-20):
    def manipulate(path):
        content = bytearray((path / name).read_bytes())
        content[place] ^= 1
        (path / name).write_bytes(content)

    return manipulate


def added(name, text="x"):
    def manipulate(path):
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_text(text)

    return manipulate


def removed(name):
    return lambda path: (path / name).unlink()


def linked(name):
    def manipulate(path):
        (path / name).rename(path.parent / "elsewhere")
        (path / name).symlink_to(path.parent / "elsewhere")

    return manipulate


def replaced(name, old, new):
    def manipulate(path):
        text = (path / name).read_text("utf-8")
        assert re.search(old, text)
        (path / name).write_text(re.sub(old, new, text, count=1), "utf-8")

    return manipulate


DATA = "variables/variables.data-00000-of-00001"
WARMUP = "assets.extra/tf_serving_warmup_requests"
SAVED_MODEL = {
    "python in a function": graph_changed(python_in_a_function),
    "file written on loading": graph_changed(file_written_on_loading),
    "signature added": graph_changed(signature_added),
    "signature removed": graph_changed(signature_removed),
    "input renamed": graph_changed(signature_renamed_input),
    "signatures swapped": graph_changed(signatures_swapped),
    "operation replaced": graph_changed(operation_replaced),
    "label clamp moved": graph_changed(clamp_moved),
    "tag added": graph_changed(tag_added),
    "graph truncated": bytes_changed("saved_model.pb", 0),
    "variable + 1e-6": variable_added_to(1e-6),
    "bit of the variables": bytes_changed(DATA),
    "variables missing": removed(DATA),
    "index missing": removed("variables/variables.index"),
    "warm-up requests changed": bytes_changed(WARMUP),
    "extra file": added("assets/library.so"),
    "Keras metadata": added("keras_metadata.pb"),
    "extra folder": lambda path: (path / "more").mkdir(),
    "description missing": removed("assets.extra/metadata.json"),
    "link instead of a file": linked("saved_model.pb"),
}


@pytest.mark.parametrize("name", SAVED_MODEL)
def test_saved_model(name, exports, tmp_path):
    if name.startswith("warm-up"):
        pytest.importorskip("tensorflow_serving")
    assert found(exports, tmp_path, "saved-model", SAVED_MODEL[name])


# LiteRT.


def flat(change):
    def manipulate(path):
        import flatbuffers

        content = path.read_bytes()
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            start = archive.infolist()[0].header_offset
        model = schema.ModelT.InitFromPackedBuf(content[:start])
        change(model)
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        text = litert.metadata_text(path)
        path.write_bytes(litert.with_metadata(bytes(builder.Output()), text))

    return manipulate


def constants(model, kind):
    return [
        (tensor, model.buffers[tensor.buffer])
        for tensor in model.subgraphs[0].tensors
        if tensor.type == kind and model.buffers[tensor.buffer].data is not None
    ]


def weight_changed(model):
    _, buffer = max(constants(model, schema.TensorType.FLOAT32), key=_size)
    values = np.frombuffer(bytes(buffer.data), "float32").copy()
    values[0] += 1e-6
    buffer.data = np.frombuffer(values.tobytes(), "uint8")


def _size(pair):
    return len(pair[1].data)


def clamp_of_labels(model):
    for _, buffer in constants(model, schema.TensorType.INT64):
        if bytes(buffer.data) == np.int64(2).tobytes():
            buffer.data = np.frombuffer(np.int64(9).tobytes(), "uint8")


def operator_replaced(model):
    for code in model.operatorCodes:
        if code.builtinCode == schema.BuiltinOperator.TANH:
            code.builtinCode = code.deprecatedBuiltinCode = (
                schema.BuiltinOperator.LOGISTIC
            )


def custom_operator(model):
    model.operatorCodes[0].customCode = b"Harm"


def input_renamed(model):
    model.signatureDefs[0].inputs[0].name = b"z"


def signature_of_its_own(model):
    model.signatureDefs[0].signatureKey = b"mine"


def buffer_added(model):
    buffer = schema.BufferT()
    buffer.data = np.zeros(4, "uint8")
    model.buffers.append(buffer)


def member_added(path):
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labels.txt", "x")


def bytes_between(path):
    content = path.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        start = archive.infolist()[0].header_offset
    text = litert.metadata_text(path)
    path.write_bytes(litert.with_metadata(content[:start], text) + b"more")


LITERT = {
    "weight + 1e-6": flat(weight_changed),
    "label clamp moved": flat(clamp_of_labels),
    "operator replaced": flat(operator_replaced),
    "custom operator": flat(custom_operator),
    "input renamed": flat(input_renamed),
    "signature renamed": flat(signature_of_its_own),
    "buffer added": flat(buffer_added),
    "file in its archive": member_added,
    "bytes at its end": bytes_between,
    "not a model": lambda path: path.write_bytes(b"PK"),
}


@pytest.mark.parametrize("name", LITERT)
def test_litert(name, exports, tmp_path):
    assert found(exports, tmp_path, "litert", LITERT[name])


# Text.

MODEL_PY, CONFIG, PAGE = "model.py", "../config.pbtxt", "index.html"
TRITON = {
    "os.system in model.py": replaced(MODEL_PY, "import json", "os.system('id')"),
    "space in model.py": replaced(MODEL_PY, "import json", "import  json"),
    "model.py missing": removed(MODEL_PY),
    "other backend": replaced(CONFIG, 'backend: "python"', 'backend: "onnxruntime"'),
    "other dimensions": replaced(CONFIG, r"dims: \[ 8 \]", "dims: [ 9 ]"),
    "other batch": replaced(CONFIG, "max_batch_size: 64", "max_batch_size: 8"),
    "other type": replaced(CONFIG, "TYPE_FP32", "TYPE_FP16"),
    "other name": replaced(CONFIG, 'name: "m"', 'name: "n"'),
    "environment of its own": replaced(CONFIG, r"\Z", 'parameters { key: "X" }'),
    "configuration missing": removed(CONFIG),
    "extra file": added("harm.py"),
    "extra folder": added("2/model.py"),
}
WEB = {
    "foreign script": replaced(PAGE, "<title>", "<script src=//a.b></script><title>"),
    "script changed": replaced("latent.js", "const ", "let "),
    "style changed": replaced("common.css", "margin", "padding"),
    "directions changed": replaced("config.json", r'"vector": \[', '"vector": [9, '),
    "other runtime": replaced("config.json", "cdn.jsdelivr.net", "example.net"),
    "other policy": replaced(PAGE, "default-src 'none'", "default-src *"),
    "other hash": replaced("config.json", '"sha256": "', '"sha256": "0"'),
    "title changed": replaced(PAGE, "<title>m", "<title>n"),
    "line ends": lambda path: (path / PAGE).write_bytes(
        (path / PAGE).read_bytes().replace(b"\n", b"\r\n")
    ),
    "extra script": added("extra.js"),
    "extra model": lambda path: shutil.copy(path / "model.onnx", path / "b.onnx"),
    "model missing": removed("model.onnx"),
}


@pytest.mark.parametrize("name", TRITON)
def test_triton(name, exports, tmp_path):
    assert found(exports, tmp_path, "triton", TRITON[name])


@pytest.mark.parametrize("name", WEB)
def test_web(name, exports, tmp_path):
    assert found(exports, tmp_path, "web", WEB[name])


# What the command says.


def test_what_was_not_changed_passes(exports, tmp_path):
    for format in FILES:
        assert found(exports, tmp_path, format, lambda path: None) is None
    # Versions and threads are the user's to say, and a server needs no warm-up.
    policy = "version_policy: {\n specific: { versions: [ 1 ] }\n}\n"
    for change in (
        replaced(CONFIG, "^", policy),
        replaced(CONFIG, "count: 1", "count: 3"),
        replaced(CONFIG, 'string_value: "1"', 'string_value: "8"'),
    ):
        assert found(exports, tmp_path, "triton", change) is None
    if (exports / FILES["saved-model"] / WARMUP).exists():
        assert found(exports, tmp_path, "saved-model", removed(WARMUP)) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("precision", "int8"),
        ("precision", "float16"),
        ("layout", "nchw"),
        ("output", "uint8"),
        ("opset", 21),
    ],
)
def test_options_that_a_file_claims(field, value, model, exports, tmp_path):
    path = tmp_path / "m.onnx"
    shutil.copy(exports / "m.onnx", path)
    write_description(path, "onnx", {**description(exports, "onnx"), field: value})
    row = verify_again(path, model)
    assert row.passed is False
    assert row.problem.startswith("m.onnx ")


def test_the_name_is_found_by_the_digests_alone(model, exports, tmp_path, capsys):
    out = tmp_path / "out"
    shutil.copytree(exports, out)
    fields = {**description(exports, "onnx"), "name": "n"}
    write_description(out / "m.onnx", "onnx", fields)
    problem = verify_again(out / "m.onnx", model).problem
    assert problem == f"m.onnx is not the file that {out / 'SHA256SUMS'} lists"
    # It was not read, so nothing is said of it.
    assert main(["verify", str(out / "m.onnx"), "--against", "run"]) == 1
    line = capsys.readouterr().out.splitlines()[1]
    assert line.split() == ["onnx", str(out / "m.onnx"), *["none"] * 5, "refused"]


def sums_of_another(out):
    text = (out / "SHA256SUMS").read_text()
    (out / "SHA256SUMS").write_text(re.sub(r"(?m)^.{64}", "0" * 64, text))


def report_of_another(out):
    text = (out / "report.json").read_text()
    (out / "report.json").write_text(re.sub("[0-9a-f]{64}", "0" * 64, text))


@pytest.mark.parametrize("format", FILES)
@pytest.mark.parametrize("change", [sums_of_another, report_of_another])
def test_changed_digests(change, format, model, exports, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(exports, out)
    change(out)
    assert "is not the file that" in verify_again(out / FILES[format], model).problem


def test_digests_name_files_that_were_added_or_removed(model, exports, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(exports, out)
    (out / "m/1/harm").touch()
    assert verify_again(out / "m/1", model).problem.startswith("harm is not the file")
    (out / "m/1/harm").unlink()
    (out / "m/1/saved_model.pb").rename(out / "m/1/saved_model.pbtxt")
    (out / "web/m/model.onnx").unlink()
    problem = verify_again(out / "web/m", model).problem
    assert problem.startswith("model.onnx is missing")


@pytest.mark.parametrize(
    ("name", "value"), [("format", "triton"), ("bytes", 1), ("parameters", 1)]
)
def test_facts_in_a_report(name, value, model, exports, tmp_path):
    shutil.copy(exports / "m.onnx", tmp_path)
    rows = json.loads((exports / "report.json").read_text())
    (row,) = (row for row in rows if row["path"] == "m.onnx")
    (tmp_path / "report.json").write_text(json.dumps([{**row, name: value}]))
    problem = verify_again(tmp_path / "m.onnx", model).problem
    assert f"report.json says that its {name} is {value}" in problem


def test_an_export_is_named_in_any_way(model, exports, monkeypatch):
    for path in ("m/1", "triton/m/1"):
        monkeypatch.chdir(exports / path)
        with pytest.raises(AssertionError, match="was run"):
            verify_again(".", model)


def test_digests_of_something_else_stay(model, tmp_path):
    (tmp_path / "SHA256SUMS").write_text("of a release")
    with pytest.raises(InputError, match="lists other files than exports"):
        export_all(model, tmp_path, "m", ["onnx"])
    assert (tmp_path / "SHA256SUMS").read_text() == "of a release"


def test_the_runtime_in_a_page(model, tmp_path):
    package = tmp_path / "onnxruntime-web"
    package.mkdir()
    for name in web._RUNTIME_FILES:
        (package / name).write_text(name)
    part = FORMATS["web"].parts(describe(model, "m"))[0]
    part = part.with_options(ExportOptions(runtime=str(package)))
    page = tmp_path / "m"
    reproducible.write("web", part, page)
    with pytest.raises(InputError, match="with --runtime"):
        verify_again(page, model)
    with pytest.raises(AssertionError, match="was run"):
        verify_again(page, model, package)
    (page / "runtime" / name).write_text("mine")
    problem = verify_again(page, model, package).problem
    assert problem == f"{name} differs in line 1 from the one that belongs here"


@pytest.mark.parametrize("format", FILES)
def test_the_command_refuses_what_was_changed(format, model, exports, tmp_path, capsys):
    change = {
        "saved-model": SAVED_MODEL["python in a function"],
        "onnx": edited(ONNX["one weight + 1e-6"]),
        "triton": TRITON["os.system in model.py"],
        "litert": LITERT["weight + 1e-6"],
        "web": WEB["foreign script"],
    }[format]
    found(exports, tmp_path, format, change)
    path, gan = tmp_path / "copy" / FILES[format], tmp_path / "gan.keras"
    model.save(gan)
    assert main(["verify", str(path), "--against", str(gan)]) == 1
    assert f"error: {path}: " in capsys.readouterr().err
