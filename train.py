"""Trains a GAN on images: python train.py [RECIPE] [--data SOURCE] ..."""

import argparse
import contextlib
import pathlib
import sys
import textwrap
import time
from collections import Counter

SIGNAL_EXIT = 128
MEASURES = ("frechet_distance", "modes", "high_quality")  # the last two of mixtures
FINAL_MEASURES = ("kernel_distance", *MEASURES)  # the first one takes seconds
MEASURED_IMAGES = 2000  # cheap enough to measure during training
MOST_BAD_IMAGES = 0.05  # of all; if more are unreadable, the folder is probably wrong
EXPORT_IMPORTS = 1.5  # time of the default exports, in times of the imports


def main(arguments=None) -> int:
    """Runs the command line; returns its exit code."""
    began = time.monotonic()
    options, settings = parse(arguments)
    # All imports of this project are inside functions: they take seconds, for which
    # --help should not wait.
    try:
        from keras_gan.errors import InputError, RunError

        try:
            return list_choices() if options.list else train(options, settings, began)
        except (InputError, RunError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1 if isinstance(error, RunError) else 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return SIGNAL_EXIT + 2


def parse(arguments):
    """Returns the options, and apart from them the settings that the user gave."""
    parser = argparse.ArgumentParser(
        description="Trains a GAN on images, shows how it learns, and exports it. "
        "--list shows the recipes, and what --data accepts.",
    )
    parser.add_argument("recipe", nargs="?", help="named settings (default digits)")
    parser.add_argument("--list", action="store_true", help="recipes and data sources")
    parser.add_argument("--run-dir", help="where to write (default runs/RECIPE)")
    parser.add_argument("--resume", action="store_true", help="go on with a run")
    parser.add_argument("--no-export", action="store_true", help="only train")

    settings = parser.add_argument_group(
        "settings", "Each replaces a field of the recipe."
    )

    def setting(flag, type, help):
        settings.add_argument(
            flag,
            type=type,
            help=help,
            metavar=type.__name__.upper(),
            default=argparse.SUPPRESS,
        )

    def switch(flag, help):
        settings.add_argument(
            flag,
            action=argparse.BooleanOptionalAction,
            help=help,
            default=argparse.SUPPRESS,
        )

    setting("--data", str, "source of the images, such as folder:photos/")
    setting("--data-dir", str, "where TensorFlow Datasets keeps its files")
    setting("--memory-budget", str, "most memory for the images, such as 500MiB or 2GB")
    setting("--on-bad-image", str, "skip or fail, where a file cannot be read")
    setting("--image-size", str, "SIDE or HEIGHTxWIDTH in pixels")
    setting(
        "--channels", int, "1 grey, 3 colour, 4 with alpha; not as the data have it"
    )
    setting("--fit", str, "crop, pad or stretch pictures of another shape")
    switch("--conditional", "learn the labels of the data too")
    setting("--epochs", int, "train for so many passes over the data")
    setting("--steps", int, "train for so many generator updates")
    setting("--minutes", float, "train for so long")
    setting("--batch-size", int, "images of each discriminator update")
    setting("--seed", int, "decides weights, latent vectors and the order of images")
    setting("--latent-dim", int, "size of the latent vector")
    setting("--generator-learning-rate", float, "at the start")
    setting("--discriminator-learning-rate", float, "at the start")
    setting("--objective", str, "what the players minimise, such as non_saturating")
    setting(
        "--penalty", str, "gradient penalty of the discriminator, such as r1, or none"
    )
    setting("--penalty-weight", float, "its weight")
    setting("--penalty-interval", int, "discriminator updates from one to the next")
    setting("--discriminator-steps", int, "discriminator updates per generator update")
    setting("--update", str, "alternating or simultaneous")
    setting("--generator-average", float, "decay of the generator's average; 0 is none")
    switch("--spectral-normalization", "in the discriminator")
    setting(
        "--mixed-precision",
        str,
        "bfloat16 or float16; on a processor float16 is slow without --jit on",
    )
    setting("--jit", str, "XLA: on, off, or auto, which is on with one GPU")
    setting("--strategy", str, "one-device, mirrored, or multi-worker (TF_CONFIG)")
    setting("--steps-per-execution", int, "at most so many before callbacks see one")
    switch("--deterministic", "repeat bit for bit, somewhat slower")
    setting("--checkpoint-steps", int, "steps between checkpoints, not five minutes")
    setting("--sample-steps", int, "steps between sample grids, not 100 and later 500")
    setting("--evaluate-steps", int, "steps between measures of the images")
    setting("--evaluate-epochs", int, "epochs between them instead")
    setting(
        "--features", str, "what they compare: random, classifier, inception, or pixels"
    )
    setting("--divergence-steps", int, "steps between looks for NaN, not a hundred")
    setting(
        "--divergence-retries", int, "go back so often with half the learning rates"
    )
    setting("--base-filters", int, "DCGAN: channels next to the image")
    switch("--batch-normalization", "DCGAN: in the discriminator")
    setting("--hidden-units", int, "DCGAN: of a fully connected layer; 0 is none")
    setting("--translation", float, "DCGAN: in D, by up to that share of the sides")
    setting("--beta-1", float, "Adam: decay of its mean gradient")
    setting("--halving-steps", int, "Adam: steps in which both learning rates halve")
    setting("--initial-momentum", float, "gan-mnist-paper: at the start")
    setting("--final-momentum", float, "gan-mnist-paper: after its rise")
    setting("--momentum-steps", int, "gan-mnist-paper: steps of the rise")
    switch("--marginal-bias", "gan-mnist-paper: start the generator at the mean image")

    given = vars(parser.parse_args(arguments))
    if given.get("penalty") == "none":
        given["penalty"] = None
    own = ("recipe", "list", "run_dir", "resume", "no_export")
    options = argparse.Namespace(**{name: given.pop(name) for name in own})
    return options, given


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


def train(options, settings, began) -> int:
    """Trains, evaluates and exports one run; returns the exit code."""
    import keras

    from keras_gan import InputError, distribution, recipes, runs, seeding

    imports = time.monotonic() - began
    path = pathlib.Path(options.run_dir or f"runs/{options.recipe or 'digits'}")
    if options.resume:
        run = runs.Run.open(path).resumed_with(settings)
        if options.recipe not in (None, run.recipe_name):
            raise InputError(
                f"the recipe is {options.recipe} and the run in {path} has "
                f"{run.recipe_name}; name that or none."
            )
        recipe = run.recipe
    else:
        recipe = recipes.get(options.recipe or "digits").override(settings)
    distribution.warn_of_unused_gpu()
    strategy = distribution.create(recipe.strategy)
    workers = distribution.Workers(strategy)

    with workers.together():
        if not options.resume:
            runs.require_free(path)
        keras.utils.set_random_seed(recipe.seed)
        if recipe.deterministic:
            seeding.make_deterministic()
        if options.resume:
            images = run.read_data()
            run.check_data(images)
        else:
            images = read_images(recipe)
            run = runs.Run.new(path, options.recipe or "digits", recipe, images)
        require_enough(recipe, images, strategy.num_replicas_in_sync)
        require_readable(run, images)
    workers.check_same("the settings and the data", run.fingerprint())
    with strategy.scope():
        gan = run.build()
    real = None
    with contextlib.ExitStack() as lock:
        with workers.together():
            if workers.chief:
                real = real_images(recipe, images)
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


def read_images(recipe):
    """Returns the images of a recipe's source."""
    from keras_gan import datasets

    return datasets.read(
        recipe.data,
        recipe.image_shape_asked_for(),
        recipe.channels,
        recipe.data_dir,
        recipe.memory_budget,
        recipe.fit,
    )


def require_enough(recipe, images, replicas) -> None:
    """Checks that there are labels if need be, and images for one step."""
    from keras_gan import InputError

    if recipe.conditional:
        images.require_labels("--conditional")
    images.steps_per_epoch(recipe.images_per_step)
    if recipe.batch_size % replicas:
        raise InputError(
            f"--batch-size is {recipe.batch_size}, of all replicas together, and there "
            f"are {replicas}; a multiple of their number is accepted."
        )


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


def real_images(recipe, images):
    """Returns the images as measures want them, None where there are too few."""
    from keras_gan import evaluate, features
    from keras_gan.evaluators.modes import coverage_of

    if len(images) < 4:
        return None  # two halves of one image each have no covariance
    coverage = coverage_of(recipe.data)
    count = MEASURED_IMAGES if coverage is None else coverage.samples
    extractor = features.get(recipe.features, images)
    return evaluate.RealImages(
        images,
        extractor,
        count=min(count, evaluate.most_images(images, extractor)),
        source=recipe.data,
        data_dir=recipe.data_dir,
    )


def measures_of(real, names=MEASURES) -> list[str]:
    """Returns those of the named measures that these images allow."""
    return [name for name in names if name in real.names]


def fit(run, gan, images, real) -> int | None:
    """Trains from the newest checkpoint on; returns the signal that ended it."""
    from keras_gan import callbacks, distribution
    from keras_gan.errors import RunError

    recipe = run.recipe
    epoch_steps = images.steps_per_epoch(recipe.images_per_step)
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

    def data(context):
        return images.batches(
            recipe.images_per_step,
            gan.value_range,
            recipe.conditional,
            recipe.seed,
            first_step=step,
            context=context,
        )

    batches = gan.distribute_strategy.distribute_datasets_from_function(data)
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
            recipe.images_per_step, total_steps, stop.minutes_left(), MEASURES[0]
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
