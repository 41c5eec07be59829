"""Which versions of libraries read files of strangers safely."""

import warnings
from importlib.metadata import version

from packaging.version import Version

# The oldest versions without a known weakness that has a remedy; see SECURITY.md.
FIRST_SAFE = {
    "keras": "3.15.1",
    "onnx": "1.21.0",
    "pillow": "13.0.0",
    "tensorflow": "2.21.0",
}


def warn(files: str, *packages: str) -> None:
    """Warns in one sentence if an installed package is too old for files of strangers.

    Not an error: the files may be the user's own, and with those nothing is wrong.

    Args:
        files: what is about to be read, in the plural, such as ".keras files".
        *packages: keys of `FIRST_SAFE`.
    """
    old = [p for p in packages if Version(version(p)) < Version(FIRST_SAFE[p])]
    if not old:
        return
    installed = " and ".join(f"{package} {version(package)}" for package in old)
    safe = " ".join(f"'{package}>={FIRST_SAFE[package]}'" for package in old)
    weak = "has" if len(old) == 1 else "have"
    warnings.warn(
        f"{installed} {weak} known weaknesses in reading {files} that a stranger made; "
        f"before you read such files, run: pip install {safe}",
        stacklevel=3,
    )
