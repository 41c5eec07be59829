"""How the weights of an ONNX file are stored."""

import dataclasses
from collections.abc import Callable

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnxruntime.transformers import float16
from onnxruntime.transformers.onnx_model import OnnxModel

# The axis of the output channels in the weights of each operation.
_CHANNEL_AXES = {"MatMul": 1, "Gemm": 1, "Conv": 0, "ConvTranspose": 1}


@dataclasses.dataclass(frozen=True)
class Precision:
    """One way to store weights.

    Args:
        convert: function from a model in float32 to one in this precision, with the
            same inputs and outputs.
        tolerance: largest difference of an image in [-1, 1] that is accepted.
        sub_kernels: whether split transposed convolutions compute faster.

    Example:

    ```python
    import onnx
    from export.precision import PRECISIONS

    model = onnx.load("runs/digits/export/golden.onnx")
    half = PRECISIONS["float16"].convert(model)
    onnx.save(half, "half.onnx")
    ```
    """

    convert: Callable[[onnx.ModelProto], onnx.ModelProto]
    tolerance: float
    sub_kernels: bool = True


def half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Returns the model with weights and computation in float16."""
    model = OnnxModel(float16.convert_float_to_float16(model, keep_io_types=True))
    # The converter puts the casts of the inputs last, where the standard forbids them.
    model.topological_sort()
    return model.model


def int8_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Returns the model with weights in int8, from -127 to 127 for each output channel.

    ONNX Runtime turns them back into float32 once, while it loads the file. Its own
    quantisation would round activations too and knows no transposed convolution, and
    DequantizeLinear would be computed again in each call.
    """
    initializers = {weight.name: weight for weight in model.graph.initializer}
    nodes = []
    for node in model.graph.node:
        if node.op_type not in _CHANNEL_AXES:
            continue
        # Taken out, as another node may have the same weight, under the same name.
        weight = initializers.pop(node.input[1], None)
        if weight is None:
            continue
        axis = _CHANNEL_AXES[node.op_type]
        values = numpy_helper.to_array(weight)
        others = tuple(i for i in range(values.ndim) if i != axis)
        scale = np.abs(values).max(axis=others, keepdims=True) / 127
        scale[scale == 0] = 1
        name = weight.name
        small, cast, factor = f"{name}_int8", f"{name}_float32", f"{name}_scale"
        weight.CopyFrom(
            numpy_helper.from_array(np.round(values / scale).astype("int8"), small)
        )
        model.graph.initializer.append(numpy_helper.from_array(scale, factor))
        nodes += [
            helper.make_node("Cast", [small], [cast], to=onnx.TensorProto.FLOAT),
            helper.make_node("Mul", [cast, factor], [name]),
        ]
    nodes += model.graph.node
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


PRECISIONS = {
    "float32": Precision(lambda model: model, 1e-5),
    # A processor computes in float32, and each part would be cast on its own.
    "float16": Precision(half, 0.02, sub_kernels=False),
    "int8": Precision(int8_weights, 0.25),
}
