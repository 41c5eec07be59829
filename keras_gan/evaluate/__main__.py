"""Measures of a trained run, and a page about it: `python -m keras_gan.evaluate`."""

import argparse
import contextlib
import dataclasses
import json
import pathlib
import sys

from tqdm import tqdm

import keras_gan_options
from keras_gan import examples, features, pictures, plugins
from keras_gan.errors import InputError, KerasGANError, sentence
from keras_gan.evaluate import report
from keras_gan.evaluators import LEAST_IMAGES, RealImages
from keras_gan.experiments import TrainedRun, arguments, nearest
from keras_gan.files import json_text, require_folder, write_all

_NEIGHBOURS = {"count": 1000, "shown": 24}
_PARTS = 6  # of the work, for its progress bar


def main(
    argv: list[str] | None = None, prog: str = "python -m keras_gan.evaluate"
) -> int:
    """Runs the command line; returns its exit code."""
    options = parser(prog).parse_args(argv)
    folder = pathlib.Path(options.out or options.run)
    try:
        plugins.load(options.plugin)
        require_folder(folder)
        metrics, page = evaluate(options)
        files = write_all(
            folder, {"report.html": page, "metrics.json": json_text(metrics)}
        )
    except (KerasGANError, OSError) as error:
        print(f"error: {sentence(error)}", file=sys.stderr)
        return 2
    print(table(metrics))
    for remark in (report.noise(metrics), report.flattering(metrics)):
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


def evaluate(options: argparse.Namespace) -> tuple[dict, str]:
    """Returns the content of `metrics.json`, and the page.

    Args:
        options: what `parser` gives.

    Raises:
        InputError: where the run or its images cannot be used.
    """
    with tqdm(total=_PARTS, smoothing=0, unit=" parts", disable=None) as bar:
        with _part(bar, "model and images"):
            trained = TrainedRun.load(options.run, options.best, points=True)
            run, model, images = trained.run, trained.gan, trained.training_set
            rows = run.recipe.examples(images)
            images = dataclasses.replace(images, array=rows[_measured(run, model)])
            _check_count(len(images), options.samples, run.recipe.data)
        with _part(bar, "features"):
            extractor = features.get(options.features, images)
            real = RealImages(
                images,
                extractor,
                options.samples,
                options.seed,
                source=run.recipe.data,
                data_dir=run.recipe.data_dir,
                inputs=rows,
            )
            comparison = real.compare(model)
        with _part(bar, "measures"):
            measures = comparison.measure()
        with _part(bar, "measures between halves"):
            between_halves = real.baseline.measure(measures)
            spread = real.spread(measures)
        neighbours = None
        with _part(bar, "nearest images"):
            if images.array.ndim == 4 and not trained.lacks(*nearest.NEEDS):
                neighbours = nearest.compare(trained, seed=options.seed, **_NEIGHBOURS)
        metrics = {
            "run": run.path.resolve().name,
            "recipe": run.recipe_name,
            "data": run.recipe.data,
            "step": int(model.step),
            "seed": options.seed,
            "samples": real.count,
            "features": extractor.name,
            "measures": measures,
            "between_halves": between_halves,
            "between_halves_spread": spread,
            "classes": comparison.classes(),
            "nearest": neighbours and neighbours.report,
            "protocol": real.protocol(model),
        }
        # The page shows what a reader of the file will find.
        metrics = json.loads(json_text(metrics))
        with _part(bar, "page"):
            page = report.render(
                metrics,
                run.path,
                _samples(model, rows, images.class_names, options.seed),
                None if neighbours is None else neighbours.picture,
                model.charts,
                model.charts_note,
            )
    return metrics, page


@contextlib.contextmanager
def _part(bar, name):
    """Shows on the bar which part of the work is being done."""
    bar.set_description(name)
    yield
    bar.update()


def table(metrics: dict) -> str:
    """Returns the measures as lines of text in columns."""
    lines = [("measure", "this run", "between halves of the real ones", "better")]
    for row in report.rows(metrics):
        ours, real = report.number(row["ours"]), report.number(row["real"])
        if row["spread"]:
            real += f" ({row['spread']})"
        lines.append((row["title"], ours, real, row["better"] or ""))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _check_count(count, samples, data):
    half = count // 2
    if half < LEAST_IMAGES:
        raise InputError(
            f"{data} has {count} images, and at least {2 * LEAST_IMAGES} are needed, "
            "half of them to compare with. Train a run on more images."
        )
    if samples is not None and samples > half:
        raise InputError(
            f"--samples is {samples}, and {data} has {count} images. Give a number "
            f"from {LEAST_IMAGES} to {half}, half of them."
        )


def _measured(run, model):
    """Returns the name of the element that the model's first samples resemble."""
    for name in model.outputs.values():
        return name
    raise InputError(
        f"the run in {run.path} is of family {run.recipe.family}, whose samples "
        "resemble no element of its data. Name a run with samples that can be measured."
    )


def _samples(model, rows, class_names, seed):
    drawing = pictures.drawing_of(model, rows, class_names)
    labels = drawing.labels(drawing.count)
    given = examples.spread(model, rows, drawing.count, labels)
    return drawing.draw(model.samples(drawing.count, seed, given), labels)


if __name__ == "__main__":
    sys.exit(main())
