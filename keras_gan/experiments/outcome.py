"""What an experiment gives: a picture, and figures with their protocol."""

import dataclasses
import pathlib
from collections.abc import Sequence

from PIL import Image

from keras_gan import pictures
from keras_gan.files import json_text, write_all

_FRAME_MILLISECONDS = 120


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Result of one experiment.

    Args:
        name: of the files, without ending.
        summary: the result in one line.
        picture: to look at.
        report: for the JSON file; `measured`, `paper` (its figure, or None) and
            `protocol`, a sentence, are always in it.
        frames: of an endless animation, all of one size; none for no animation.

    Example:

    ```python
    from pathlib import Path
    from PIL import Image
    from keras_gan.experiments import Outcome

    report = {"measured": {"brightness": 0.4}, "paper": None, "protocol": "of 1 image"}
    picture = Image.new("L", (64, 64))
    outcome = Outcome("brightness", "it is 0.4", picture, report)
    print(outcome.write(Path("experiments")))
    ```
    """

    name: str
    summary: str
    picture: Image.Image
    report: dict
    frames: Sequence[Image.Image] = ()

    def write(self, folder: pathlib.Path) -> list[pathlib.Path]:
        """Writes picture, animation and report; each appears whole or not at all.

        Args:
            folder: where they go; it is made if it is not there.

        Returns:
            Paths of the files.

        Raises:
            InputError: where the folder cannot be written.
        """
        picture = pictures.encoded(self.picture, ".png")
        contents: dict[str, bytes | str] = {".png": picture}
        if self.frames:
            first, *others = self.frames
            options = pictures.endless(others, _FRAME_MILLISECONDS)
            contents[".gif"] = pictures.encoded(first, ".gif", **options)
        # The report last: where there is one, all else is there too.
        contents[".json"] = json_text(self.report)
        return write_all(
            folder, {self.name + ending: each for ending, each in contents.items()}
        )
