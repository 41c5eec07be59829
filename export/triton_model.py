"""Runs the ONNX file beside it for Triton's Python backend, which imports this."""

import json
import pathlib

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """All requests that wait are answered by one run, batched by Triton."""

    def initialize(self, args: dict[str, str]) -> None:
        folder = pathlib.Path(args["model_repository"], args["model_version"])
        parameters = json.loads(args["model_config"])["parameters"]
        options = onnxruntime.SessionOptions()
        threads = parameters["intra_op_thread_count"]["string_value"]
        options.intra_op_num_threads = int(threads)
        self._session = onnxruntime.InferenceSession(
            *(str(folder / "model.onnx"), options), providers=["CPUExecutionProvider"]
        )
        self._inputs = [value.name for value in self._session.get_inputs()]
        self._outputs = [value.name for value in self._session.get_outputs()]
        metadata = self._session.get_modelmeta().custom_metadata_map
        self._num_classes = json.loads(metadata["num_classes"])
        # Of these, "multiple" and "least" are of the sides of images of any size.
        self._described = json.loads(metadata.get("inputs", "{}"))

    def execute(self, requests: list) -> list:
        asked = [self._values(request) for request in requests]
        problems = [self._problem(values) for values in asked]
        good = [
            v for v, problem in zip(asked, problems, strict=True) if problem is None
        ]
        results = iter(self._results(good) if good else ())
        return [
            pb_utils.InferenceResponse(self._tensors(next(results)))
            if problem is None
            else pb_utils.InferenceResponse(error=_refusal(problem))
            for problem in problems
        ]

    def _values(self, request):
        tensors = (pb_utils.get_input_tensor_by_name(request, n) for n in self._inputs)
        return [tensor.as_numpy() for tensor in tensors]

    def _problem(self, values):
        """Returns why a request is refused, or None; it must not spoil its batch."""
        for name, value in zip(self._inputs, values, strict=True):
            described = self._described.get(name, {})
            multiple = described.get("multiple", 1)
            least = described.get("least", multiple)
            sides = zip(described.get("shape", ()), value.shape[1:], strict=False)
            free = [side for fixed, side in sides if fixed is None]
            if any(side % multiple or side < least for side in free):
                return (
                    f"{name} has the shape {list(value.shape)}; its height and width "
                    f"must be multiples of {multiple} and at least {least}."
                )
            if value.dtype.kind == "f" and not np.isfinite(value).all():
                return f"{name} holds NaN or infinite values. Send finite ones."
        if self._num_classes is None or "label" not in self._inputs:
            return None
        label = values[self._inputs.index("label")]
        if label.min() < 0 or label.max() >= self._num_classes:
            return (
                f"labels go from {label.min()} to {label.max()}; the classes are 0 to "
                f"{self._num_classes - 1}."
            )
        return None

    def _tensors(self, result):
        return list(map(pb_utils.Tensor, self._outputs, result))

    def _results(self, asked):
        """Returns the outputs of each request."""
        columns = [np.concatenate(values) for values in zip(*asked, strict=True)]
        feed = dict(zip(self._inputs, columns, strict=True))
        ends = np.cumsum([len(values[0]) for values in asked])
        made = self._session.run(self._outputs, feed)
        return zip(*(np.split(rows, ends[:-1]) for rows in made), strict=True)


def _refusal(problem):
    # Before Triton 23.09 a model cannot say whose fault an error is.
    code = getattr(pb_utils.TritonError, "INVALID_ARG", None)
    return pb_utils.TritonError(problem, *([] if code is None else [code]))
