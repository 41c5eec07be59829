"""A small server with TensorFlow Serving's own interfaces, for tests of its clients.

`python loopback_server.py FOLDER` serves each model FOLDER/NAME/VERSION, in its newest
version, over gRPC with the official servicer classes and over REST as
https://www.tensorflow.org/tfx/serving/api_rest says. It prints both ports, and ends
when its standard input closes.
"""

import base64
import http.server
import json
import sys
import threading
import urllib.parse
from concurrent import futures
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)


class Refused(Exception):
    """A request that cannot be answered, with its gRPC and HTTP codes."""

    def __init__(self, message, status=grpc.StatusCode.INVALID_ARGUMENT, code=400):
        super().__init__(message)
        self.status, self.code = status, code


class Models:
    """All models of a folder, asked by the names of their signatures."""

    def __init__(self, folder):
        self.versions = {
            model.name: max(
                int(p.name) for p in model.iterdir() if (p / "saved_model.pb").exists()
            )
            for model in Path(folder).iterdir()
            if any(model.glob("*/saved_model.pb"))
        }
        self._loaded = {
            name: tf.saved_model.load(f"{folder}/{name}/{version}")
            for name, version in self.versions.items()
        }

    def signature(self, model, name):
        if model not in self._loaded:
            text = f"Servable not found for request: Latest({model})"
            raise Refused(text, grpc.StatusCode.NOT_FOUND, 404)
        signatures = self._loaded[model].signatures
        if name not in signatures:
            raise Refused(f"Serving signature name: {name!r} not found")
        return signatures[name]

    def predict(self, model, name, inputs):
        """Returns arrays by name; `inputs` are lists or arrays."""
        signature = self.signature(model, name or "serving_default")
        specs = signature.structured_input_signature[1]
        if set(inputs) != set(specs):
            raise Refused(f"inputs are {sorted(inputs)}, expected {sorted(specs)}")
        try:
            tensors = {
                key: tf.constant(inputs[key], spec.dtype) for key, spec in specs.items()
            }
            return {key: x.numpy() for key, x in signature(**tensors).items()}
        except (tf.errors.InvalidArgumentError, ValueError, TypeError) as error:
            raise Refused(str(error).splitlines()[0]) from error


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, models):
        self._models = models

    def Predict(self, request, context):
        spec = request.model_spec
        try:
            inputs = {key: tf.make_ndarray(v) for key, v in request.inputs.items()}
            outputs = self._models.predict(spec.name, spec.signature_name, inputs)
        except Refused as error:
            context.abort(error.status, str(error))
        response = predict_pb2.PredictResponse()
        response.model_spec.CopyFrom(spec)
        for key, values in outputs.items():
            response.outputs[key].CopyFrom(tf.make_tensor_proto(values))
        return response


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, models):
        self._models = models

    def GetModelStatus(self, request, context):
        name = request.model_spec.name
        if name not in self._models.versions:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Could not find model {name}")
        status = get_model_status_pb2.ModelVersionStatus(
            version=self._models.versions[name],
            state=get_model_status_pb2.ModelVersionStatus.AVAILABLE,
        )
        return get_model_status_pb2.GetModelStatusResponse(
            model_version_status=[status]
        )


def rest_handler(models):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            size = int(self.headers["Content-Length"])
            path, _, verb = self.path.rpartition(":")
            try:
                if verb != "predict" or not path.startswith("/v1/models/"):
                    raise Refused(f"Malformed request: POST {self.path}", code=404)
                body = json.loads(self.rfile.read(size))
                model = urllib.parse.unquote(path.removeprefix("/v1/models/"))
                self._reply(200, self._predict(model, body))
            except Refused as error:
                self._reply(error.code, {"error": str(error)})

        def _predict(self, model, body):
            if "inputs" in body:
                inputs = body["inputs"]
            else:
                rows = body["instances"]
                inputs = {
                    name: [from_json(row[name]) for row in rows] for name in rows[0]
                }
            outputs = models.predict(model, body.get("signature_name"), inputs)
            outputs = {name: in_json(name, values) for name, values in outputs.items()}
            if "inputs" in body:
                only = len(outputs) == 1
                return {"outputs": next(iter(outputs.values())) if only else outputs}
            if len(outputs) == 1:
                return {"predictions": next(iter(outputs.values()))}
            rows = zip(*outputs.values(), strict=True)
            named = [dict(zip(outputs, row, strict=True)) for row in rows]
            return {"predictions": named}

        def _reply(self, code, content):
            content = json.dumps(content).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    return Handler


def from_json(value):
    if isinstance(value, dict) and "b64" in value:
        return base64.b64decode(value["b64"])
    return value


def in_json(name, values):
    # The real server decides by the name as well.
    if name.endswith("_bytes"):
        return [{"b64": base64.b64encode(value).decode()} for value in values]
    return np.asarray(values).tolist()


def main(folder):
    models = Models(folder)
    server = grpc.server(futures.ThreadPoolExecutor(4))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        PredictionService(models), server
    )
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(
        ModelService(models), server
    )
    grpc_port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    rest = http.server.ThreadingHTTPServer(("127.0.0.1", 0), rest_handler(models))
    threading.Thread(target=rest.serve_forever, daemon=True).start()
    print(grpc_port, rest.server_port, flush=True)
    sys.stdin.read()
    rest.shutdown()
    server.stop(0)


if __name__ == "__main__":
    main(sys.argv[1])
