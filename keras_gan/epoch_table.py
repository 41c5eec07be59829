"""Rows of numbers through training, in a file that a resumed run goes on with."""

import csv
import io
import os
import pathlib

from keras_gan.files import set_aside, write_whole


class EpochTable:
    """A CSV file with rows of an epoch, counted from 0 as Keras does, and a step.

    Files of older versions have a row for each epoch, and no steps.

    Args:
        path: file to write or to go on with.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = pathlib.Path(path)
        self._columns = None

    def begin(self, step: int, epoch_length: int, own: bool) -> None:
        """Makes room for the rows after a step, and the file's folder.

        Args:
            step: the last one that was taken. Rows of later steps come from a run that
                died after them, and are dropped.
            epoch_length: steps of an epoch, from which rows without a step get theirs.
            own: whether the file is of the same training; another's with such rows is
                set aside.
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
        """Writes a row of an epoch; columns that it lacks stay empty."""
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
        """Returns the rows, whose `step` is an int and whose other values are text."""
        return [{**row, "step": int(row["step"])} for row in self._read()]

    def steps(self) -> list[int]:
        """Returns the steps of the rows."""
        return [row["step"] for row in self.rows()]

    def columns(self) -> tuple[str, dict[str, tuple[list[int], list[float]]]]:
        """Returns what rows are counted by, and that and the values of each column.

        They are counted by "step", or by "epoch", from 1, in files of older versions.
        A row in which a column is empty counts for the others only.
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
        # A last line without its end was cut off by a full disk or a killed process.
        whole = text[: text.rfind("\n") + 1]
        return list(csv.DictReader(io.StringIO(whole, newline="")))

    def _write(self, rows):
        # Those of earlier rows first: a run may go on with other measures.
        self._columns = list(dict.fromkeys(name for row in rows for name in row))
        text = io.StringIO(newline="")
        if rows:
            writer = csv.DictWriter(text, self._columns)
            writer.writeheader()
            writer.writerows(rows)
        write_whole(self.path, text.getvalue())
