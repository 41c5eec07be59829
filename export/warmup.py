"""Requests that TensorFlow Serving replays while it loads a version.

The first call of a signature is slow, and a server that has made it answers its first
user as quickly as the next.
"""

import importlib.util
from pathlib import Path

import tensorflow as tf

from export.exportable import Exportable

BATCH_SIZES = (1, 32)
FILE = Path("assets.extra", "tf_serving_warmup_requests")


def installed() -> bool:
    """Whether the messages of TensorFlow Serving are there, which an extra brings."""
    return importlib.util.find_spec("tensorflow_serving") is not None


def write(exportable: Exportable, folder: Path) -> None:
    """Writes requests to each signature into the SavedModel in `folder`.

    Args:
        exportable: what was exported.
        folder: of the SavedModel; it has a folder `assets.extra`.
    """
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    with tf.io.TFRecordWriter(str(folder / FILE)) as records:
        for name, signature in exportable.signatures.items():
            for count in BATCH_SIZES:
                count = min(count, signature.most_rows)
                request = predict_pb2.PredictRequest()
                request.model_spec.name = exportable.name
                request.model_spec.signature_name = name
                for key, values in signature.examples(count).items():
                    request.inputs[key].CopyFrom(tf.make_tensor_proto(values))
                log = prediction_log_pb2.PredictLog(request=request)
                record = prediction_log_pb2.PredictionLog(predict_log=log)
                records.write(record.SerializeToString(deterministic=True))
