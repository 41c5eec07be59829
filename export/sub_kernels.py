"""Transposed convolutions as ordinary ones, for ONNX Runtime.

Pixel stride * q + a of a transposed convolution sums over those weights of the kernel
that meet pixels of its input: every stride-th one, others for each phase a. So each
phase is a convolution of the input with a part of the kernel, a sub-kernel, and the
phases side by side are the result, with the same arithmetic. ONNX Runtime convolves in
blocks of channels and on all threads; its transposed convolution multiplies matrices
and then adds up overlapping patches on one thread (figures: benchmarks/README.md).

Source: Shi et al. 2016, "Is the deconvolution layer the same as a convolutional
layer?", arXiv 1609.07009.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import onnx
from onnx import helper, numpy_helper

# ONNX Runtime fills up a block of channels: with fewer filters it would waste most.
_FEWEST_FILTERS = 16
_POINTWISE = ("Add", "Mul", "Relu")


class _Phase(NamedTuple):
    """What makes every stride-th pixel along one axis.

    Args:
        taps: positions in the kernel, in the order in which they meet the input.
        pads: zeros before and after the input.
    """

    taps: list[int]
    pads: tuple[int, int]


def with_sub_kernels(model: onnx.ModelProto) -> onnx.ModelProto:
    """Returns the model with each transposed convolution as one for each phase.

    Those stay that have few filters, groups or dilations, or whose output is not
    stride times as large as their input.
    """
    graph = onnx.shape_inference.infer_shapes(model).graph
    sizes = {
        value.name: [axis.dim_value for axis in value.type.tensor_type.shape.dim[2:]]
        for value in [*graph.input, *graph.value_info, *graph.output]
    }
    weights = {w.name: numpy_helper.to_array(w) for w in graph.initializer}
    nodes, constants = [], []
    moved: set[str] = set()
    replaced: set[str] = set()
    for node in model.graph.node:
        phases = _phases(node, weights, sizes)
        if phases:
            after = list(_pointwise_after(node, model.graph, weights))
            moved.update(follower.output[0] for follower in after)
            source, kernel = node.input[:2]
            split = _split(node, after, weights[kernel], sizes[source], *phases)
            nodes += split[0]
            constants += split[1]
            replaced.add(kernel)
        elif node.output[0] not in moved:
            nodes.append(node)
    replaced -= {name for node in nodes for name in node.input}
    constants += [w for w in graph.initializer if w.name not in replaced]
    result = onnx.ModelProto()
    result.CopyFrom(model)
    for field, values in ("node", nodes), ("initializer", constants):
        result.graph.ClearField(field)
        getattr(result.graph, field).extend(values)
    return result


def _phases(node, weights, sizes) -> list[list[_Phase]] | None:
    """Returns the phases along height and width, None for a node that stays."""
    kernel = weights.get(node.input[1]) if node.op_type == "ConvTranspose" else None
    if kernel is None or kernel.ndim != 4 or kernel.shape[1] < _FEWEST_FILTERS:
        return None
    given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    strides = given.get("strides", [1, 1])
    grown = [
        size * stride
        for size, stride in zip(sizes.get(node.input[0], []), strides, strict=False)
    ]
    if (
        1 in strides
        or given.get("group", 1) != 1
        or set(given.get("dilations", [1])) != {1}
        or given.get("auto_pad", b"NOTSET") != b"NOTSET"
        or 0 in grown  # a size that is not known
        or sizes.get(node.output[0]) != grown
    ):
        return None
    pads = given.get("pads", [0] * 4)
    axes = [
        [_phase(kernel.shape[2 + i], strides[i], pads[i], a) for a in range(strides[i])]
        for i in range(2)
    ]
    whole = all(phase.taps and min(phase.pads) >= 0 for axis in axes for phase in axis)
    return axes if whole else None


def _phase(size, stride, pad, a) -> _Phase:
    """Returns phase a where the first `pad` pixels of the output are cut off."""
    taps = [tap for tap in range(size) if (tap - a - pad) % stride == 0][::-1]
    if not taps:
        return _Phase([], (0, 0))
    return _Phase(taps, ((taps[0] - a - pad) // stride, (a + pad - taps[-1]) // stride))


def _pointwise_after(node, graph, weights) -> Iterator[onnx.NodeProto]:
    """Yields the nodes that a node's result alone goes through, pixel by pixel.

    After the convolution of each phase, ONNX Runtime makes them a part of it.
    """
    results = {result.name for result in graph.output}
    while node.output[0] not in results:
        users = [user for user in graph.node if node.output[0] in user.input]
        if len(users) != 1 or users[0].op_type not in _POINTWISE:
            return
        others = [weights.get(name) for name in users[0].input]
        others.pop(list(users[0].input).index(node.output[0]))
        if any(other is None or other.shape[-2:] != (1, 1) for other in others):
            return
        (node,) = users
        yield node


def _split(node, after, kernel, size, rows, columns):
    """Returns the nodes and the constants that stand for one transposed convolution."""
    nodes, constants, images = [], [], []

    def constant(name, values):
        name = f"{node.name}/{name}"
        constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def add(kind, inputs, output=None, **attributes):
        output = output or f"{node.name}/{len(nodes)}"
        nodes.append(helper.make_node(kind, inputs, [output], output, **attributes))
        return output

    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            part = kernel[:, :, row.taps][..., column.taps].swapaxes(0, 1)
            part = constant(f"sub_kernel_{i}{j}", part)
            pads = [p for pair in zip(row.pads, column.pads, strict=True) for p in pair]
            image = add("Conv", [node.input[0], part, *node.input[2:]], pads=pads)
            made_from = node.output[0]
            for follower in after:
                inputs = [image if n == made_from else n for n in follower.input]
                image = add(follower.op_type, inputs)
                made_from = follower.output[0]
            images.append(image)

    (height, width), filters = size, kernel.shape[1]
    apart = [0, height, width, len(rows), len(columns), filters]
    together = [0, height * len(rows), width * len(columns), filters]
    # With the channels last, whole pixels move, which is faster than DepthToSpace.
    x = add("Concat", images, axis=1)
    x = add("Transpose", [x], perm=[0, 2, 3, 1])
    x = add("Reshape", [x, constant("apart", np.array(apart))])
    x = add("Transpose", [x], perm=[0, 1, 3, 2, 4, 5])
    x = add("Reshape", [x, constant("together", np.array(together))])
    add("Transpose", [x], [node, *after][-1].output[0], perm=[0, 3, 1, 2])
    return nodes, constants
