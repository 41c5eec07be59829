"""From a trained model, or the folder of a run, to files that serve what it makes."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from export.formats import ExportOptions
    from export.onnx import to_onnx
    from export.pruning import prune
    from export.publish import export_all
    from export.report import VerificationError, write_report
    from export.saved_model import to_saved_model
    from export.verify import verify_again

__all__ = [
    "ExportOptions",
    "VerificationError",
    "export_all",
    "prune",
    "to_onnx",
    "to_saved_model",
    "verify_again",
    "write_report",
]

_HOMES = {
    "ExportOptions": "export.formats",
    "VerificationError": "export.report",
    "export_all": "export.publish",
    "prune": "export.pruning",
    "to_onnx": "export.onnx",
    "to_saved_model": "export.saved_model",
    "verify_again": "export.verify",
    "write_report": "export.report",
}


def __getattr__(name: str) -> Any:
    # TensorFlow takes seconds to import; `python -m export --help` must not wait.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
