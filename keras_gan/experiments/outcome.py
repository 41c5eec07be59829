"""What an experiment gives: a picture, and figures with their protocol."""

import dataclasses
import io
import json
import pathlib

from PIL import Image

from keras_gan.errors import InputError
from keras_gan.files import write_whole


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Result of one experiment.

    Args:
        name: of the files, without ending.
        summary: the result in one line.
        picture: to look at.
        report: for the JSON file; `measured`, `paper` (its figure, or None) and
            `protocol`, a sentence, are always in it.
    """

    name: str
    summary: str
    picture: Image.Image
    report: dict

    def write(self, folder: pathlib.Path) -> list[pathlib.Path]:
        """Writes picture and report into a folder; each appears whole or not at all.

        Returns:
            Paths of the files.

        Raises:
            InputError: where the folder cannot be written.
        """
        png = io.BytesIO()
        self.picture.save(png, "PNG")
        text = json.dumps(self.report, indent=2, ensure_ascii=False, allow_nan=False)
        # The report last: where there is one, its picture is there too.
        contents = {".png": png.getvalue(), ".json": (text + "\n").encode()}
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
