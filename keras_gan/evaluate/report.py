"""One page that shows how good a run is: no script, and nothing from outside."""

import base64
import io
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
import numpy as np
from PIL import Image

from keras_gan.epoch_table import EpochTable
from keras_gan.errors import InputError
from keras_gan.evaluators import MEASURES, Quantity
from keras_gan.evaluators.base import number
from keras_gan.evaluators.distribution import SPLITS
from keras_gan.files import JSON_ERRORS
from keras_gan.models.chart import Chart
from keras_gan.pictures.charts import curves
from keras_gan.transparency import over_white

_WIDTH = 1600  # pixels of the widest picture; a sheet with words stays readable
_SMALL_WIDTH = 400  # of a grid among those through time
_MOST_HEIGHT = 16_383  # of WebP
_GRIDS = 6
_LOSSLESS_BYTES = 200_000
_LONGEST_LIST = 6  # of measured values that are written out
_NONE = "–"


def render(
    metrics: dict,
    folder: pathlib.Path,
    samples: Image.Image,
    nearest: Image.Image | None = None,
    charts: Sequence[Chart] = (),
    charts_note: str = "",
    measures: Mapping[str, Quantity] = MEASURES,
    titles: Sequence[str] = ("sample",),
) -> str:
    """Returns the page about a run.

    Sections are left out where the run has nothing for them.

    Args:
        metrics: what `metrics.json` holds.
        folder: run folder; its curves, grids, findings, experiments and exports are
            shown too.
        samples: picture of generated ones.
        nearest: picture of samples, each with its nearest training image.
        charts: of the numbers of training, as `charts` of the model has them.
        charts_note: a sentence or two about them.
        measures: what each measure is, as `measures` of the evaluator has it.
        titles: of what the picture of samples shows.

    Returns:
        HTML, the same for the same arguments.

    Raises:
        InputError: where a JSON file of the run cannot be read.
    """
    config = _read_json(folder / "config.json")
    return template("report.html.jinja").render(
        metrics=metrics,
        config=config,
        kind="points" if len(config["data"].get("image_shape", ())) == 1 else "images",
        objective=config["settings"].get("objective"),
        rows=rows(metrics, measures),
        classes=_classes(metrics.get("classes")),
        flattering=flattering(metrics, measures),
        noise=noise(metrics),
        samples=samples,
        titles=titles,
        nearest=nearest,
        curves=_training_curves(folder, charts),
        curves_note=charts_note,
        measure_curves=_measure_curves(folder, measures),
        grids=_grids(folder),
        small=_SMALL_WIDTH,
        findings=_read_json(folder / "findings.json") or [],
        experiments=_experiments(folder),
        exports=_read_json(folder / "export" / "report.json") or [],
    )


def template(name: str) -> jinja2.Template:
    """Returns one of the templates of this package, with what they all use."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("keras_gan.evaluate", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "beside": _beside,
        "number": number,
        "percent": "{:.1%}".format,
        "picture": picture,
        "values": values,
    }
    return environment.get_template(name)


def rows(metrics: dict, measures: Mapping[str, Quantity] = MEASURES) -> list[dict]:
    """Returns the rows of the table of measures.

    Args:
        metrics: what `metrics.json` holds.
        measures: what each measure is.

    Returns:
        For each measure its `title`, `meaning`, `better` ("lower", "higher" or None),
        its values `ours` and `real`, between halves of the real images or None, and
        the `spread` of the latter over other splits in words, or None.
    """
    return [
        {
            "title": measures[name].title,
            "meaning": measures[name].meaning,
            "better": measures[name].better,
            "ours": value,
            "real": metrics["between_halves"].get(name),
            "spread": in_range(metrics.get("between_halves_spread", {}).get(name)),
        }
        for name, value in metrics["measures"].items()
    ]


def in_range(spread: Sequence[float] | None) -> str | None:
    """Returns the least and the greatest value in words, None for no spread."""
    if spread is None:
        return None
    return " to ".join(map(number, spread))


def noise(metrics: dict) -> str | None:
    """Returns a sentence on how much of a difference is noise.

    Args:
        metrics: what `metrics.json` holds.

    Returns:
        The sentence, None if the real images were split only once.
    """
    if not metrics.get("between_halves_spread"):
        return None
    # An evaluator of a user's own may count no samples.
    samples = metrics.get("samples", {})
    counts = samples.values() if isinstance(samples, dict) else [samples]
    real = " or ".join(f"{2 * count:,}" for count in dict.fromkeys(counts)) or "data"
    return (
        f"In brackets: least and greatest over {SPLITS} other splits of the same real "
        f"{real}. With so few, a difference between two runs that is smaller than that "
        "range is noise."
    )


def flattering(
    metrics: dict, measures: Mapping[str, Quantity] = MEASURES
) -> str | None:
    """Returns a sentence on measures that are better than between real halves.

    Args:
        metrics: what `metrics.json` holds.
        measures: what each measure is.

    Returns:
        The sentence, None if there is no such measure.
    """
    real = metrics["between_halves"]
    found = [
        measures[name].title
        for name, value in metrics["measures"].items()
        if measures[name].better
        and None not in (value, real.get(name))
        and measures[name].improves(value, real[name])
    ]
    if not found:
        return None
    return (
        f"Better than between real halves: {', '.join(found)}. Samples that are too "
        "typical or copied can be."
    )


def _classes(found):
    """Returns title -> how often each class is, of each evaluator that knows it."""
    if found is None or "names" in found:
        found = {"": found}
    return {title.replace("_", " "): c for title, c in found.items() if c is not None}


def values(measured: Any, name: str = "") -> list[tuple[str, str]]:
    """Returns the names and values of a JSON object, those within others too.

    Args:
        measured: what JSON can hold.
        name: what it is called.
    """
    if isinstance(measured, dict):
        return [
            row
            for key, value in measured.items()
            for row in values(value, _words(f"{name} {key}"))
        ]
    if isinstance(measured, list):
        return [(name, _list(measured))]
    return [(name, number(measured))]


def _list(found):
    """Returns a list's values, or what is to be said of it where it is long."""
    nested = any(isinstance(value, dict | list) for value in found)
    if len(found) <= _LONGEST_LIST and not nested:
        return ", ".join(map(number, found))
    if all(isinstance(value, int | float) for value in found):
        return f"{number(min(found))} to {number(max(found))}"
    return f"{len(found)} values"


