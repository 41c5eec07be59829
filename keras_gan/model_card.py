"""Model cards: `README.md` in the folder of a run and beside its exports.

A card begins with the front matter that the Hugging Face Hub reads
(https://huggingface.co/docs/hub/model-cards). It says what the files of a run say, and
nothing that nobody stated.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

import keras

from keras_gan.errors import InputError, listed
from keras_gan.evaluators import MEASURES
from keras_gan.evaluators.base import number
from keras_gan.files import JSON_ERRORS, write_atomically
from keras_gan.models.averaging import is_average
from keras_gan.runs import Run
from keras_gan.serving import DEFAULT, Spec
from keras_gan.version import __version__

FILE, PICTURE = "README.md", "README.png"
# Of each kind of function, what the Hub calls its task.
_TASKS = {
    "latent_to_image": "unconditional-image-generation",
    "image_to_image": "image-to-image",
    "image_to_latent": "image-feature-extraction",
}
# What a user calls first: the first of these that the model has.
_CALLS = {
    "generate": "model.generate(16, seed=0)",
    "translate": "model.translate(pictures)  # uint8 [count, height, width, channels]",
    "reconstruct": "model.reconstruct(pictures)  # uint8, as many channels as above",
    "samples": "model.samples(16, seed=0)",
}
_MARK = "<!-- keras_gan writes this file again. Remove this line to keep changes. -->"
_NOT_STATED = "not stated"
_MOST_CLASSES = 20  # that are named


def write(folder: Path, text: str, picture: bytes | None, name: str = "") -> list[Path]:
    """Writes a card and its picture, unless the user has made the card their own.

    Args:
        folder: where they go.
        text: what `card` returned.
        picture: content of a PNG file; None leaves one that is there.
        name: of the model, if the folder holds several: the files are `NAME.README.md`
            and `NAME.README.png`.

    Returns:
        Paths of the files that were written.
    """
    card_file = folder / file_name(FILE, name)
    if is_users(card_file):
        return []
    files: dict[Path, str | bytes] = {card_file: text}
    if picture is not None:
        files[folder / file_name(PICTURE, name)] = picture
    for file, content in files.items():
        write_atomically(file, content)
    return [*files]


def is_users(file: Path) -> bool:
    """Whether there is a card that the user has made their own."""
    return file.exists() and _MARK not in file.read_text("utf-8", "replace")


def file_name(file: str, name: str) -> str:
    """Returns `NAME.FILE`, or the file alone if there is no name."""
    return f"{name}.{file}" if name else file


def picture_of(folder: Path, step: int) -> bytes | None:
    """Returns the grid of samples that a run drew at a step, None without one."""
    grid = folder / "samples" / f"step_{step:08d}.png"
    return grid.read_bytes() if grid.exists() else None


def measured(folder: Path, step: int) -> dict | None:
    """Returns what a run measured at a step: `metrics.json`, or `evaluation.json`.

    None if there is neither, or both are of another step.
    """
    for file in ("metrics.json", "evaluation.json"):
        try:
            found = json.loads((folder / file).read_bytes())
        except (OSError, *JSON_ERRORS):
            continue
        if isinstance(found, dict) and found.get("step") == step:
            return found
    return None


def quantities(measures: Mapping[str, Any]) -> dict[str, dict]:
    """Returns how measures are called and read, ready for JSON.

    Args:
        measures: name -> `Quantity`.
    """
    return {
        name: {"title": one.title, "better": one.better}
        for name, one in measures.items()
    }


def card(
    model: keras.Model,
    name: str,
    usage: str,
    run: Run | None = None,
    metrics: Mapping[str, Any] | None = None,
    picture: str | None = None,
) -> str:
    """Returns the text of a model card.

    Args:
        model: a `GenerativeModel`.
        name: of the model.
        usage: Markdown that tells how to load it.
        run: that trained it, or None.
        metrics: what `measured` returned.
        picture: path of the picture from the card, or None.
    """
    functions = _functions(model)
    parts = [
        _front_matter(model, functions, run),
        f"# {_text(name)}",
        _MARK,
        f"![What the model makes]({picture})" if picture else "",
        _facts(model, functions, run),
        "## What it computes\n\n" + _signatures(functions) if functions else "",
        "## Measures\n\n" + _measures(metrics, run),
        "## How to load it\n\n" + usage,
        "## Intended use and limits\n\n" + _limits(functions),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def card_of_run(
    run: Run, model: keras.Model, metrics: Mapping[str, Any] | None, pictured: bool
) -> str:
    """Returns the text of the card in the folder of a run.

    Args:
        run: that trained the model.
        model: a `GenerativeModel`.
        metrics: as of `card`.
        pictured: whether the picture is beside the card.
    """
    name = run.path.resolve().name
    picture = PICTURE if pictured else None
    return card(model, name, usage(model, name), run, metrics, picture)


def usage(model: keras.Model, address: str) -> str:
    """Returns three lines that load a model with `keras_gan.load` and call it.

    Args:
        model: a `GenerativeModel`.
        address: what `keras_gan.load` takes.
    """
    calls = [call for name, call in _CALLS.items() if hasattr(model, name)]
    return (
        "```python\n"
        "import keras_gan\n\n"
        f"model = keras_gan.load({json.dumps(address, ensure_ascii=False)})\n"
        f"images = {calls[0]}\n"
        "```"
    )


def _functions(model):
    """Returns the main functions of a model by name, the default first."""
    try:
        signatures = model.signatures(model.networks())
    except InputError:  # a family that has no exports
        return {}
    named = [name for name, each in signatures.items() if each.kind]
    return {n: signatures[n] for n in sorted(named, key=lambda n: n != DEFAULT)}


def _front_matter(model, functions, run):
    task = _task(functions)
    # The Hub has no task for images of classes.
    conditional = task == _TASKS["latent_to_image"] and _num_classes(functions)
    shown = "class-conditional-image-generation" if conditional else task
    tags = [shown] if shown else []
    entries = {
        "library_name": "keras",
        # Of the model itself: nobody but its owner can say it.
        "license": "unknown",
        **({"pipeline_tag": task} if task and not conditional else {}),
        "tags": list(dict.fromkeys(["keras_gan", *_names(model, run), *tags])),
    }
    # JSON is YAML, so its quotes keep any name what it is.
    lines = [f"{k}: {json.dumps(v, ensure_ascii=False)}" for k, v in entries.items()]
    return "\n".join(["---", *lines, "---"])


def _task(functions):
    """Returns what the Hub calls the task of the default function, or None."""
    if not functions:
        return None
    default = functions[DEFAULT]
    specs = [*default.inputs.values(), *default.outputs.values()]
    return _TASKS.get(default.kind) if any(spec.image for spec in specs) else None


def _names(model, run):
    """Returns the names of the model's class and of the recipe's family."""
    yield _line(type(model).__name__.lower())
    if run is not None:
        yield _line(run.recipe.family)


def _facts(model, functions, run):
    default = functions[DEFAULT] if functions else None
    facts = default.facts if default else {}
    networks = {
        name: network.count_params()
        for name, network in model.networks().items()
        if not is_average(name)
    }
    rows = {
        "model": f"`{type(model).__name__}` of keras_gan {__version__}",
        "prior": _prior(facts),
        "images come from": _text(getattr(model, "sampling_note", "")),
        "classes": _classes(functions, run),
        "data": _text(data_of(run) if run else _NOT_STATED),
        "licence of the data": _text((run and run.recipe.data_licence) or _NOT_STATED),
        "licence of the model": f"{_NOT_STATED}: it is the owner's to give, as "
        "`license` at the top of this file",
        "trained for": _training(model, run),
        "started from": _start(run),
        "values in the weights": ", ".join(
            f"{_text(name)} {count:,}" for name, count in networks.items()
        ),
        "trained with": _versions(run),
    }
    return _table([("", ""), *((k, v) for k, v in rows.items() if v)])


def _prior(facts):
    if "latent_dim" not in facts:
        return None
    kind = facts["latent_distribution"]
    if facts["latent_bounds"]:
        low, high = facts["latent_bounds"]
        kind = f"{kind} from {low:g} to {high:g}"
    return f"{facts['latent_dim']} numbers, {kind}"


def _num_classes(functions):
    return functions[DEFAULT].facts.get("num_classes") if functions else None


def _classes(functions, run):
    count = _num_classes(functions)
    if count is None:
        return None
    names = (run and run.data.get("class_names")) or range(count)
    return f"{count}: {_text(listed(names, _MOST_CLASSES))}"


def data_of(run: Run) -> str:
    """Returns what a run was trained on, without the way to its folder."""
    count = run.data.get("images")
    images = f", {count:,} images" if isinstance(count, int) else ""
    return _public(run.recipe.data_words, run) + images


def _training(model, run):
    steps = f"{int(keras.ops.convert_to_numpy(model.step)):,} steps"
    if run is None:
        return f"{steps}, seed {model.seed}"
    recipe = run.recipe
    return (
        f"{steps} of {recipe.batch_size} examples, seed {recipe.seed}, with the recipe "
        f"{_text(run.recipe_name)}"
    )


def _start(run):
    """Returns with whose weights a run began, without the way to its folder."""
    if run is None or run.started_from is None:
        return None
    path, step = str(run.started_from["path"]), run.started_from["step"]
    name = path if path.startswith("hf://") else PurePath(path).name
    return _text(f"{name} at step {step}")


def _versions(run):
    if run is None:
        return None
    return ", ".join(f"{_text(n)} {_text(v)}" for n, v in run.versions.items())


def _signatures(functions):
    rows = [("function", "takes", "gives")]
    for name, each in functions.items():
        rows.append((f"`{name}`", _words(each.inputs), _words(each.outputs)))
    return (
        f"{_table(rows)}\n\nSizes are of one row; all functions take batches. Sides "
        "that are written as `?` have any length."
    )


def _words(specs: Mapping[str, Spec]) -> str:
    return ", ".join(f"`{name}` {_spec(spec)}" for name, spec in specs.items())


def _spec(spec):
    sides = " x ".join("?" if side is None else str(side) for side in spec.shape)
    words = f"{spec.dtype} {sides}".strip()
    if spec.pixels is not None:
        words += f" in [{spec.pixels.low:g}, {spec.pixels.high:g}]"
    if spec.multiple > 1 and None in spec.shape:
        words += f", sides multiples of {spec.multiple}"
    return words


def measure_rows(metrics: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Returns the title of each measure, its value, that of real data, what is better.

    Args:
        metrics: what `measured` returned.
    """
    said, rows = metrics.get("quantities", {}), []
    for name, value in metrics["measures"].items():
        known = said.get(name) or quantities(MEASURES).get(name, {})
        real = metrics.get("between_halves", {}).get(name)
        title = known.get("title") or name.replace("_", " ")
        rows.append((title, number(value), number(real), known.get("better") or ""))
    return rows


