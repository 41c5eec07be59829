"""A software bill of materials of the environment that wrote the exports."""

import subprocess
import sys
from pathlib import Path

from export.files import staging_path, write_errors_named
from keras_gan.errors import InputError

FILE = "sbom.cdx.json"


def check() -> None:
    """Raises InputError if CycloneDX's own tool is not installed."""
    try:
        import cyclonedx_py  # noqa: F401
    except ImportError:
        raise InputError(
            "--sbom is written by cyclonedx-py, which is not installed. Run pip "
            "install '.[sbom]', or leave --sbom out."
        ) from None


def write(out: Path) -> Path:
    """Writes `sbom.cdx.json`: each package of this environment, with its version.

    The file has the format CycloneDX 1.6 as JSON. It is the same each time in the same
    environment.

    Args:
        out: folder of the exports.

    Returns:
        Path of the file.

    Raises:
        InputError: if the tool fails or the file cannot be written.
    """
    target = out / FILE
    command = [sys.executable, "-m", "cyclonedx_py", "environment", sys.executable]
    with staging_path(target) as temporary, write_errors_named(target):
        result = subprocess.run(
            [*command, "--output-reproducible", "--sv", "1.6", "-o", temporary],
            capture_output=True,
            text=True,
        )
        if result.returncode != 0:
            lines = result.stderr.strip().splitlines() or ["no message"]
            raise InputError(
                f"cyclonedx-py cannot write {target}: {lines[-1]}. Mend that, or leave "
                "--sbom out."
            )
        temporary.replace(target)
    return target