def _beside(report):
    """Rows of a figure's name, what was measured, and what the paper has."""
    measured, paper = (dict(values(report[key])) for key in ("measured", "paper"))
    rows = [
        (name or "result", measured.get(name, _NONE), paper.get(name, _NONE))
        for name in {**measured, **paper}
    ]
    return [row for row in rows if row[1:] != (_NONE, _NONE)]


def _words(name):
    return name.replace("_", " ").strip()


def picture(image: Image.Image | pathlib.Path | str, width: int = _WIDTH) -> str:
    """Returns a picture as a data URI.

    Args:
        image: picture, path of one, or the text of an SVG.
        width: pixels; wider pictures are made smaller.
    """
    if isinstance(image, str):
        return _data_uri("image/svg+xml", image.encode())
    if isinstance(image, pathlib.Path):
        image = Image.open(image)
    image = over_white(image)
    image.thumbnail((width, _MOST_HEIGHT), Image.Resampling.LANCZOS)
    # Without loss where that is small: artefacts would look like the model's.
    for options in ({"lossless": True}, {"quality": 90}):
        file = io.BytesIO()
        image.save(file, "WebP", **options)
        if file.tell() <= _LOSSLESS_BYTES:
            break
    return _data_uri("image/webp", file.getvalue())


def _data_uri(kind, content):
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _training_curves(folder, charts):
    """Titles, charts and descriptions of the columns of `metrics.csv`."""
    over, columns = EpochTable(folder / "metrics.csv").columns()
    found = []
    for chart in charts:
        named = {
            **chart.series,
            **{f"{label}, held out": f"val_{n}" for label, n in chart.series.items()},
        }
        series = {label: columns[n] for label, n in named.items() if n in columns}
        if series:
            last = [f"{label} {number(y[-1])}" for label, (_, y) in series.items()]
            image = curves(series, chart.landmarks, chart.limits, over)
            found.append((chart.title, image, f"at the end {', '.join(last)}"))
    return found


def _measure_curves(folder, measures):
    """Titles, charts and descriptions of the columns of `measures.csv`."""
    over, columns = EpochTable(folder / "measures.csv").columns()
    found = []
    for name, (counts, column) in columns.items():
        if len(column) < 2:
            continue  # one point is no curve
        title = measures[name].title if name in measures else _words(name)
        last = f"at the end {number(column[-1])}"
        found.append((title, curves({title: (counts, column)}, over=over), last))
    return found


def _grids(folder):
    """Steps and paths of grids, evenly spaced from the first to the last."""
    paths = sorted(folder.glob("samples/step_*.png"))
    chosen = np.linspace(0, len(paths) - 1, min(_GRIDS, len(paths))).round().astype(int)
    return [(int(paths[i].stem.removeprefix("step_")), paths[i]) for i in chosen]


def _experiments(folder):
    """Name, report and picture of each experiment that was run."""
    found = []
    for path in sorted(folder.glob("experiments/*/*.json")):
        report, image = _read_json(path), path.with_suffix(".png")
        if {"measured", "paper", "protocol"} <= report.keys():
            # Some experiments write several reports into their folder.
            names = dict.fromkeys((path.parent.name, path.stem))
            found.append((": ".join(names), report, image if image.exists() else None))
    return found


def _read_json(path):
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except JSON_ERRORS as error:
        raise InputError(
            f"{path} cannot be read as JSON: {error}. Remove it, or put back a whole "
            "copy; the page leaves out what is not there."
        ) from error
