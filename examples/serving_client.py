"""Asks TensorFlow Serving for pictures and saves them as one.

    python examples/serving_client.py digits --count 16 --out digits.png
    python examples/serving_client.py digits --rest --seed 7 --truncation 0.7
    python examples/serving_client.py pets --labels cat dog \\
        --metadata serving/pets/1/assets.extra/metadata.json
    python examples/serving_client.py maps --input aerial.png --out map.png
    python examples/serving_client.py zebras --input zebra.jpg --signature b_to_a_png

The first asks over gRPC at localhost:8500, the second over REST at localhost:8501. The
same seed gives the same pictures, from any server. A server knows classes by their
numbers only; their names are in the export's metadata. The last two send a picture to a
model that makes images from images; the last one asks for its second direction. One
picture comes back as the file that the server made, several as one picture, side by
side. gRPC needs tensorflow-serving-api.
"""

import argparse
import base64
import contextlib
import http.client
import io
import itertools
import json
import pathlib
import sys
import urllib.error
import urllib.parse
import urllib.request

from PIL import Image, ImageOps

_BATCH = 32  # a server that merges requests refuses larger ones than it merges
_TIMEOUT_SECONDS = 30


class ServerError(Exception):
    """The server cannot be reached, or refuses a request."""


def main(arguments=None) -> int:
    """Runs the command line; returns its exit code: 2 where there are no pictures."""
    options = _parser().parse_args(arguments)
    ask = ask_rest if options.rest else ask_grpc
    address = f"{options.host}:{options.port or (8501 if options.rest else 8500)}"
    signature = options.signature or ("png" if options.input else "sample_png")
    pictures = []
    try:
        labels = labels_of(options.labels or [], options.metadata)
        rows = _rows(options, labels)
        for number in [options.seed, options.seed + options.count - 1, *labels]:
            if not -(2**63) <= number < 2**63:
                raise ValueError(
                    f"{number} is no seed and no label; accepted are -2^63 to 2^63 - 1."
                )
        for batch in _batches(rows):
            pictures += ask(address, options.model, batch, signature)
        if options.input and len(pictures) == 1:
            # Not through `grid`, which lays transparent pictures over white.
            Image.open(io.BytesIO(pictures[0])).save(options.out)
        else:
            grid(pictures).save(options.out)
    except (ServerError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{len(pictures)} picture{'s'[: len(pictures) != 1]} in {options.out}")
    return 0


def _rows(options, labels):
    """Returns the inputs of each picture: a seed, or a file."""
    rows = [{"source_bytes": png(path)} for path in options.input]
    if not rows:
        rows = [
            {"seed": options.seed + i, "truncation": options.truncation}
            for i in range(options.count)
        ]
    for i, row in enumerate(rows):
        if labels:
            row["label"] = labels[i % len(labels)]
    return rows


def _batches(rows):
    """Yields batches of rows; pictures of one batch have one size."""
    sizes = [_size(row) for row in rows]
    for _, numbers in itertools.groupby(range(len(rows)), sizes.__getitem__):
        group = [rows[i] for i in numbers]
        for start in range(0, len(group), _BATCH):
            yield group[start : start + _BATCH]


def _size(row):
    file = row.get("source_bytes")
    return None if file is None else Image.open(io.BytesIO(file)).size


def png(path: str) -> bytes:
    """Returns a picture as a PNG file, upright as its EXIF data say.

    Args:
        path: a file of any kind that Pillow reads. PNG files stay as they are.

    Raises:
        OSError: if there is no picture in the file.
    """
    content = pathlib.Path(path).read_bytes()
    try:
        picture = Image.open(io.BytesIO(content))
        if picture.format == "PNG":
            return content
        picture = ImageOps.exif_transpose(picture)
        if picture.mode not in ("1", "L", "LA", "I;16", "P", "RGB", "RGBA"):
            picture = picture.convert("RGB")
    except OSError as error:
        raise OSError(
            f"{path} is not a picture that Pillow can read. Give a PNG or JPEG file."
        ) from error
    file = io.BytesIO()
    picture.save(file, "png")
    return file.getvalue()


def labels_of(classes: list[str], metadata: str | None = None) -> list[int]:
    """Returns the numbers of classes.

    Args:
        classes: names or, if no class has such a name, numbers.
        metadata: path of an export's `metadata.json`, which names the classes.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is not such a file, or for a class that it does not have.
    """
    names = []
    if metadata is not None:
        try:
            with open(metadata, encoding="utf-8") as file:
                names = json.load(file)["class_names"] or []
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"--metadata is {metadata}, which is not the metadata of an export "
                f"({error!r}). Give the file assets.extra/metadata.json of a "
                "SavedModel that python -m export wrote."
            ) from error
    return [_label(text, names, metadata) for text in classes]


def _label(text, names, metadata):
    if text in names:
        return names.index(text)
    try:
        return int(text)
    except ValueError:
        pass
    if names:
        remedy = f"The classes are {', '.join(names)}."
    elif metadata is not None:
        remedy = f"{metadata} names no classes: give their numbers, from 0."
    else:
        remedy = (
            "A server knows numbers only: give the number of the class, or add "
            "--metadata MODEL/VERSION/assets.extra/metadata.json."
        )
    raise ValueError(f"the class {text!r} is not known. {remedy}")


