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
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf
from tqdm import tqdm

from keras_gan import (
    callbacks,
    checkpoints,
    distribution,
    loading,
    model_card,
    model_files,
    plugins,
    precision,
    runs,
    seeding,
)
from keras_gan.errors import InputError, RunError, first_line_of
from keras_gan.evaluators import Evaluator, together
from keras_gan.files import atomic_path
from keras_gan.models.base import GenerativeModel
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


@dataclasses.dataclass(frozen=True)
class Parts:
    """What a run is made of.

    Args:
        run: its settings and its folder.
        model: compiled.
        data: what it trains on.
        held_out: what it does not train on but is measured on, or None.
        workers: of the model's strategy.
        evaluator: what measures it, or None; the chief alone has one.

    Example:

    ```python
    from keras_gan import distribution
    from keras_gan.runs import Run
    from keras_gan.training import Parts

    run = Run.open("runs/digits")
    workers = distribution.workers_of(distribution.create("one-device"))
    parts = Parts(run, run.load(), run.read_data(), None, workers)
    print(parts.run.recipe.steps_per_epoch(parts.data))
    ```
    """

    run: runs.Run
    model: keras.Model
    data: Any
    held_out: Any
    workers: distribution.Workers
    evaluator: Evaluator | None = None


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
            require_other(recipe.start_from, path)
            runs.require_empty(path)
        begins = not checkpoints.steps_in(path / "checkpoints")
        source = origin(recipe.start_from, resume) if begins else None
        keras.utils.set_random_seed(recipe.seed)
        if recipe.deterministic:
            seeding.make_deterministic()
        if run is not None:
            data = run.read_data()
            run.check_data(data)
        else:
            name = name or name_of(recipe)
            recipe, data = recipe.begin()
            run = runs.Run.new(path, name, recipe, data)
        require_readable(run, data)
        whole, (data, held_out) = data, recipe.divided(data)
        recipe.check_data(data, strategy.num_replicas_in_sync)
        if held_out is not None and workers.count > 1:
            raise InputError(
                f"validation is {recipe.validation} and there are {workers.count} "
                "workers. Use --validation none: one worker alone can measure."
            )
    workers.check_same("the settings and the data", run.fingerprint())
    with strategy.scope():
        model = run.build()
    started = None
    with workers.all_or_none():
        if begins:
            recipe.initialize(model, data)
        if source is not None:
            run, started = start(run, model, source)
    del source  # it takes as much memory as the model
    digest = zlib.crc32(str(run.started_from).encode())
    workers.check_same(f"the weights of {recipe.start_from}", digest)

    parts = Parts(run, model, data, held_out, workers)
    trained = Trained(run, model)
    with contextlib.ExitStack() as lock:
        with workers.all_or_none():
            if workers.chief:
                with plugins.remembered(run.plugins):
                    evaluator = together(recipe.evaluators(data, held_out))
                    if evaluator is not None:
                        evaluator.check(evaluator.final(model), model)
                parts = dataclasses.replace(parts, evaluator=evaluator)
                lock.enter_context(run.lock())
                if not resume:
                    runs.require_empty(path)  # nobody else began there meanwhile
                write_beginning(run, whole)
                if started is not None:
                    print(started, flush=True)
        follows = what_follows(parts.evaluator is not None, afterwards, imports)
        try:
            signal = fit(parts, resume, follows)
            trained = dataclasses.replace(trained, signal=signal)
            # Wait for the chief to finish saving: a worker that exits early looks like
            # a crash to it.
            with workers.all_or_none():
                if workers.chief and signal is not None:
                    step = callbacks.steps_taken(model)
                    print(f"stopped at step {step}; --resume goes on from there")
                elif workers.chief:
                    trained = close(parts, trained, afterwards)
        except (OSError, tf.errors.OpError) as error:
            raise RunError(
                f"{first_line_of(error)}. All checkpoints are whole; --resume goes on "
                "from the newest."
            ) from error
    return trained


def require_other(start_from: str | None, path: pathlib.Path) -> None:
    """Refuses to start a run from its own folder."""
    if start_from is not None and pathlib.Path(start_from).resolve() == path.resolve():
        raise InputError(
            f"start_from is {start_from}, which is the folder of the new run too. Name "
            "another folder for this one with --run-dir, or go on with that run with "
            "--resume."
        )


def origin(start_from: str | None, resume: bool = False) -> GenerativeModel | None:
    """Returns the model that a run starts from, or None.

    Args:
        start_from: as of the settings.
        resume: whether the run goes on, so that its settings cannot change.

    Raises:
        InputError: if there is no such model.
    """
    if start_from is None:
        return None
    here = not start_from.startswith(loading.HUB)
    if resume and here and not pathlib.Path(start_from).exists():
        raise InputError(
            f"start_from is {start_from}, which is gone, and the run has no checkpoint "
            "yet. Put it back, or begin again in another folder (--run-dir)."
        )
    try:
        model = loading.load(start_from)
    except InputError as error:
        raise InputError(f"start_from is {start_from}. {error}") from error
    if not isinstance(model, GenerativeModel):
        raise InputError(
            f"start_from is {start_from}, which holds a {type(model).__name__}. Give "
            "the folder of a run, or a file that save of its model wrote."
        )
    return model


