"""Several runs on the same images beside each other, and a page about them."""

import argparse
import dataclasses
import json
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from keras_gan import pictures, plugins, runs
from keras_gan.datasets import Images, storage
from keras_gan.epoch_table import EpochTable
from keras_gan.errors import InputError, KerasGANError, listed, sentence
from keras_gan.evaluate import measuring, report
from keras_gan.evaluate.measuring import part
from keras_gan.evaluators import Quantity
from keras_gan.experiments import TrainedRun
from keras_gan.files import json_text, require_folder, without_pattern, write_all
from keras_gan.pictures.charts import curves

_SHOWN = 16  # images of each kind
# Facts of the data that depend on what a run learns, not on the images.
_OF_THE_MODEL = ("num_classes", "class_names")
# Measures that compare only if the runs have one likelihood of pixels.
_OF_LIKELIHOODS = {"elbo", "nll", "bits_per_dimension"}


def main(
    argv: list[str] | None = None, prog: str = "python -m keras_gan.evaluate.compare"
) -> int:
    """Runs the command line; returns its exit code."""
    options = parser(prog).parse_args(argv)
    folder = pathlib.Path(options.out)
    try:
        plugins.load(options.plugin)
        require_folder(folder)
        content, page, measures = compare(options)
        files = write_all(
            folder, {"compare.html": page, "compare.json": json_text(content)}
        )
    except (KerasGANError, OSError) as error:
        print(f"error: {sentence(error)}", file=sys.stderr)
        return 2
    print(table(content, measures))
    for remark in content["remarks"]:
        print(remark)
    print(f"written: {', '.join(map(str, files))}")
    return 0


def parser(prog: str) -> argparse.ArgumentParser:
    """Returns the parser of the command line."""
    command = argparse.ArgumentParser(prog=prog, description=__doc__)
    command.add_argument(
        "runs", nargs="+", metavar="RUN", help="run folders of train.py, two or more"
    )
    command.add_argument(
        "--best", action="store_true", help="take the best models, not the newest"
    )
    measuring.add_arguments(command)
    command.add_argument(
        "--out",
        default=".",
        help="folder for compare.html and compare.json (default this one)",
    )
    return command


def compare(
    options: argparse.Namespace,
) -> tuple[dict, str, Mapping[str, Quantity]]:
    """Returns the content of `compare.json`, the page, and what each measure is.

    Args:
        options: what `parser` gives.

    Raises:
        InputError: if the runs are not on the same images, or one cannot be used.
    """
    opened = [runs.Run.open(path) for path in options.runs]
    names = _names(opened)
    _require_same_images(opened)
    with tqdm(total=len(opened) + 1, smoothing=0, unit=" parts", disable=None) as bar:
        with part(bar, "data"):
            data = opened[0].read_data()
            for run in opened:
                run.check_data(data)
            real, held_out, seen = _divided(names, opened, data)
        rows, shown = {}, {}
        likelihoods: set[str | None] = set()
        remarks: list[str | None] = []
        measures: dict[str, Quantity] = {}
        between: dict[str, dict] = {"between_halves": {}, "between_halves_spread": {}}
        for name, run in zip(names, opened, strict=True):
            with part(bar, name):
                trained = TrainedRun(run, run.load(options.best))
                evaluator = measuring.evaluator_of(trained, real, held_out, options)
                evaluated = evaluator.evaluate(trained.model)
                measures |= evaluator.measures
                likelihoods.add(evaluated.get("likelihood"))
                if name in seen and evaluator.on_held_out:
                    remarks.append(
                        f"{name} was trained on the images that the others hold out: "
                        "what is measured on them flatters it."
                    )
                remarks.append(report.noise(evaluated))
                for key, values in between.items():
                    values |= evaluated[key]
                rows[name] = {
                    **_facts(trained, options.best),
                    "measures": evaluated["measures"],
                    "protocol": evaluated["protocol"],
                }
                images = real if held_out is None else held_out
                shown[name] = _pictures(trained, images, options.seed)
    if len(likelihoods - {None}) > 1:
        remarks.append(
            "The runs have different likelihoods of pixels: their bounds and "
            "likelihoods do not compare."
        )
        for name in _OF_LIKELIHOODS & measures.keys():
            measures[name] = dataclasses.replace(measures[name], better=None)
    content = {
        "data": opened[0].recipe.data_words,
        "seed": options.seed,
        "runs": rows,
        **between,
        "remarks": [*dict.fromkeys(filter(None, remarks))],
    }
    # The page shows what a reader of the file will find.
    content = json.loads(json_text(content))
    page = report.template("compare.html.jinja").render(
        content=content,
        shape=opened[0].data.get("image_shape"),
        rows=table_rows(content, measures),
        pictures=shown,
        curves=_curves(names, opened, measures),
    )
    return content, page, measures


def _names(opened):
    """Returns what each run is called: its folder's name if no other has it."""
    paths = [run.path.resolve() for run in opened]
    if len(set(paths)) < 2 or len(set(paths)) < len(paths):
        raise InputError(
            f"the runs are {listed(run.path for run in opened)}. Name two or more, "
            "each once."
        )
    unique = len({path.name for path in paths}) == len(paths)
    return [path.name if unique else str(path) for path in paths]


def _require_same_images(opened):
    def facts(run):
        found = {k: v for k, v in run.data.items() if k not in _OF_THE_MODEL}
        # What is read from a file has no sum.
        if any(name.endswith("sha256") for name in found):
            return found
        return found | {"source": run.recipe.data_words}

    first, *others = opened
    for run in others:
        if facts(run) != facts(first):
            raise InputError(
                f"the run in {first.path} is on {_words(first)}, and that in "
                f"{run.path} on {_words(run)}{_why(first, run)}. Only runs on the same "
                "images can be compared."
            )


