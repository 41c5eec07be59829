"""Trains a GAN on images: python train.py [RECIPE] [--data SOURCE] ..."""

import argparse
import contextlib
import itertools
import pathlib
import sys
import textwrap
import time
from collections import Counter

DEFAULT = "digits"  # the recipe of a newcomer
SIGNAL_EXIT = 128
MEASURES = ("frechet_distance", "modes", "high_quality")  # the last two of mixtures
FINAL_MEASURES = ("kernel_distance", *MEASURES)  # the first one takes seconds
MOST_BAD_IMAGES = 0.05  # of all; if more are unreadable, the folder is probably wrong
EXPORT_IMPORTS = 1.5  # time of the default exports, in times of the imports


def main(arguments=None) -> int:
    """Runs the command line; returns its exit code."""
    began = time.monotonic()
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    # The first word decides which options there are.
    has_word = bool(arguments) and not arguments[0].startswith("-")
    word, rest = (arguments[0], arguments[1:]) if has_word else (None, arguments)
    parser = parser_of_every_recipe()
    options, _ = parser.parse_known_args(rest)
    if options.help and word is None and not options.resume:
        parser.print_help()
        return 0
    # All imports of this project are inside functions: they take seconds, for which
    # --help should not wait.
    try:
        from keras_gan.errors import InputError, RunError

        try:
            if options.list:
                return list_choices()
            path, name, recipe, run = chosen(word, options)
            settings = settings_given(parser, rest, name, recipe)
            if options.help:
                parser.print_help()
                return 0
            if run is None:
                recipe = recipe.override(settings)
            else:
                run = run.resumed_with(settings)
            return train(options, path, name, recipe, run, began)
        except (InputError, RunError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1 if isinstance(error, RunError) else 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return SIGNAL_EXIT + 2


def parser_of_every_recipe() -> argparse.ArgumentParser:
    """Returns a parser of the options that do not depend on the recipe."""
    # Without abbreviations, which would mean another option for another recipe.
    parser = argparse.ArgumentParser(
        usage="%(prog)s [RECIPE or FILE] [OPTION ...]",
        description="Trains a recipe, shows how it learns, and exports it. RECIPE is "
        "one of those that --list shows, by default digits; FILE is a TOML file of "
        "settings, or the config.json of a run.",
        epilog="RECIPE --help shows the settings of that recipe, all of which are "
        "options too.",
        add_help=False,
        allow_abbrev=False,
    )
    parser.add_argument("-h", "--help", action="store_true", help="show this help")
    parser.add_argument("--list", action="store_true", help="recipes and data sources")
    parser.add_argument("--run-dir", help="where to write (default runs/RECIPE)")
    parser.add_argument("--resume", action="store_true", help="go on with a run")
    parser.add_argument("--no-export", action="store_true", help="only train")
    return parser


def chosen(word, options):
    """Returns what the first word and --resume choose.

    Args:
        word: a recipe or a file of settings; None takes the run's own recipe, or
            digits.
        options: those of every recipe.

    Returns:
        The folder of the run, the name of the recipe, the recipe, and the `Run` to go
        on with or None.
    """
    from keras_gan import InputError, recipes, runs

    path = pathlib.Path(options.run_dir or default_folder(word, options.resume))
    run = runs.Run.open(path) if options.resume else None
    if word is not None and recipes.is_file(word):
        name, recipe, given = recipes.load(word)
        if run is not None:
            run = run.resumed_with(given)
    elif run is None:
        name = word or DEFAULT
        recipe = recipes.get(name)
    elif word not in (None, run.recipe_name):
        raise InputError(
            f"the recipe is {word} and the run in {path} has {run.recipe_name}; name "
            "that or none."
        )
    if run is not None:
        name, recipe = run.recipe_name, run.recipe
    return path, name, recipe, run


def default_folder(word, resume) -> pathlib.Path:
    """Returns the folder of a run if --run-dir does not name it."""
    file = pathlib.Path(word or DEFAULT).absolute()
    if file.suffix.lower() == ".toml":
        return pathlib.Path("runs", file.stem)
    if file.name != "config.json":
        return pathlib.Path("runs", file.name)
    if resume:
        return file.parent
    # The settings of a run, begun again beside it.
    folders = (f"{file.parent.name}-{number}" for number in itertools.count(2))
    folder = pathlib.Path("runs", file.parent.name)
    while folder.exists():
        folder = pathlib.Path("runs", next(folders))
    return folder


def settings_given(parser, arguments, name, recipe) -> dict:
    """Returns the settings among the options that the user gave.

    Args:
        parser: the one of every recipe, which gets the options of this one.
        arguments: of the command line, without the recipe.
        name: of the recipe.
        recipe: `Recipe` whose values are the defaults.

    Raises:
        InputError: for an option that this recipe does not have.
    """
    from keras_gan import InputError, recipes
    from keras_gan.errors import did_you_mean, listed
    from keras_gan.recipes.options import add_options, flag, settings_of

    parser.description, parser.epilog = f"{name}: {recipe.summary}", None
    add_options(parser, recipe)
    given, unknown = parser.parse_known_args(arguments)
    known = settings_of(type(recipe))
    if not unknown:
        return {name: value for name, value in vars(given).items() if name in known}
    option = unknown[0].partition("=")[0]
    if not option.startswith("-"):
        raise InputError(
            f"{option!r} is not an option. A recipe or a file comes first: "
            f"train.py {option} --run-dir ..."
        )
    others = [
        other
        for other, one in recipes.RECIPES.items()
        if option.replace("--no-", "--") in map(flag, settings_of(type(one)))
    ]
    if others:
        raise InputError(
            f"{option} is not an option of {name}. It is one of {listed(others)}; "
            f"train.py {name} --help shows those of {name}."
        )
    raise InputError(
        f"{option} is not an option of {name}; train.py {name} --help shows all."
        f"{did_you_mean(option, map(flag, known))}"
    )


def list_choices() -> int:
    """Prints recipes and data sources, one line each."""
    from keras_gan import datasets, recipes

    print("recipes:")
    for name, recipe in recipes.RECIPES.items():
        print(f"  {name:<20} {recipe.summary}")
    print("data sources:")
    for source in datasets.SOURCES.values():
        print(f"  {source.usage:<20} {source.description}")
    return 0


def train(options, path, name, recipe, run, began) -> int:
    """Trains, evaluates and exports one run; returns the exit code."""
    import keras

    from keras_gan import distribution, runs, seeding

    imports = time.monotonic() - began
    recipe = recipe if run is None else run.recipe
    distribution.warn_of_unused_gpu()
    strategy = distribution.create(recipe.strategy)
    workers = distribution.Workers(strategy)

    with workers.together():
        if not options.resume:
            runs.require_free(path)
        keras.utils.set_random_seed(recipe.seed)
        if recipe.deterministic:
            seeding.make_deterministic()
        if run is not None:
            images = run.read_data()
            run.check_data(images)
        else:
            images = recipe.read()
            run = runs.Run.new(path, name, recipe, images)
        recipe.check_data(images, strategy.num_replicas_in_sync)
        require_readable(run, images)
    workers.check_same("the settings and the data", run.fingerprint())
    with strategy.scope():
        gan = run.build()
    real = None
    with contextlib.ExitStack() as lock:
        with workers.together():
            if workers.chief:
                evaluators = recipe.evaluators(images)
                real = next(iter(evaluators.values()), None)
                lock.enter_context(run.locked())
                if not options.resume:
                    runs.require_free(path)  # nobody else began there meanwhile
                run.write()
                run.write_files(images)
                if images.summary:
                    print(textwrap.fill(images.summary, 88), flush=True)
                if images.skipped:
                    run.write_skipped(images.skipped)
                    listed = path / "bad_images.txt"
                    bad = len(images.skipped)
                    print(f"left out {bad} of {bad + len(images)} files: see {listed}")
        return train_run(options, run, gan, images, real, imports)


def train_run(options, run, gan, images, real, imports) -> int:
    """Trains, evaluates and exports in a folder of our own; returns the exit code."""
    import tensorflow as tf

    from keras_gan import callbacks, distribution, precision
    from keras_gan.errors import RunError, first_line

    workers = distribution.Workers(gan.distribute_strategy)
    if workers.chief:
        print(what_follows(options, real, imports), flush=True)
        shape = tuple(run.data["image_shape"])
        # The precision of a resumed run cannot change.
        if not options.resume and precision.worth_measuring(run.recipe, shape):
            line = precision.advice(gan)
            if line is not None:
                print(line, flush=True)
    try:
        signal = fit(run, gan, images, real)
        code = 0 if signal is None else SIGNAL_EXIT + signal
        # Who left before the chief has saved all would look to it as if it had crashed.
        with workers.together():
            if workers.chief and signal is not None:
                step = callbacks.steps_taken(gan)
                print(f"stopped at step {step}; --resume goes on from there")
            elif workers.chief:
                code = close(options, run, gan, real)
        return code
    except (OSError, tf.errors.OpError) as error:
        raise RunError(
            f"{first_line(error)}. All checkpoints are whole; --resume goes on from "
            "the newest."
        ) from error


def what_follows(options, real, imports) -> str:
    """Returns what comes after training, and about how long it takes.

    Args:
        options: those of the command line.
        real: images to measure with, or None.
        imports: seconds that the imports of this process took. The exports are verified
            in processes that import the same, so they take longer on a busy machine.
    """
    parts, seconds = ["model.keras"], imports / 4
    if real is not None:
        parts.append("measures")
    if not options.no_export:
        from export.formats import DEFAULT_FORMATS

        parts.append(f"exports ({', '.join(DEFAULT_FORMATS)}), each verified")
        seconds += EXPORT_IMPORTS * imports
    return f"after training follow {', '.join(parts)}: about {rounded(seconds)}"


def rounded(seconds: float) -> str:
    """Returns a duration in words, as roughly as an estimate is known."""
    if seconds < 57.5:
        return f"{max(5, 5 * round(seconds / 5))} seconds"
    minutes = round(seconds / 60)
    return f"{minutes} minute{'s' if minutes > 1 else ''}"


def require_readable(run, images) -> None:
    """Ends a run too many of whose files cannot be read, and leaves their list."""
    from keras_gan import InputError

    bad, count = len(images.skipped), len(images.skipped) + len(images)
    allowed = {"skip": MOST_BAD_IMAGES, "fail": 0}[run.recipe.on_bad_image]
    if bad > allowed * count:
        reasons = Counter(reason for _, reason in images.skipped).most_common(3)
        why = "; ".join(f"{number} of them: {reason}" for reason, number in reasons)
        run.write_skipped(images.skipped)
        raise InputError(
            f"{bad} of {count} files cannot be read, and up to {allowed:.0%} may be "
            f"left out (--on-bad-image {run.recipe.on_bad_image}); they are listed in "
            f"{run.path / 'bad_images.txt'}. {why}."
        )


def measures_of(real, names=MEASURES) -> list[str]:
    """Returns those of the named measures that these images allow."""
    return [name for name in names if name in real.names]


def fit(run, gan, images, real) -> int | None:
    """Trains from the newest checkpoint on; returns the signal that ended it."""
    from keras_gan import callbacks, distribution
    from keras_gan.errors import RunError

    recipe = run.recipe
    epoch_steps = images.steps_per_epoch(recipe.examples_per_step)
    total_steps = recipe.steps or (recipe.epochs and recipe.epochs * epoch_steps)
    stop = callbacks.StopAfter(total_steps, recipe.minutes)
    checkpoint = callbacks.Checkpoint(
        run.path / "checkpoints",
        recipe.checkpoint_steps,
        also={"seconds": stop.seconds},
    )
    if not checkpoint.restore(gan):
        recipe.initialize(gan, images)
    step = callbacks.steps_taken(gan)
    workers = distribution.Workers(gan.distribute_strategy)
    workers.check_same(f"the newest checkpoint in {run.path}", step)
    if workers.chief:
        print(
            f"{run.recipe_name}: {len(images)} images of "
            f"{'x'.join(map(str, images.shape))}, {epoch_steps} steps an epoch, "
            f"from step {step}, in {run.path}",
            flush=True,
        )
    if stop.reached(step):
        return None
    gan.steps_per_execution = recipe.steps_at_a_time(epoch_steps, total_steps, step)
    signals = callbacks.StopOnSignal()
    # On all workers: their weights are the same, and so is what they do about them.
    guard = callbacks.DivergenceGuard(
        checkpoint,
        recipe.divergence_steps,
        recipe.divergence_retries,
        path=run.path / "divergences.json" if workers.chief else None,
    )
    reports = []
    if workers.chief:
        reports = reporting(run, images, real, total_steps, stop, signals)
    together = callbacks.StopTogether(signals)
    failsafe = callbacks.Failsafe(
        [signals, stop, guard, *reports, checkpoint, together]
    )

    batches = gan.distribute_strategy.distribute_datasets_from_function(
        lambda context: recipe.batches(images, gan, step, context)
    )
    # TensorFlow puts a data set of its own around those of replicas.
    batches.value_range = gan.value_range
    with distribution.watched():
        gan.fit(
            batches,
            steps_per_epoch=epoch_steps,
            initial_epoch=step // epoch_steps,
            epochs=-(-total_steps // epoch_steps) if total_steps else sys.maxsize,
            verbose=0,
            callbacks=[failsafe],
        )
    if guard.failure:
        raise RunError(f"{guard.failure} (--resume --divergence-retries 3)")
    if failsafe.failure:
        raise RunError(
            f"{failsafe.failure}. --resume goes on from step {checkpoint.saved_step}."
        )
    return signals.received


def reporting(run, images, real, total_steps, stop, signals) -> list:
    """Returns the callbacks that tell of training and write into the run's folder."""
    from keras_gan import callbacks

    recipe = run.recipe
    measures = []
    if real is not None and (recipe.evaluate_epochs or recipe.evaluate_steps):
        evaluate = callbacks.Evaluate(
            real,
            measures_of(real),
            recipe.evaluate_epochs,
            path=run.path / "measures.csv",
            best_directory=run.path / "best",
            also={"seconds": stop.seconds},
            signals=signals,
            every_steps=recipe.evaluate_steps,
        )
        measures.append(evaluate)
    return [
        *measures,
        callbacks.Progress(
            recipe.examples_per_step, total_steps, stop.minutes_left(), MEASURES[0]
        ),
        callbacks.Diagnosis(images.array, path=run.path / "findings.json"),
        callbacks.SampleGrid(
            run.path / "samples",
            recipe.sample_steps,
            animation=run.path / "training.gif",
            real=images.array,
            class_names=images.class_names,
        ),
        callbacks.MetricsCSV(run.path / "metrics.csv"),
        callbacks.TensorBoardPoints(run.path / "tensorboard"),
    ]


def close(options, run, gan, real) -> int:
    """Saves, measures and exports under a progress bar; returns the exit code."""
    from tqdm import tqdm

    from export.formats import DEFAULT_FORMATS

    parts = ["model.keras"]
    if real is not None:
        parts.append("measures")
    if not options.no_export:
        parts.extend(DEFAULT_FORMATS)
    with tqdm(total=len(parts), smoothing=0, unit=" parts", disable=None) as bar:
        finish(run, gan, real, bar)
        return 0 if options.no_export else export(run, bar)


def shown(parts, bar):
    """Yields each part of the work and shows on the bar which one is being done."""
    for part in parts:
        bar.set_description(part)
        yield part
        bar.update()


def finish(run, gan, real, bar) -> None:
    """Saves the model and measures of its images."""
    from keras_gan import evaluate
    from keras_gan.files import replacing

    bar.set_description("model.keras")
    with replacing(run.path / "model.keras") as part:
        gan.save(part)
    bar.update()
    if real is None:
        return
    bar.set_description("measures")
    # The kernel distance needs four images on each side.
    names = measures_of(real, FINAL_MEASURES if real.count >= 4 else MEASURES)
    if gan.num_classes is not None:
        names += measures_of(real, ["class_accuracy"])
    ours, theirs = real.measure(gan, names), real.baseline.measure(names)
    run.write_json(
        "evaluation.json",
        {"measures": ours, "between_halves": theirs, "protocol": real.protocol(gan)},
    )
    bar.update()
    for name in names:
        bar.write(
            f"{evaluate.MEASURES[name].title} {ours[name]:.4g} "
            f"(between halves of the real images {theirs[name]:.4g})"
        )
    bar.write(f"on {real.protocol(gan)}")
    bar.write(f"more measures: python -m keras_gan.evaluate {run.path}")


def export(run, bar) -> int:
    """Writes and verifies the files to serve; returns the exit code."""
    from export import VerificationError, export_all

    try:
        # A run that went on for longer replaces its own ONNX file.
        rows = export_all(
            *(run.path, run.path / "export"),
            overwrite=True,
            progress=lambda formats: shown(formats, bar),
        )
    except VerificationError as error:
        bar.write(f"error: {error}", file=sys.stderr)
        return 1
    for row in rows:
        bar.write(
            f"{row.format}: {row.path}, largest difference from the model "
            f"{row.largest_difference:.1e}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
