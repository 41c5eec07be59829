"""Runs an export in a process of its own, without the code that trained it.

Started by `verify.py` with: format, export, file of inputs, file for the images (both
.npz), batch sizes such as 1,3,64. Prints one line of JSON.
"""

import json
import sys
import time

import numpy as np


def saved_model(path):
    """Loads as TensorFlow's own servers do, from the signature's tensor names alone."""
    import tensorflow as tf

    session = tf.compat.v1.Session(graph=tf.Graph())
    meta_graph = tf.compat.v1.saved_model.loader.load(session, ["serve"], path)
    signature = meta_graph.signature_def["serving_default"]
    stored = tf.train.load_checkpoint(f"{path}/variables/variables")
    shapes = stored.get_variable_to_shape_map()
    values = sum(
        int(np.prod(shape))
        for name, shape in shapes.items()
        if name.endswith("VARIABLE_VALUE")
    )

    def run(inputs):
        feed = {info.name: inputs[name] for name, info in signature.inputs.items()}
        return session.run(signature.outputs["image"].name, feed)

    return run, set(signature.inputs), "tensorflow", tf.__version__, values


def onnx(path):
    """Checks the file by the ONNX standard, then loads it into ONNX Runtime."""
    import onnx
    import onnxruntime

    model = onnx.load(path)
    # The converter logs operations it cannot convert and writes the file all the same.
    onnx.checker.check_model(model, full_check=True)
    onnx.shape_inference.infer_shapes(
        model, check_type=True, strict_mode=True, data_prop=True
    )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def run(inputs):
        return session.run(["image"], inputs)[0]

    names = {value.name for value in session.get_inputs()}
    # Constants are folded in many ways, so a count of weights would say nothing.
    return run, names, "onnxruntime", onnxruntime.__version__, 0


LOADERS = {"saved-model": saved_model, "onnx": onnx}
BLOCKED = {
    "saved-model": ("keras_gan", "keras"),
    "onnx": ("keras_gan", "keras", "tensorflow"),
}


def main(format, path, inputs_path, images_path, sizes):
    for name in BLOCKED[format]:
        sys.modules[name] = None  # an import of it fails from here on
    run, names, runtime, version, stored_values = LOADERS[format](path)
    with np.load(inputs_path) as file:
        inputs = dict(file)
    if names != set(inputs):
        sys.exit(f"the inputs are {sorted(names)} and should be {sorted(inputs)}")
    images, milliseconds = {}, {}
    for size in sizes.split(","):
        batch = {name: values[: int(size)] for name, values in inputs.items()}
        images[size] = run(batch)
        start = time.perf_counter()
        run(batch)
        milliseconds[size] = round(1e3 * (time.perf_counter() - start), 3)
    np.savez(images_path, **images)
    outcome = {
        "runtime": runtime,
        "runtime_version": version,
        "stored_values": stored_values,
        "milliseconds": milliseconds,
        "imported": [
            name
            for name, module in sys.modules.items()
            if name.split(".")[0] in BLOCKED[format] and module is not None
        ],
    }
    print(json.dumps(outcome))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Exception as error:
        # One line, since it becomes part of a sentence; some messages fill a screen.
        text = " ".join(str(error).split())
        sys.exit(f"{type(error).__name__}: {text[:300]}")
