"""Writing files so that nobody reads half of one."""

import pathlib


def write_whole(path: pathlib.Path, content: bytes | str) -> None:
    """Writes a file beside its place and renames it: it appears whole or not at all.

    Args:
        path: where it goes; what is there is replaced.
        content: bytes, or text that is written as UTF-8.
    """
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(content if isinstance(content, bytes) else content.encode())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
