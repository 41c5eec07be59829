"""A run from its settings to the measures of the trained model.

```python
from keras_gan import recipes, training

recipe = recipes.get("digits").override({"minutes": 1})
trained = training.train(recipe, "runs/digits")
trained.model.generate(16, seed=1)
```
"""

import contextlib
import dataclasses
import pathlib
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf
from tqdm import tqdm

from keras_gan import (
    callbacks,
    distribution,
    evaluators,
    plugins,
    precision,
    runs,
    seeding,
)
from keras_gan.datasets import Images
from keras_gan.errors import InputError, RunError, first_line
from keras_gan.evaluators import RealImages
from keras_gan.files import replacing
from keras_gan.recipes import Recipe, name_of

# What follows training, in times of the imports: both grow on a busy machine.
MODEL_IMPORTS, MEASURES_IMPORTS = 0.25, 2
MOST_BAD_IMAGES = 0.05  # of all; if more are unreadable, the folder is probably wrong


@dataclasses.dataclass(frozen=True)
class Afterwards:
    """What else is done with a finished run, such as exports.

    Args:
        words: what it is, for the line that a run begins with.
        parts: names of its parts, for the progress bar.
        seconds: about how long it takes.
        work: function of the `Run` and of a progress bar of `tqdm`, which it updates
            for each part.

    Example:

    ```python
    from pathlib import Path
    from tqdm import tqdm
    from keras_gan.runs import Run
    from keras_gan.training import Afterwards


    def work(run, bar):
        Path("note.txt").write_text(f"{run.path} is finished")
        bar.update()


    note = Afterwards("a note", parts=["note.txt"], seconds=1, work=work)
    with tqdm(total=len(note.parts)) as bar:  # as `train(..., afterwards=note)` does
        note.work(Run.open("runs/digits"), bar)
    ```
    """

    words: str
    parts: Sequence[str]
    seconds: float
    work: Callable[[runs.Run, tqdm], Any]


@dataclasses.dataclass(frozen=True)
class Trained:
    """What a call of `train` came to.

    Args:
        run: the run and its folder.
        model: with all its training state.
        signal: number of the signal that ended training early; None if it is finished.
        measures: content of `evaluation.json`; None if the run is not finished, the
            images are too few to be measured, or another worker did it.
        afterwards: what `Afterwards.work` returned; None if it was not called.

    Example:

    ```python
    import numpy as np
    from keras_gan import recipes, training

    np.savez("mine.npz", images=images.array)
    mine = {"data": "npz:mine.npz", "steps": 2, "base_filters": 4, "features": "pixels"}
    trained = training.train(recipes.get("digits").override(mine), "runs/mine")
    print(trained.measures)
    trained.model.generate(4, seed=0)
    ```
    """

    run: runs.Run
    model: keras.Model
    signal: int | None = None
    measures: dict[str, Any] | None = None
    afterwards: Any = None


def train(
    recipe: Recipe | None,
    run_dir: str | pathlib.Path,
    resume: bool = False,
    *,
    name: str | None = None,
    afterwards: Afterwards | None = None,
    imports: float = 4.0,
) -> Trained:
    """Trains, measures and saves one run.

    It prints what it does, and sets the random seeds of Python, NumPy and TensorFlow.

    Args:
        recipe: all settings. With `resume`, None takes those of the run, and others may
            differ from them in what a resumed run can change.
        run_dir: folder of the run; it must not exist or be empty, unless the run in it
            is resumed.
        resume: go on from the newest checkpoint.
        name: what the run calls its recipe; None is the name of the recipe that these
            settings began as.
        afterwards: what else to do at the end, under the same progress bar.
        imports: seconds that the imports of this process took, by which the estimate of
            the work at the end is scaled.

    Raises:
        InputError: for settings, data or a folder that cannot be used. Nothing was
            trained.
        RunError: if training had to stop. What it had learned is saved.
    """
    path = pathlib.Path(run_dir)
    run = None
    if resume:
        run = runs.Run.open(path)
        run = run if recipe is None else run.resumed_as(recipe)
        recipe = run.recipe
    elif recipe is None:
        raise InputError(
            "recipe is None. Give one, such as recipes.get('digits'), or resume=True."
        )
    distribution.warn_of_unused_gpu()
    strategy = distribution.create(recipe.strategy)
    workers = distribution.workers_of(strategy)

    with workers.all_or_none():
        if not resume:
            runs.require_free(path)
        keras.utils.set_random_seed(recipe.seed)
        if recipe.deterministic:
            seeding.make_deterministic()
        if run is not None:
            images = run.read_data()
            run.check_data(images)
        else:
            images = recipe.read()
            run = runs.Run.new(path, name or name_of(recipe), recipe, images)
        require_readable(run, images)
        whole, (images, held_out) = images, recipe.divided(images)
        recipe.check_data(images, strategy.num_replicas_in_sync)
        if held_out is not None and workers.count > 1:
            raise InputError(
                f"validation is {recipe.validation} and there are {workers.count} "
                "workers. Leave it out: one worker alone can measure."
            )
    workers.check_same("the settings and the data", run.fingerprint())
    with strategy.scope():
        model = run.build()

    real, trained = None, Trained(run, model)
    with contextlib.ExitStack() as lock:
        with workers.all_or_none():
            if workers.chief:
                with plugins.remembered(run.plugins):
                    real = next(iter(recipe.evaluators(images).values()), None)
                lock.enter_context(run.locked())
                if not resume:
                    runs.require_free(path)  # nobody else began there meanwhile
                write_beginning(run, whole)
        follows = what_follows(real, afterwards, imports)
        try:
            signal = fit(run, model, images, held_out, real, workers, resume, follows)
            trained = dataclasses.replace(trained, signal=signal)
            # Wait for the chief to finish saving: a worker that exits early looks like
            # a crash to it.
            with workers.all_or_none():
                if workers.chief and signal is not None:
                    step = callbacks.steps_taken(model)
                    print(f"stopped at step {step}; --resume goes on from there")
                elif workers.chief:
                    trained = close(trained, real, afterwards)
        except (OSError, tf.errors.OpError) as error:
            raise RunError(
                f"{first_line(error)}. All checkpoints are whole; --resume goes on "
                "from the newest."
            ) from error
    return trained


