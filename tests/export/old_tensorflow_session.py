"""Runs a SavedModel as an old TensorFlow Serving does, and saves what it answers.

Run by test_old_servers.py in an environment with TensorFlow 2.6, with the SavedModel, a
file of inputs named SIGNATURE/INPUT and one for the outputs (.npz).
"""

import sys

import numpy as np
import tensorflow as tf


def main(path, inputs_path, outputs_path):
    with np.load(inputs_path) as file:
        inputs = dict(file)
    outputs = {}
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        loaded = tf.compat.v1.saved_model.loader.load(session, ["serve"], path)
        for name, signature in loaded.signature_def.items():
            if not signature.inputs:  # that of the loader's own initialisation
                continue
            rows = {
                tensor.name: inputs[name + "/" + key]
                for key, tensor in signature.inputs.items()
            }
            tensors = {key: x.name for key, x in signature.outputs.items()}
            for key, made in session.run(tensors, rows).items():
                made = made.astype("S") if made.dtype == object else made
                outputs[name + "/" + key] = made
    np.savez(outputs_path, **outputs)


if __name__ == "__main__":
    main(*sys.argv[1:])
