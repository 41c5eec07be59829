"""Measures of a trained run, and a page about it: `python -m keras_gan.evaluate`."""

import argparse
import dataclasses
import json
import pathlib
import sys
from collections.abc import Mapping

from tqdm import tqdm

from keras_gan import examples, model_card, pictures, plugins
from keras_gan.errors import KerasGANError, sentence
from keras_gan.evaluate import measuring, report
from keras_gan.evaluate.measuring import part
from keras_gan.evaluators import MEASURES, Quantity
from keras_gan.experiments import TrainedRun, arguments, nearest
from keras_gan.files import json_text, require_folder, write_all

_NEIGHBOURS = {"count": 1000, "shown": 24}
_PARTS = 5  # of the work, for its progress bar


def main(
    argv: list[str] | None = None, prog: str = "python -m keras_gan.evaluate"
) -> int:
    """Runs the command line; returns its exit code."""
    options = parser(prog).parse_args(argv)
    folder = pathlib.Path(options.out or options.run)
    try:
        plugins.load(options.plugin)
        require_folder(folder)
        found = evaluate(options)
        metrics, measures = found.metrics, found.measures
        files = write_all(
            folder, {"report.html": found.page, "metrics.json": json_text(metrics)}
        )
        # A card is of the newest model, which `keras_gan.load` gives.
        if not options.best:
            files += model_card.write(folder, found.card, found.picture)
    except (KerasGANError, OSError) as error:
        print(f"error: {sentence(error)}", file=sys.stderr)
        return 2
    print(table(metrics, measures))
    for remark in (report.noise(metrics), report.flattering(metrics, measures)):
        if remark is not None:
            print(remark)
    print(f"protocol: {metrics['protocol']}")
    print(f"written: {', '.join(map(str, files))}")
    return 0


def parser(prog: str) -> argparse.ArgumentParser:
    """Returns the parser of the command line."""
    command = argparse.ArgumentParser(prog=prog, description=__doc__)
    arguments.run(command)
    measuring.add_arguments(command)
    command.add_argument(
        "--out",
        help="folder for metrics.json, report.html and README.md (default RUN)",
    )
    return command


@dataclasses.dataclass(frozen=True)
class Evaluated:
    """What `evaluate` found.

    Args:
        metrics: content of `metrics.json`.
        page: of `report.html`.
        measures: what each measure is.
        card: of `README.md`.
        picture: of samples, a PNG file.
    """

    metrics: dict
    page: str
    measures: Mapping[str, Quantity]
    card: str
    picture: bytes


def evaluate(options: argparse.Namespace) -> Evaluated:
    """Returns what a run's model measures, and the pages about it.

    Args:
        options: what `parser` gives.

    Raises:
        InputError: where the run or its images cannot be used.
    """
    with tqdm(total=_PARTS, smoothing=0, unit=" parts", disable=None) as bar:
        with part(bar, "model and data"):
            trained = TrainedRun.load(options.run, options.best, points=True)
            run, model, data = trained.run, trained.model, trained.training_set
        with part(bar, "features"):
            held_out = trained.held_out
            evaluator = measuring.evaluator_of(trained, data, held_out, options)
        with part(bar, "measures"):
            evaluated = evaluator.evaluate(model)
        neighbours = None
        with part(bar, "nearest images"):
            of_images = len(run.data.get("image_shape", ())) == 3
            if of_images and not trained.lacks(*nearest.NEEDS):
                neighbours = nearest.compare(trained, seed=options.seed, **_NEIGHBOURS)
        protocol = evaluated.pop("protocol")
        metrics = {
            "run": run.path.resolve().name,
            "recipe": run.recipe_name,
            "data": run.recipe.data_words,
            "step": int(model.step),
            "seed": options.seed,
            **evaluated,
            "quantities": model_card.quantities(
                {name: evaluator.measures[name] for name in evaluated["measures"]}
            ),
            "nearest": neighbours and neighbours.report,
            "protocol": protocol,
        }
        # The page shows what a reader of the file will find.
        metrics = json.loads(json_text(metrics))
        with part(bar, "page"):
            titles, samples = _samples(trained, options.seed)
            page = report.render(
                metrics,
                run.path,
                samples,
                None if neighbours is None else neighbours.picture,
                model.charts,
                model.charts_note,
                evaluator.measures,
                titles,
            )
            card = model_card.card_of_run(run, model, metrics, pictured=True)
            picture = pictures.encoded(samples, ".png")
    return Evaluated(metrics, page, evaluator.measures, card, picture)


def table(metrics: dict, measures: Mapping[str, Quantity] = MEASURES) -> str:
    """Returns the measures as lines of text in columns."""
    lines = [("measure", "this run", "between halves of the real ones", "better")]
    for row in report.rows(metrics, measures):
        ours, real = report.number(row["ours"]), report.number(row["real"])
        if row["spread"]:
            real += f" ({row['spread']})"
        lines.append((row["title"], ours, real, row["better"] or ""))
    return measuring.in_columns(lines)


def _samples(trained, seed):
    run, model = trained.run, trained.model
    rows = run.recipe.examples(trained.training_set)
    drawing = pictures.drawing_of(model, rows, run.data.get("class_names"))
    labels = drawing.labels(drawing.count)
    given = examples.spread(model, rows, drawing.count, labels)
    samples = model.samples(drawing.count, seed, given)
    titles = [title.replace("_", " ") for title in samples]
    return titles, drawing.draw(samples, labels)


if __name__ == "__main__":
    sys.exit(main())
