"""Writing files so that nobody reads half of one."""

import pathlib
import tempfile


def write_whole(path: pathlib.Path, content: bytes | str) -> None:
    """Writes a file beside its place and renames it: it appears whole or not at all.

    Args:
        path: where it goes; what is there is replaced.
        content: bytes, or text that is written as UTF-8.
    """
    # A folder of its own, so that two processes that write the same file do no harm.
    with tempfile.TemporaryDirectory(prefix=".part-", dir=path.parent) as folder:
        part = pathlib.Path(folder) / path.name
        part.write_bytes(content if isinstance(content, bytes) else content.encode())
        part.replace(path)
