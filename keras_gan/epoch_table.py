"""A CSV file of numbers during training, which a resumed run continues."""

import csv
import io
import os
import pathlib

from keras_gan.files import set_aside, write_atomically


class EpochTable:
    """A CSV file whose rows begin with an epoch and a step.

    Epochs count from 0, as in Keras. Files of older versions have one row for each
    epoch and no steps.

    Args:
        path: file to write or to continue.

    Example:

    ```python
    from keras_gan.epoch_table import EpochTable

    table = EpochTable("losses.csv")
    table.begin(step=0, epoch_length=28, own=True)
    table.add(0, {"step": 28, "loss": 0.7})
    table.add(1, {"step": 56, "loss": 0.6})
    assert table.columns() == ("step", {"loss": ([28, 56], [0.7, 0.6])})
    ```
    """

    def __init__(self, path: str | os.PathLike):
        self.path = pathlib.Path(path)
        self._columns = None

    def begin(self, step: int, epoch_length: int, own: bool) -> None:
        """Drops the rows after a step, and creates the file's folder.

        Args:
            step: the last step that was taken. Rows of later steps come from a run that
                died after them.
            epoch_length: steps of an epoch; gives a step to rows that have none.
            own: whether the file is of the same training. If not, a file with rows of
                later steps is set aside instead.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        before = self._read()
        for row in before:
            row.setdefault("step", str((int(row["epoch"]) + 1) * epoch_length))
        rows = [row for row in before if int(row["step"]) <= step]
        if len(rows) < len(before) and not own:
            set_aside(self.path)
        elif self.path.exists():
            self._write(
                [{"epoch": row["epoch"], "step": row["step"], **row} for row in rows]
            )

    def add(self, epoch: int, values: dict) -> None:
        """Writes a row of an epoch; columns without a value stay empty."""
        row = {"epoch": epoch, **values}
        if self._columns is None or not row.keys() <= set(self._columns):
            self._write([*self._read(), row])
        else:
            with self.path.open("a", newline="") as file:
                csv.DictWriter(file, self._columns).writerow(row)

    def drop_last(self) -> None:
        """Drops the last row."""
        self._write(self._read()[:-1])

    def rows(self) -> list[dict]:
        """Returns the rows; `step` is an int, the other values are text."""
        return [{**row, "step": int(row["step"])} for row in self._read()]

    def steps(self) -> list[int]:
        """Returns the steps of the rows."""
        return [row["step"] for row in self.rows()]

    def columns(self) -> tuple[str, dict[str, tuple[list[int], list[float]]]]:
        """Returns the unit of the counts, and the counts and values of each column.

        The unit is "step", or "epoch" for files of older versions; epochs count from
        1. A column leaves out the rows in which it is empty.
        """
        rows = self._read()
        columns: dict[str, tuple[list[int], list[float]]] = {}
        by_step = all("step" in row for row in rows)
        for row in rows:
            epoch, step = int(row.pop("epoch")), row.pop("step", None)
            for name, value in row.items():
                if value:
                    counts, values = columns.setdefault(name, ([], []))
                    counts.append(int(step) if by_step else epoch + 1)
                    values.append(float(value))
        return ("step" if by_step else "epoch"), columns

    def _read(self):
        if not self.path.exists():
            return []
        text = self.path.read_bytes().decode()
        # A full disk or a killed process can leave a last line without its end.
        whole = text[: text.rfind("\n") + 1]
        return list(csv.DictReader(io.StringIO(whole, newline="")))

    def _write(self, rows):
        # Columns of earlier rows come first: a resumed run may have other measures.
        self._columns = list(dict.fromkeys(name for row in rows for name in row))
        text = io.StringIO(newline="")
        if rows:
            writer = csv.DictWriter(text, self._columns)
            writer.writeheader()
            writer.writerows(rows)
        write_atomically(self.path, text.getvalue())
