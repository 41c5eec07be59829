"""What an experiment gives: a picture, and figures with their protocol."""

import dataclasses
import io
import json
import pathlib
from collections.abc import Sequence

from PIL import Image

from keras_gan.errors import InputError
from keras_gan.files import write_whole

_FRAME_MILLISECONDS = 120
_LAST_FRAME_MILLISECONDS = 2000


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
        contents = {".png": _encoded(self.picture, "PNG")}
        if self.frames:
            contents[".gif"] = _encoded(
                self.frames[0],
                "GIF",
                save_all=True,
                append_images=self.frames[1:],
                duration=[_FRAME_MILLISECONDS] * (len(self.frames) - 1)
                + [_LAST_FRAME_MILLISECONDS],
                loop=0,
            )
        # The report last: where there is one, all else is there too.
        text = json.dumps(self.report, indent=2, ensure_ascii=False, allow_nan=False)
        contents[".json"] = text + "\n"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            paths = [folder / f"{self.name}{ending}" for ending in contents]
            for path, content in zip(paths, contents.values(), strict=True):
                write_whole(path, content)
            return paths
        except OSError as error:
            raise InputError(
                f"{folder} cannot be written: {error.strerror}; name another folder "
                "with --out."
            ) from error


def _encoded(picture, kind, **options):
    content = io.BytesIO()
    picture.save(content, kind, **options)
    return content.getvalue()