def ask_grpc(
    address: str, model: str, rows: list[dict], signature: str = "sample_png"
) -> list[bytes]:
    """Returns a PNG file for each row, over gRPC.

    Args:
        address: HOST:PORT.
        model: its name on the server.
        rows: each with the inputs of the signature: `seed` and `truncation`, or
            `source_bytes`, and of a conditional model `label`.
        signature: that gives `png_bytes`.

    Raises:
        ServerError: where there is no server, or it refuses, or a library is missing.
    """
    try:
        import grpc
        import numpy as np
        import tensorflow as tf
        from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
    except ImportError as error:
        raise ServerError(
            "gRPC needs tensorflow-serving-api, which is not installed: pip install "
            "'.[serving]'; --rest needs none."
        ) from error

    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    for name in rows[0]:
        dtypes = {"truncation": "float32", "source_bytes": object}
        values = np.array([row[name] for row in rows], dtypes.get(name, "int64"))
        request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
    # A batch of large pictures exceeds the 4 MiB that gRPC takes without it.
    unlimited = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(address, unlimited) as channel:
        service = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        try:
            response = service.Predict(request, timeout=_TIMEOUT_SECONDS)
        except grpc.RpcError as error:
            raise ServerError(f"{address}: {error.details()}") from None
    return list(tf.make_ndarray(response.outputs["png_bytes"]))


def ask_rest(
    address: str, model: str, rows: list[dict], signature: str = "sample_png"
) -> list[bytes]:
    """Does the same as `ask_grpc` over REST, with the standard library alone."""
    instances = [{name: _in_json(value) for name, value in r.items()} for r in rows]
    request = urllib.request.Request(
        f"http://{address}/v1/models/{urllib.parse.quote(model, safe='')}:predict",
        json.dumps({"signature_name": signature, "instances": instances}).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:
            predictions = json.load(response)["predictions"]
        return [base64.b64decode(picture["b64"]) for picture in predictions]
    except urllib.error.HTTPError as error:
        text = error.read().decode()
        # A proxy answers otherwise.
        with contextlib.suppress(ValueError, KeyError, TypeError):
            text = json.loads(text)["error"]
        raise ServerError(f"{address}: {text}") from None
    except urllib.error.URLError as error:
        raise ServerError(f"{address}: {error.reason}") from None
    except (http.client.HTTPException, ValueError, KeyError, TypeError):
        raise ServerError(
            f"{address} does not answer as TensorFlow Serving does over REST; its port "
            "for that is 8501 if not set otherwise."
        ) from None


def _in_json(value):
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()}
    return value


def grid(pictures: list[bytes]) -> Image.Image:
    """Returns pictures side by side, over white, in a square or nearly.

    Each has a place as wide and as high as the largest of them.
    """
    images = [Image.open(io.BytesIO(picture)) for picture in pictures]
    width = max(image.width for image in images)
    height = max(image.height for image in images)
    columns = round(len(images) ** 0.5) or 1
    rows = -(-len(images) // columns)
    canvas = Image.new("RGBA", (columns * width, rows * height), "white")
    for i, image in enumerate(images):
        place = (i % columns * width, i // columns * height)
        canvas.alpha_composite(image.convert("RGBA"), place)
    return canvas.convert("L" if images[0].mode == "L" else "RGB")


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="name of the model on the server")
    parser.add_argument("--host", default="localhost")
    parser.add_argument("--port", type=int, help="default 8500, of REST 8501")
    parser.add_argument("--rest", action="store_true", help="not gRPC")
    parser.add_argument("--count", type=_count, default=16, help="pictures")
    parser.add_argument("--seed", type=int, default=0, help="of the first picture")
    parser.add_argument(
        "--truncation",
        type=_truncation,
        default=100.0,
        help="largest distance of latent values from their mean; below 1 or so, "
        "pictures grow alike and flawless (default: 100, none)",
    )
    parser.add_argument(
        "--labels",
        nargs="+",
        metavar="CLASS",
        help="classes by number, or by name with --metadata, repeated over the "
        "pictures",
    )
    parser.add_argument(
        "--metadata", help="metadata.json of the export, which names the classes"
    )
    parser.add_argument(
        "--input",
        nargs="+",
        default=[],
        metavar="FILE",
        help="pictures that the model makes others from, of the size that it takes; "
        "of any size if the export's metadata give none",
    )
    parser.add_argument(
        "--signature",
        metavar="NAME",
        help="function to ask (default: sample_png, with --input png)",
    )
    parser.add_argument("--out", default="pictures.png", help="file to write")
    return parser


def _truncation(text):
    truncation = float(text)
    if not truncation >= 0:  # so that NaN is refused too
        raise argparse.ArgumentTypeError(f"{truncation} is not at least 0")
    return truncation


def _count(text):
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"{count} is not at least 1")
    return count


if __name__ == "__main__":
    sys.exit(main())
