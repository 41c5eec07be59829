"""Transposed convolutions of every kind give the same values split as whole."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from export import onnx as onnx_format
from export.exportable import describe
from export.sub_kernels import with_sub_kernels
from keras_gan import DCGAN

_FLOAT = onnx.TensorProto.FLOAT
_IMAGE = (3, 4, 5, 7)


def model(kernel, after=(), results=("y",), bias=False, **attributes):
    """Returns a transposed convolution of _IMAGE, and what comes after it."""
    rng = np.random.default_rng(0)
    channels, filters = _IMAGE[1], 16
    shapes = {"kernel": (channels, filters, *kernel), "factor": (1, filters, 1, 1)}
    shapes |= {"rows": (10, 1)} | ({"bias": (filters,)} if bias else {})
    nodes = [
        helper.make_node(
            "ConvTranspose",
            ["x", "kernel"] + ["bias"] * bias,
            ["y"],
            "transposed",
            **attributes,
        ),
        *after,
    ]
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", _FLOAT, ["batch", *_IMAGE[1:]])],
        [helper.make_tensor_value_info(r, _FLOAT, [None] * 4) for r in results],
        [
            numpy_helper.from_array(rng.normal(size=shape).astype("float32"), name)
            for name, shape in shapes.items()
        ],
    )
    opset = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opset, ir_version=10)


def kinds(model):
    return [node.op_type for node in model.graph.node]


def check_same(whole):
    """Asserts equal results, and returns the split model."""
    split = with_sub_kernels(whole)
    onnx.checker.check_model(split, full_check=True)
    image = np.random.default_rng(1).normal(size=_IMAGE).astype("float32")
    expected, found = (
        onnxruntime.InferenceSession(m.SerializeToString()).run(None, {"x": image})
        for m in (whole, split)
    )
    for one, other in zip(expected, found, strict=True):
        assert one.std() > 0.1
        np.testing.assert_allclose(other, one, rtol=1e-5, atol=1e-4)
    return split


# Each with the padding of Keras's "same", whose output is stride times as large.
@pytest.mark.parametrize(
    ("kernel", "strides", "pads"),
    [
        ((5, 5), (2, 2), (1, 1, 2, 2)),
        ((4, 4), (2, 2), (1, 1, 1, 1)),
        ((3, 3), (2, 2), (0, 0, 1, 1)),
        ((2, 2), (2, 2), (0, 0, 0, 0)),
        ((5, 3), (3, 2), (1, 0, 1, 1)),
        ((7, 6), (2, 4), (2, 1, 3, 1)),
    ],
)
@pytest.mark.parametrize("bias", [False, True])
def test_kernels_and_strides(kernel, strides, pads, bias):
    whole = model(kernel, bias=bias, strides=strides, pads=pads)
    split = check_same(whole)
    assert kinds(split).count("Conv") == strides[0] * strides[1]
    assert "ConvTranspose" not in kinds(split)
    # The kernel is stored once: a few numbers of shapes are all that comes with it.
    assert split.ByteSize() < whole.ByteSize() + 1024 * strides[0] * strides[1]


@pytest.mark.parametrize(
    ("kernel", "attributes"),
    [
        ((5, 5), {"strides": [2, 2]}),  # the output is larger than twice the input
        ((2, 2), {"strides": [3, 3], "output_padding": [1, 1]}),  # a phase without taps
        ((5, 5), {"pads": [2, 2, 2, 2]}),  # no stride
        ((3, 3), {"strides": [2, 2], "dilations": [2, 2], "pads": [1, 1, 2, 2]}),
        ((5, 5), {"strides": [2, 2], "group": 2, "pads": [1, 1, 2, 2]}),
        ((5, 5), {"strides": [2, 2], "auto_pad": "SAME_UPPER"}),
    ],
)
def test_others_stay(kernel, attributes):
    assert kinds(check_same(model(kernel, **attributes))) == ["ConvTranspose"]


_SAME = {"kernel": (5, 5), "strides": [2, 2], "pads": [1, 1, 2, 2]}


def node(kind, inputs, output):
    return helper.make_node(kind, inputs, [output], output)


def test_what_follows_for_each_channel_goes_into_the_phases():
    after = [
        node("Mul", ["factor", "y"], "scaled"),
        node("Relu", ["scaled"], "positive"),
        node("Tanh", ["positive"], "image"),
    ]
    split = check_same(model(after=after, results=["image"], **_SAME))
    assert kinds(split).count("Mul") == kinds(split).count("Relu") == 4
    assert kinds(split).count("Tanh") == 1


@pytest.mark.parametrize(
    ("after", "results"),
    [
        ([node("Mul", ["y", "rows"], "z")], ["z"]),  # another factor for each row
        ([node("Relu", ["y"], "z")], ["y", "z"]),
        ([node("Relu", ["y"], "a"), node("Add", ["y", "a"], "z")], ["z"]),
        ([node("Mul", ["y", "y"], "z")], ["z"]),
    ],
)
def test_what_follows_otherwise_stays_behind(after, results):
    split = check_same(model(after=after, results=results, **_SAME))
    assert kinds(split)[-len(after) :] == [follower.op_type for follower in after]


def test_a_dcgan_keeps_only_its_last_one(tmp_path):
    gan = DCGAN((16, 24, 3), latent_dim=5, base_filters=16, seed=1)
    onnx_format.write(describe(gan, "model"), tmp_path / "model.onnx")
    found = kinds(onnx.load(tmp_path / "model.onnx"))
    assert found.count("ConvTranspose") == 1 and found.count("Conv") >= 4
