"""Rows of numbers for epochs, in a file that a resumed run goes on with."""

import csv
import io
import pathlib

from keras_gan.files import set_aside, write_whole


class EpochTable:
    """A CSV file with a row for each epoch, counted from 0 as Keras does.

    Args:
        path: file to write or to go on with.
    """

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self._columns = None

    def begin(self, epoch: int, own: bool) -> None:
        """Makes room for the row of an epoch, and the file's folder.

        Args:
            epoch: the next one. Rows of it and later ones come from a run that died
                after them, and are dropped.
            own: whether the file is of the same training; another's with such rows is
                set aside.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        before = self._read()
        rows = [row for row in before if int(row["epoch"]) < epoch]
        if len(rows) < len(before) and not own:
            set_aside(self.path)
        elif self.path.exists():
            self._write(rows)

    def add(self, epoch: int, values: dict) -> None:
        """Writes the row of an epoch; columns that it lacks stay empty."""
        row = {"epoch": epoch, **values}
        if self._columns is None or not row.keys() <= set(self._columns):
            self._write([*self._read(), row])
        else:
            with self.path.open("a", newline="") as file:
                csv.DictWriter(file, self._columns).writerow(row)

    def has(self, epoch: int) -> bool:
        """Returns whether there is a row of that epoch."""
        return any(int(row["epoch"]) == epoch for row in self._read())

    def columns(self) -> dict[str, tuple[list[int], list[float]]]:
        """Returns the epochs and the values of each column that has any.

        An epoch in which a column is empty counts for the others only.
        """
        columns = {}
        for row in self._read():
            epoch = int(row.pop("epoch"))
            for name, value in row.items():
                if value:
                    epochs, values = columns.setdefault(name, ([], []))
                    epochs.append(epoch)
                    values.append(float(value))
        return columns

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