def start(
    run: runs.Run, model: GenerativeModel, source: GenerativeModel
) -> tuple[runs.Run, str]:
    """Gives the model of a run the weights of another one.

    Returns:
        The run, which knows where it started, and what was taken over in words.
    """
    given, step = run.recipe.start_from, checkpoints.steps_taken(source)
    try:
        taken = model.start_from(source)
    except InputError as error:
        raise InputError(f"start_from is {given}: {error}") from error
    digest = model_files.sha256_of_weights(source)
    began = {"path": _named(given), "step": step, "sha256": digest}
    words = f"started from {given} at step {step:,}: {taken}"
    return dataclasses.replace(run, started_from=began), words


def _named(path):
    """Returns a path that ends in a name, which "." and ".." do not."""
    name = pathlib.PurePath(path).name
    return str(pathlib.Path(path).resolve()) if name in ("", "..") else path


def require_readable(run: runs.Run, data: Any) -> None:
    """Ends a run too many of whose files cannot be read, and leaves their list."""
    bad, count = len(data.skipped), len(data.skipped) + len(data)
    allowed = {"skip": MOST_BAD_IMAGES, "fail": 0}[run.recipe.on_bad_image]
    if bad > allowed * count:
        reasons = Counter(reason for _, reason in data.skipped).most_common(3)
        why = "; ".join(f"{number} of them: {reason}" for reason, number in reasons)
        run.write_skipped(data.skipped)
        raise InputError(
            f"{bad} of {count} files cannot be read, and up to {allowed:.0%} may be "
            f"left out (--on-bad-image {run.recipe.on_bad_image}); they are listed in "
            f"{run.path / 'bad_images.txt'}. {why}."
        )


def write_beginning(run: runs.Run, data: Any) -> None:
    """Writes and says what a run begins with."""
    run.write()
    run.write_files(data)
    for line in (data.summary or "").splitlines():
        print(textwrap.fill(line, 88, break_on_hyphens=False), flush=True)
    if data.skipped:
        run.write_skipped(data.skipped)
        listed = run.path / "bad_images.txt"
        bad = len(data.skipped)
        print(f"left out {bad} of {bad + len(data)} files: see {listed}")


def what_follows(measured: bool, afterwards: Afterwards | None, imports: float) -> str:
    """Returns what comes after training, and about how long it takes.

    Args:
        measured: whether something measures the model.
        afterwards: `Afterwards` of the run, or None.
        imports: seconds that the imports of this process took.
    """
    parts, seconds = ["model.keras"], MODEL_IMPORTS * imports
    if measured:
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