def _measures(metrics, run):
    if metrics is None:
        return (
            "None were taken of this model at this step. `keras-gan evaluate RUN` "
            "takes them."
        )
    rows = [("measure", "this model", "between halves of the real data", "better")]
    rows += [(_text(title), *others) for title, *others in measure_rows(metrics)]
    protocol = _text(_public(metrics["protocol"], run))
    return (
        f"{_table(rows)}\n\nProtocol: {protocol}. Values with another protocol do not "
        "compare; the Fréchet distance is the FID only if the protocol says inception."
    )


def _limits(functions):
    kinds = {each.kind for each in functions.values()}
    made = "It makes images like its data, of the sizes above, and knows nothing else."
    if kinds == {"image_to_image"}:
        made = (
            "It translates pictures like those that it was trained on. It fills in "
            "what it cannot see, so its output is no evidence of anything."
        )
    return (
        f"{made} What is rare in the data is rare or missing in what it makes, and "
        "what is skewed there is skewed here. It can repeat training images. Nobody "
        "has reviewed it for any use: whoever deploys it decides whether it is fit, "
        "and checks the licence of the data."
    )


def _public(text, run):
    """Returns a text in which sources name their folder, not the way to it."""
    names = () if run is None else (*run.recipe.sources, "validation")
    for name in names:
        source = getattr(run.recipe, name) or ""
        kind, _, place = source.partition(":")
        if os.sep in place:
            text = text.replace(source, f"{kind}:{PurePath(place).name}")
    return text


def _table(rows):
    head, *others = rows
    lines = [head, tuple("---" for _ in head), *others]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def _line(text):
    """Returns a text in one line, without characters that YAML does not accept."""
    return "".join(c for c in " ".join(str(text).split()) if c.isprintable())


def _text(text):
    """Returns a text as Markdown shows it as it is."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#!&~$" else c for c in _line(text))
