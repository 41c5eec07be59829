"""Sends images of several sizes to Triton at once and saves what comes back.

Run by test_triton.py with the repository, the model's name, a file of images and one
for the outcome (.npz). A request of a size that is no multiple of 4 is refused.
"""

import concurrent.futures
import sys

import numpy as np
import tritonclient.http
from triton_session import server

_TIMES = 20


def main(repository, name, inputs_path, outcome_path):
    with np.load(inputs_path) as file:
        images = dict(file)

    def ask(values):
        with tritonclient.http.InferenceServerClient(address) as client:
            source = tritonclient.http.InferInput("source", values.shape, "FP32")
            source.set_data_from_numpy(values)
            return client.infer(name, [source]).as_numpy("image")

    with server(repository) as (address, _):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            names = [*images] * _TIMES
            made = list(pool.map(ask, [images[one] for one in names]))
        try:
            ask(np.zeros((1, 8, 10, 3), "float32"))
        except Exception as error:
            print(error)
    for one, values in zip(names, made, strict=True):
        np.testing.assert_array_equal(values, made[names.index(one)])
    np.savez(outcome_path, **dict(zip(names, made, strict=True)))


if __name__ == "__main__":
    main(*sys.argv[1:])
