"""Loads a server for `benchmarks.server`, in a process of its own.

It reads what to do as JSON from its input, and writes what came of it as JSON. Answers
are compared with what they should be after the clock has stopped.
"""

import asyncio
import io
import json
import sys
import time

import numpy as np
from PIL import Image

_TOLERANCE = 1e-5  # of values from -1 to 1


def keras_gan_request(task: dict, first: int) -> bytes:
    """Returns a request for rows of consecutive seeds."""
    rows = range(first, first + task["rows"])
    body = json.dumps({"seeds": [*rows], "format": task["format"]}).encode()
    return _post(f"/models/{task['model']}/sample", body, "application/json")


def triton_request(task: dict, first: int) -> bytes:
    """Returns a request for the same rows by their latent vectors, in binary."""
    latent = task["latent"][first : first + task["rows"]]
    described = {
        "inputs": [
            {
                "name": "latent",
                "shape": latent.shape,
                "datatype": "FP32",
                "parameters": {"binary_data_size": latent.nbytes},
            }
        ],
        "outputs": [{"name": "image", "parameters": {"binary_data": True}}],
    }
    head = json.dumps(described).encode()
    length = f"Inference-Header-Content-Length: {len(head)}\r\n"
    return _post(
        f"/v2/models/{task['model']}/infer",
        head + latent.tobytes(),
        "application/octet-stream",
        length,
    )


def _post(path, body, kind, more=""):
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n{more}"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def values(task: dict, head: bytes, body: bytes) -> np.ndarray:
    """Returns the images of an answer, as float32 or as uint8 levels."""
    shape = task["expected"].shape[1:]
    if task["format"] == "npy":
        return np.load(io.BytesIO(body))
    if task["format"] == "png":
        return np.asarray(Image.open(io.BytesIO(body))).reshape(1, *shape)
    start = int(_header(head, b"inference-header-content-length"))
    return np.frombuffer(body[start:], "float32").reshape(-1, *shape)


def _header(head, name):
    for line in head.split(b"\r\n"):
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return value
    raise ValueError(f"no {name} in {head}")


async def client(task: dict, number: int, answers: list) -> None:
    """Asks for one thing after the other on one connection."""
    make = {"triton": triton_request}.get(task["format"], keras_gan_request)
    reader, writer = await asyncio.open_connection("127.0.0.1", task["port"])
    for i in range(task["requests"]):
        first = (number * task["requests"] + i) * task["rows"] % len(task["latent"])
        request = make(task, first)
        begin = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(int(_header(head, b"content-length")))
        answers.append((time.perf_counter() - begin, first, head, body))
    writer.close()


def main() -> None:
    """Does one task and prints what came of it."""
    task = json.load(sys.stdin)
    with np.load(task["data"]) as data:
        task |= dict(data)
    answers: list = []

    async def load():
        clients = (client(task, i, answers) for i in range(task["clients"]))
        return await asyncio.gather(*clients, return_exceptions=True)

    begin = time.perf_counter()
    problems = [x for x in asyncio.run(load()) if x is not None]
    seconds = time.perf_counter() - begin
    refused = [head for _, _, head, _ in answers if b" 200 " not in head[:20]]
    wrong, worst = 0, 0.0
    for _, first, head, body in answers:
        if b" 200 " not in head[:20]:
            continue
        expected = task["expected"][first : first + task["rows"]]
        found = values(task, head, body)
        if found.dtype == np.uint8:
            expected = np.rint((expected + 1) * 127.5).clip(0, 255)
        difference = np.abs(found.astype("float64") - expected).max()
        worst = max(worst, float(difference))
        wrong += bool(difference > _TOLERANCE)
    asked = task["clients"] * task["requests"]
    json.dump(
        {
            "seconds": seconds,
            "rows": (len(answers) - len(refused)) * task["rows"],
            "latencies": [answer[0] for answer in answers],
            "lost": asked - len(answers) + len(refused),
            "wrong": wrong,
            "worst": worst,
            "problems": [repr(problem) for problem in problems[:3]],
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
