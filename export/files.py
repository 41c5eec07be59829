"""Files and folders that appear whole or not at all."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def staged(target: Path) -> Iterator[Path]:
    """Gives a path on the file system of `target`, to write to and then move.

    What is still there at the end is removed, and so are folders made for it that stay
    empty. The hidden folder around it holds no number as its name, so that TensorFlow
    Serving takes it for no version.

    Args:
        target: where the finished file or folder is to be moved by the caller.
    """
    folders = [folder for folder in target.parents if not folder.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        # The folder is readable for its owner alone, so it is not what gets published.
        with tempfile.TemporaryDirectory(
            prefix=".export-", dir=target.parent
        ) as folder:
            yield Path(folder, target.name)
    finally:
        for folder in folders:
            with contextlib.suppress(OSError):
                folder.rmdir()