def require_readable(run: runs.Run, images: Images) -> None:
    """Ends a run too many of whose files cannot be read, and leaves their list."""
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


def write_beginning(run: runs.Run, images: Images) -> None:
    """Writes and says what a run begins with."""
    run.write()
    run.write_files(images)
    if images.summary:
        print(textwrap.fill(images.summary, 88), flush=True)
    if images.skipped:
        run.write_skipped(images.skipped)
        listed = run.path / "bad_images.txt"
        bad = len(images.skipped)
        print(f"left out {bad} of {bad + len(images)} files: see {listed}")


def what_follows(
    real: RealImages | None, afterwards: Afterwards | None, imports: float
) -> str:
    """Returns what comes after training, and about how long it takes.

    Args:
        real: images to measure with, or None.
        afterwards: `Afterwards` of the run, or None.
        imports: seconds that the imports of this process took.
    """
    parts, seconds = ["model.keras"], MODEL_IMPORTS * imports
    if real is not None:
        parts.append("measures")
        seconds += MEASURES_IMPORTS * imports
    if afterwards is not None:
        parts.append(afterwards.words)
        seconds += afterwards.seconds
    return f"{', '.join(parts)}: about {rounded(seconds)}"


def rounded(seconds: float) -> str:
    """Returns a duration in words, as roughly as an estimate is known."""
    if seconds < 57.5:
        return f"{max(5, 5 * round(seconds / 5))} seconds"
    minutes = round(seconds / 60)
    return f"{minutes} minute{'s' if minutes > 1 else ''}"