def _words(run):
    shape = run.data.get("image_shape")
    of = "" if shape is None else f" of {'x'.join(map(str, shape))}"
    return f"{run.recipe.data_words}{of}"


def _why(first, run):
    return ", whose pixels differ" if _words(first) == _words(run) else ""


def _divided(names, opened, data):
    """Returns the images to compare samples with, those to be measured, and who saw.

    What is held out is what all runs hold out that hold out anything. A run without
    validation was trained on it, unless it is from another source.
    """
    recipes = [run.recipe for run in opened]
    holding = [recipe for recipe in recipes if recipe.validation is not None]
    if not holding:
        return data, None, []
    sources = [recipe for recipe in holding if recipe.held_out_share is None]
    if sources:
        return *sources[0].divided(data), []
    seen = [n for n, r in zip(names, recipes, strict=True) if r.validation is None]
    if len({(recipe.held_out_share, recipe.seed) for recipe in holding}) == 1:
        return *holding[0].divided(data), seen
    if not isinstance(data, Images):
        raise InputError(
            f"the runs in {listed(run.path for run in opened)} hold out different "
            "pictures. Train them with the same --validation and --seed."
        )
    numbers = Images(np.arange(len(data), dtype="float32")[:, np.newaxis])
    parts = [{*recipe.divided(numbers)[1].array[:, 0]} for recipe in holding]
    held_out = np.array(sorted(set.intersection(*parts)), "int64")
    if not len(held_out):
        raise InputError(
            f"the runs in {listed(run.path for run in opened)} hold out no image that "
            "all of them do. Train them with the same --validation and --seed."
        )
    with storage.within(holding[0].memory_budget):
        rest = np.setdiff1d(np.arange(len(data)), held_out)
        return data.rows(rest), data.rows(held_out), seen


def _facts(trained, best):
    """Returns what a run is and what it took."""
    run, model = trained.run, trained.model
    networks = model.networks().items()
    return {
        "path": str(run.path),
        "recipe": run.recipe_name,
        "family": run.recipe.family,
        "step": int(model.step),
        "seconds": _seconds(run.path / ("best" if best else "checkpoints")),
        "parameters": sum(
            network.count_params()
            for name, network in networks
            if not name.startswith("averaged_")
        ),
    }


def _seconds(folder):
    """Returns how long a run had trained, None if its checkpoint does not say."""
    with without_pattern(folder) as readable:
        try:
            reader = tf.train.load_checkpoint(readable)
            return float(reader.get_tensor("seconds/.ATTRIBUTES/VARIABLE_VALUE"))
        except (ValueError, tf.errors.OpError):
            return None


def _pictures(trained, data, seed):
    """Returns title -> picture of what a model makes."""
    run, model = trained.run, trained.model
    rows = run.recipe.examples(data)
    drawing = pictures.drawing_of(model, rows, run.data.get("class_names"))
    count = _SHOWN if len(run.data.get("image_shape", ())) == 3 else drawing.count
    # The same rows for all runs, with the labels that they have.
    given = {
        name: each[np.linspace(0, len(each) - 1, count).astype(int)]
        for name, each in rows.items()
    }
    samples = model.samples(count, seed, given)
    return {
        title.replace("_", " "): drawing.draw({title: one}, None)
        for title, one in samples.items()
    }


def _curves(names, opened, measures):
    """Returns titles and charts of the measures that several runs took on the way."""
    found: dict[str, dict[str, dict]] = {}
    for name, run in zip(names, opened, strict=True):
        over, columns = EpochTable(run.path / "measures.csv").columns()
        for measure, column in columns.items():
            if measure in measures and len(column[0]) > 1:
                found.setdefault(over, {}).setdefault(measure, {})[name] = column
    return [
        (measures[measure].title, curves(series, over=over))
        for over, of_unit in found.items()
        for measure, series in of_unit.items()
        if len(series) > 1
    ]


def table_rows(content: dict, measures: Mapping[str, Quantity]) -> list[dict[str, Any]]:
    """Returns the rows of the table of measures.

    Args:
        content: of `compare.json`.
        measures: what each measure is.

    Returns:
        For each measure its `title`, `meaning`, `better`, the `values` of the runs or
        None, which of them are `best`, the value `real` between halves of the real
        images or None, and its `spread` in words or None.
    """
    return [
        _row(content, name, quantity)
        for name, quantity in measures.items()
        if any(name in run["measures"] for run in content["runs"].values())
    ]


def _row(content, name, quantity):
    values = [run["measures"].get(name) for run in content["runs"].values()]
    return {
        "title": quantity.title,
        "meaning": quantity.meaning,
        "better": quantity.better,
        "values": values,
        "best": _best(values, quantity),
        "real": content["between_halves"].get(name),
        "spread": report.in_range(content["between_halves_spread"].get(name)),
    }


def _best(values: Sequence[float | None], quantity: Quantity) -> list[bool]:
    known = [value for value in values if value is not None]
    if quantity.better is None or len(known) < 2:
        return [False] * len(values)
    best = min(known) if quantity.better == "lower" else max(known)
    return [value == best for value in values]


def table(content: dict, measures: Mapping[str, Quantity]) -> str:
    """Returns the measures as lines of text, a column for each run."""
    lines = [("measure", *content["runs"], "halves of the real ones", "better")]
    for row in table_rows(content, measures):
        values = map(report.number, [*row["values"], row["real"]])
        lines.append((row["title"], *values, row["better"] or ""))
    return measuring.in_columns(lines)


if __name__ == "__main__":
    sys.exit(main())