def fit(parts: Parts, resume: bool, follows: str) -> int | None:
    """Trains from the newest checkpoint on; returns the signal that ended it.

    Args:
        parts: of the run.
        resume: whether the run goes on.
        follows: what comes after training, in words.
    """
    run, model, data = parts.run, parts.model, parts.data
    recipe, workers = run.recipe, parts.workers
    epoch_steps = recipe.steps_per_epoch(data)
    total_steps = recipe.steps or (recipe.epochs and recipe.epochs * epoch_steps)
    stop = callbacks.StopAfter(total_steps, recipe.minutes)
    checkpoint = callbacks.Checkpoint(
        run.path / "checkpoints",
        recipe.checkpoint_steps,
        extra_variables={"seconds": stop.seconds},
    )
    checkpoint.restore(model)
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
        shapes = [getattr(one, "shape", ()) for one in model.elements.values()]
        if not resume and any(precision.worth_measuring(recipe, s) for s in shapes):
            line = precision.advice(model)
            if line is not None:
                print(line, flush=True)
        print(
            f"{run.recipe_name}: {recipe.words_of(data)}, {epoch_steps} steps an "
            f"epoch, from step {step}, in {run.path}",
            flush=True,
        )
    model.steps_per_execution = recipe.steps_per_execution_for(
        epoch_steps, total_steps, step
    )
    signals = callbacks.StopOnSignal()
    guard = callbacks.DivergenceGuard(
        checkpoint,
        recipe.divergence_steps,
        recipe.divergence_retries,
        path=run.path / "divergences.json" if workers.chief else None,
    )
    failsafe = callbacks.Failsafe(
        run_callbacks(parts, signals, stop, guard, checkpoint)
    )
    batches = model.distribute_strategy.distribute_datasets_from_function(
        lambda context: recipe.batches(data, model, step, context)
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
    parts: Parts,
    signals: callbacks.StopOnSignal,
    stop: callbacks.StopAfter,
    guard: callbacks.DivergenceGuard,
    checkpoint: callbacks.Checkpoint,
) -> list[keras.callbacks.Callback]:
    """Returns the callbacks of a run, in the one order in which they can work.

    Args:
        parts: of the run. The chief alone reports.
        signals, stop, guard, checkpoint: callbacks that `fit` asks later.
    """
    # The guard comes before what uses the model: it takes back weights that are not
    # finite. On all workers: their weights are the same, and so is what they do.
    ending = [signals, stop, guard]
    # The checkpoint comes after what it saves. Any of the others may end training,
    # which all workers then do together.
    saving = [checkpoint, callbacks.SyncStop(signals)]
    if not parts.workers.chief:
        return [*ending, *saving]
    run, model, evaluator = parts.run, parts.model, parts.evaluator
    recipe = run.recipe
    rows = recipe.examples(parts.data)
    held_out = None
    if parts.held_out is not None:
        batches = recipe.held_out_batches(parts.held_out, model)
        batches.value_range = model.value_ranges()  # as of those that it trains on
        held_out = callbacks.HeldOut(batches)
    quick, shown = [], {}
    if evaluator is not None:
        quick = evaluator.quick(model)
        shown = {evaluator.measures[name].title: name for name in quick[:1]}
    measuring = []  # before those that show the measures
    if evaluator and quick and (recipe.evaluate_epochs or recipe.evaluate_steps):
        evaluate = callbacks.Evaluate(
            evaluator,
            quick,
            recipe.evaluate_epochs,
            path=run.path / "measures.csv",
            best_directory=run.path / "best",
            extra_variables={"seconds": stop.seconds},
            signals=signals,
            every_steps=recipe.evaluate_steps,
        )
        measuring.append(evaluate)
    reporting = [
        callbacks.Progress(
            recipe.examples_per_step,
            stop.steps,
            stop.minutes_left(),
            shown,
            held_out,
        ),
        callbacks.Diagnosis(rows, path=run.path / "findings.json"),
        callbacks.SampleGrid(
            run.path / "samples",
            recipe.sample_steps,
            animation=run.path / "training.gif",
            real=rows,
            class_names=run.data.get("class_names"),
        ),
        callbacks.MetricsCSV(run.path / "metrics.csv", held_out=held_out),
        callbacks.TensorBoardPoints(run.path / "tensorboard", held_out=held_out),
    ]
    return [*ending, *measuring, *reporting, *saving]


def close(parts: Parts, trained: Trained, afterwards: Afterwards | None) -> Trained:
    """Saves, measures and does what follows, under a progress bar."""
    names = ["model.keras"]
    if parts.evaluator is not None:
        names.append("measures")
    if afterwards is not None:
        names.extend(afterwards.parts)
    with tqdm(total=len(names), smoothing=0, unit=" parts", disable=None) as bar:
        measures = finish(parts, bar)
        result = None if afterwards is None else afterwards.work(parts.run, bar)
    return dataclasses.replace(trained, measures=measures, afterwards=result)


def finish(parts: Parts, bar: tqdm) -> dict[str, Any] | None:
    """Saves the model and measures it; returns the measures."""
    run, model = parts.run, parts.model
    bar.set_description("model.keras")
    with atomic_path(run.path / "model.keras") as part:
        model.save(part)
    bar.update()
    evaluation = None
    if parts.evaluator is not None:
        evaluation = measure(run, model, parts.evaluator, bar)
    write_card(run, model, evaluation)
    return evaluation


def measure(
    run: runs.Run, model: keras.Model, evaluator: Evaluator, bar: tqdm
) -> dict[str, Any]:
    """Measures the model and says what it measured; returns `evaluation.json`."""
    bar.set_description("measures")
    names = evaluator.final(model)
    ours, theirs = evaluator.measure(model, names), evaluator.beside(names)
    protocol = evaluator.protocol(model)
    evaluation = {
        "step": callbacks.steps_taken(model),
        "measures": ours,
        "between_halves": theirs,
        "quantities": model_card.quantities({n: evaluator.measures[n] for n in names}),
        "protocol": protocol,
    }
    run.write_json("evaluation.json", evaluation)
    bar.update()
    for name in names:
        line = f"{evaluator.measures[name].title} {ours[name]:.4g}"
        if name in theirs:
            line += f" (between halves of the real images {theirs[name]:.4g})"
        bar.write(line)
    bar.write(f"on {protocol}")
    bar.write(f"more measures: python -m keras_gan.evaluate {run.path}")
    return evaluation


def write_card(
    run: runs.Run, model: keras.Model, evaluation: dict[str, Any] | None
) -> None:
    """Writes the model card of a run, with the newest grid of samples."""
    picture = model_card.picture_of(run.path, callbacks.steps_taken(model))
    text = model_card.card_of_run(run, model, evaluation, picture is not None)
    model_card.write(run.path, text, picture)