def fit(
    run: runs.Run,
    model: keras.Model,
    images: Images,
    held_out: Images | None,
    real: RealImages | None,
    workers: distribution.Workers,
    resume: bool,
    follows: str,
) -> int | None:
    """Trains from the newest checkpoint on; returns the signal that ended it.

    Args:
        run: the run.
        model: compiled.
        images: what it trains on.
        held_out: what it does not train on but is measured on, or None.
        real: images to measure with, or None.
        workers: of the model's strategy.
        resume: whether the run goes on.
        follows: what comes after training, in words.
    """
    recipe = run.recipe
    epoch_steps = images.steps_per_epoch(recipe.examples_per_step)
    total_steps = recipe.steps or (recipe.epochs and recipe.epochs * epoch_steps)
    stop = callbacks.StopAfter(total_steps, recipe.minutes)
    checkpoint = callbacks.Checkpoint(
        run.path / "checkpoints",
        recipe.checkpoint_steps,
        also={"seconds": stop.seconds},
    )
    if not checkpoint.restore(model):
        recipe.initialize(model, images)
    step = callbacks.steps_taken(model)
    workers.check_same(f"the newest checkpoint in {run.path}", step)
    if stop.reached(step):
        if workers.chief:
            print(
                f"{run.recipe_name}: the run in {run.path} ended at step {step}; to "
                "train on, give more --steps, --epochs or --minutes. Now follow "
                f"{follows}",
                flush=True,
            )
        return None
    if workers.chief:
        print(f"after training follow {follows}", flush=True)
        # The precision of a resumed run cannot change.
        if not resume and precision.worth_measuring(recipe, images.shape):
            line = precision.advice(model)
            if line is not None:
                print(line, flush=True)
        print(
            f"{run.recipe_name}: {len(images)} images of "
            f"{'x'.join(map(str, images.shape))}, {epoch_steps} steps an epoch, "
            f"from step {step}, in {run.path}",
            flush=True,
        )
    model.steps_per_execution = recipe.steps_at_a_time(epoch_steps, total_steps, step)
    signals = callbacks.StopOnSignal()
    guard = callbacks.DivergenceGuard(
        checkpoint,
        recipe.divergence_steps,
        recipe.divergence_retries,
        path=run.path / "divergences.json" if workers.chief else None,
    )
    measured = None
    if held_out is not None:
        measured = callbacks.HeldOut(recipe.held_out_batches(held_out, model))
    failsafe = callbacks.Failsafe(
        run_callbacks(
            run, images, measured, real, workers, signals, stop, guard, checkpoint
        )
    )
    batches = model.distribute_strategy.distribute_datasets_from_function(
        lambda context: recipe.batches(images, model, step, context)
    )
    # TensorFlow puts a data set of its own around those of replicas.
    batches.value_range = model.value_ranges()
    with distribution.report_lost_workers():
        model.fit(
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


def run_callbacks(
    run: runs.Run,
    images: Images,
    held_out: callbacks.HeldOut | None,
    real: RealImages | None,
    workers: distribution.Workers,
    signals: callbacks.StopOnSignal,
    stop: callbacks.StopAfter,
    guard: callbacks.DivergenceGuard,
    checkpoint: callbacks.Checkpoint,
) -> list[keras.callbacks.Callback]:
    """Returns the callbacks of a run, in the one order in which they can work.

    Args:
        run, images, real, workers: as in `fit`. The chief alone reports.
        held_out: `HeldOut` of the log, or None.
        signals, stop, guard, checkpoint: callbacks that `fit` asks later.
    """
    # The guard comes before what uses the model: it takes back weights that are not
    # finite. On all workers: their weights are the same, and so is what they do.
    ending = [signals, stop, guard]
    # The checkpoint comes after what it saves. Any of the others may end training,
    # which all workers then do together.
    saving = [checkpoint, callbacks.StopTogether(signals)]
    if not workers.chief:
        return [*ending, *saving]
    recipe = run.recipe
    rows = recipe.examples(images)
    measuring = []  # before those that show the measures
    if real is not None and (recipe.evaluate_epochs or recipe.evaluate_steps):
        evaluate = callbacks.Evaluate(
            real,
            real.quick,
            recipe.evaluate_epochs,
            path=run.path / "measures.csv",
            best_directory=run.path / "best",
            also={"seconds": stop.seconds},
            signals=signals,
            every_steps=recipe.evaluate_steps,
        )
        measuring.append(evaluate)
    reporting = [
        callbacks.Progress(
            recipe.examples_per_step,
            stop.steps,
            stop.minutes_left(),
            real.quick[0] if real is not None else None,
            held_out,
        ),
        callbacks.Diagnosis(rows, path=run.path / "findings.json"),
        callbacks.SampleGrid(
            run.path / "samples",
            recipe.sample_steps,
            animation=run.path / "training.gif",
            real=rows,
            class_names=images.class_names,
        ),
        callbacks.MetricsCSV(run.path / "metrics.csv", held_out=held_out),
        callbacks.TensorBoardPoints(run.path / "tensorboard", held_out=held_out),
    ]
    return [*ending, *measuring, *reporting, *saving]


def close(
    trained: Trained, real: RealImages | None, afterwards: Afterwards | None
) -> Trained:
    """Saves, measures and does what follows, under a progress bar."""
    parts = ["model.keras"]
    if real is not None:
        parts.append("measures")
    if afterwards is not None:
        parts.extend(afterwards.parts)
    with tqdm(total=len(parts), smoothing=0, unit=" parts", disable=None) as bar:
        measures = finish(trained.run, trained.model, real, bar)
        result = None if afterwards is None else afterwards.work(trained.run, bar)
    return dataclasses.replace(trained, measures=measures, afterwards=result)


def finish(
    run: runs.Run, model: keras.Model, real: RealImages | None, bar: tqdm
) -> dict[str, Any] | None:
    """Saves the model and measures its images; returns the measures."""
    bar.set_description("model.keras")
    with replacing(run.path / "model.keras") as part:
        model.save(part)
    bar.update()
    if real is None:
        return None
    bar.set_description("measures")
    names = real.final(model)
    ours, theirs = real.measure(model, names), real.baseline.measure(names)
    protocol = real.protocol(model)
    evaluation = {"measures": ours, "between_halves": theirs, "protocol": protocol}
    run.write_json("evaluation.json", evaluation)
    bar.update()
    for name in names:
        bar.write(
            f"{evaluators.MEASURES[name].title} {ours[name]:.4g} "
            f"(between halves of the real images {theirs[name]:.4g})"
        )
    bar.write(f"on {protocol}")
    bar.write(f"more measures: python -m keras_gan.evaluate {run.path}")
    return evaluation
