"""Measures of a trained run, and a page about it: `python -m keras_gan.evaluate`."""

import argparse
import contextlib
import json
import pathlib
import sys
from collections.abc import Mapping

from tqdm import tqdm

import keras_gan_options
from keras_gan import examples, features, pictures, plugins
from keras_gan.errors import InputError, KerasGANError, sentence
from keras_gan.evaluate import report
from keras_gan.evaluators import LEAST_IMAGES, MEASURES, Quantity, together
from keras_gan.experiments import TrainedRun, arguments, nearest
from keras_gan.files import json_text, require_folder, write_all
from keras_gan.recipes.options import settings_of

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
        metrics, page, measures = evaluate(options)
        files = write_all(
            folder, {"report.html": page, "metrics.json": json_text(metrics)}
        )
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
    keras_gan_options.add_plugin(command)
    command.add_argument(
        "--features",
        help=f"{', '.join(kind.usage for kind in features.EXTRACTORS.values())} "
        "(default classifier if the data has labels, else random; points: pixels)",
    )
    command.add_argument(
        "--samples",
        type=arguments.at_least(LEAST_IMAGES),
        help="generated images, real ones beside them, and as many in the other half "
        "of the real ones (default 10000, or half the images where they are fewer)",
    )
    command.add_argument(
        "--seed", type=arguments.seed, default=0, help="same seed, same files"
    )
    command.add_argument(
        "--out", help="folder for metrics.json and report.html (default RUN)"
    )
    return command


def evaluate(
    options: argparse.Namespace,
) -> tuple[dict, str, Mapping[str, Quantity]]:
    """Returns the content of `metrics.json`, the page, and what each measure is.

    Args:
        options: what `parser` gives.

    Raises:
        InputError: where the run or its images cannot be used.
    """
    with tqdm(total=_PARTS, smoothing=0, unit=" parts", disable=None) as bar:
        with _part(bar, "model and data"):
            trained = TrainedRun.load(options.run, options.best, points=True)
            run, model, data = trained.run, trained.model, trained.training_set
        with _part(bar, "features"):
            evaluator = _evaluator(trained, data, options)
        with _part(bar, "measures"):
            evaluated = evaluator.evaluate(model)
        neighbours = None
        with _part(bar, "nearest images"):
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
            "nearest": neighbours and neighbours.report,
            "protocol": protocol,
        }
        # The page shows what a reader of the file will find.
        metrics = json.loads(json_text(metrics))
        with _part(bar, "page"):
            page = report.render(
                metrics,
                run.path,
                _samples(trained, options.seed),
                None if neighbours is None else neighbours.picture,
                model.charts,
                model.charts_note,
                evaluator.measures,
            )
    return metrics, page, evaluator.measures


def _evaluator(trained, data, options):
    """Returns what measures a run as thoroughly as the options ask for."""
    recipe = trained.run.recipe
    if options.features is not None or settings_of(type(recipe))["features"].optional:
        recipe = recipe.override({"features": options.features})
    evaluator = together(recipe.evaluators(data, trained.held_out))
    if evaluator is None:
        raise InputError(
            f"the run in {trained.run.path} is of family {recipe.family}, which has "
            f"nothing to measure {recipe.words_of(data)} with. Name a run on more "
            "data, or of another family."
        )
    evaluator = evaluator.thorough(options.samples, options.seed)
    evaluator.check(evaluator.final(trained.model), trained.model)
    return evaluator


@contextlib.contextmanager
def _part(bar, name):
    """Shows on the bar which part of the work is being done."""
    bar.set_description(name)
    yield
    bar.update()


def table(metrics: dict, measures: Mapping[str, Quantity] = MEASURES) -> str:
    """Returns the measures as lines of text in columns."""
    lines = [("measure", "this run", "between halves of the real ones", "better")]
    for row in report.rows(metrics, measures):
        ours, real = report.number(row["ours"]), report.number(row["real"])
        if row["spread"]:
            real += f" ({row['spread']})"
        lines.append((row["title"], ours, real, row["better"] or ""))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _samples(trained, seed):
    run, model = trained.run, trained.model
    rows = run.recipe.examples(trained.training_set)
    drawing = pictures.drawing_of(model, rows, run.data.get("class_names"))
    labels = drawing.labels(drawing.count)
    given = examples.spread(model, rows, drawing.count, labels)
    return drawing.draw(model.samples(drawing.count, seed, given), labels)


if __name__ == "__main__":
    sys.exit(main())
