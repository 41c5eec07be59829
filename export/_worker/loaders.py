"""The runtimes that serve exports, behind one interface.

A loader reads an export as its users' programs do and has
`signatures`, the names of the inputs of each; `run(signature, inputs)`, which returns
the outputs by name; `runtime` and `version`; and `facts`, for the report.
"""

import importlib.metadata
import importlib.util
from pathlib import Path

import numpy as np

PYTHON_OPERATIONS = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}
# Between two loaders of the same graph, which may add up in another order; in parts of
# the largest value above 1.
LOADERS_TOLERANCE = 1e-5


class SavedModel:
    """In both of TensorFlow's loaders for servers: the C++ one and the session's."""

    blocked = ("keras_gan", "export", "keras")
    runtime = "tensorflow"

    def __init__(self, path):
        import tensorflow as tf
        from c_session import CSession

        self.version = tf.__version__
        self._c_session = CSession(path)
        self._session = tf.compat.v1.Session(graph=tf.Graph())
        self._meta_graph = tf.compat.v1.saved_model.loader.load(
            self._session, ["serve"], path
        )
        refuse_python(self._meta_graph.graph_def)
        definitions = self._c_session.meta_graph.signature_def
        self.signatures = {
            name: set(definition.inputs)
            for name, definition in definitions.items()
            if definition.inputs  # but not that of the loader's own initialisation
        }
        stored = tf.train.load_checkpoint(f"{path}/variables/variables")
        shapes = stored.get_variable_to_shape_map().items()
        self.facts = {
            "stored_values": sum(
                int(np.prod(shape))
                for name, shape in shapes
                if name.endswith("VARIABLE_VALUE")
            ),
            "warmup_requests": self._replay(path),
        }

    def run(self, signature, inputs):
        outputs = self._c_session.run(signature, inputs)
        definition = self._meta_graph.signature_def[signature]
        others = self._session.run(
            {name: info.name for name, info in definition.outputs.items()},
            {definition.inputs[name].name: value for name, value in inputs.items()},
        )
        for name, other in others.items():
            if not equal(outputs[name], other):
                raise ValueError(
                    f"{signature} gives another {name} in the C++ loader than in the "
                    "session loader"
                )
        return outputs

    def timed(self, inputs):
        self._c_session.run("serving_default", inputs)

    def _replay(self, path):
        """Answers every warm-up request, one of which failing stops a server.

        Returns how many, or None where their messages cannot be read here.
        """
        import tensorflow as tf

        file = Path(path, "assets.extra", "tf_serving_warmup_requests")
        if not file.exists():
            return 0
        if importlib.util.find_spec("tensorflow_serving") is None:
            return None
        from tensorflow_serving.apis import prediction_log_pb2

        count = 0
        for record in tf.compat.v1.io.tf_record_iterator(str(file)):
            log = prediction_log_pb2.PredictionLog.FromString(record)
            request = log.predict_log.request
            inputs = {key: tf.make_ndarray(v) for key, v in request.inputs.items()}
            self.run(request.model_spec.signature_name, inputs)
            count += 1
        return count


class ONNX:
    """ONNX Runtime, after the checks of the ONNX standard."""

    blocked = ("keras_gan", "export", "keras", "tensorflow")
    runtime = "onnxruntime"

    def __init__(self, path):
        import onnx
        import onnxruntime

        model = onnx.load(path)
        # The converter logs operations it cannot convert and writes the file all the
        # same.
        onnx.checker.check_model(model, full_check=True)
        onnx.shape_inference.infer_shapes(
            model, check_type=True, strict_mode=True, data_prop=True
        )
        domains = {opset.domain for opset in model.opset_import} - {"", "ai.onnx.ml"}
        if domains:
            raise ValueError(f"it needs operations of {', '.join(sorted(domains))}")
        self._session = onnxruntime.InferenceSession(
            path, providers=["CPUExecutionProvider"]
        )
        self.version = onnxruntime.__version__
        names = {value.name for value in self._session.get_inputs()}
        self.signatures = {"serving_default": names}
        self._outputs = [value.name for value in self._session.get_outputs()]
        self.facts = {}

    def run(self, signature, inputs):
        made = self._session.run(self._outputs, inputs)
        return dict(zip(self._outputs, made, strict=True))

    def timed(self, inputs):
        self._session.run(self._outputs, inputs)


class Triton(ONNX):
    """The file of a version that the server runs."""

    def __init__(self, path):
        super().__init__(f"{path}/model.onnx")


class Web(ONNX):
    """The files that the page runs: the default's, and one of each other function."""

    def __init__(self, path):
        super().__init__(f"{path}/model.onnx")
        files = sorted(set(Path(path).glob("*.onnx")) - {Path(path, "model.onnx")})
        self._others = {file.stem: ONNX(file) for file in files}
        for name, other in self._others.items():
            self.signatures[name] = other.signatures["serving_default"]

    def run(self, signature, inputs):
        if signature in self._others:
            return self._others[signature].run(signature, inputs)
        return super().run(signature, inputs)


class LiteRT:
    """The interpreter that phones have."""

    blocked = ("keras_gan", "export", "keras", "tensorflow")
    runtime = "ai-edge-litert"

    def __init__(self, path):
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(path)
        self._one = interpreter.get_signature_runner("serving_default")
        # Files of images of any size have one alone, of a free batch.
        names = interpreter.get_signature_list()
        self._several = interpreter.get_signature_runner(
            "several" if "several" in names else "serving_default"
        )
        self.version = importlib.metadata.version("ai-edge-litert")
        self.signatures = {"serving_default": set(self._one.get_input_details())}
        self.facts = {}

    def run(self, signature, inputs):
        (count,) = {len(rows) for rows in inputs.values()}
        return (self._one if count == 1 else self._several)(**inputs)

    def timed(self, inputs):
        self.run("serving_default", inputs)


LOADERS = {
    "saved-model": SavedModel,
    "onnx": ONNX,
    "triton": Triton,
    "litert": LiteRT,
    "web": Web,
}


def loader_of(format):
    """Returns the loader of a format, or the class `Loader` of a user's Python file."""
    if format in LOADERS:
        return LOADERS[format]
    spec = importlib.util.spec_from_file_location("loader_of_user", format)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Loader


def refuse_python(graph):
    """Raises ValueError where a graph or a function in its library runs Python."""
    functions = [(f.signature.name, f.node_def) for f in graph.library.function]
    for place, nodes in [("graph", graph.node), *functions]:
        for node in nodes:
            if node.op in PYTHON_OPERATIONS:
                raise ValueError(f"{node.name} in {place} runs Python ({node.op})")


def equal(one, other):
    """Whether two loaders gave the same, but for rounding."""
    if one.dtype.kind != "f":
        return np.array_equal(one, other)
    accepted = LOADERS_TOLERANCE * max(1.0, np.abs(one).max())
    return np.allclose(one, other, rtol=0, atol=accepted, equal_nan=True)
