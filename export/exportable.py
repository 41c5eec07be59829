"""What an export needs to know of a trained model: its functions and description."""

import dataclasses
import functools
import os
from pathlib import Path
from typing import Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf

from export.float32 import in_float32
from export.formats import DEFAULT_OPTIONS, OPTION_CHOICES, ExportOptions
from keras_gan.errors import InputError
from keras_gan.latents import Prior
from keras_gan.model_files import load
from keras_gan.serving import DEFAULT, Signature, Spec
from keras_gan.version import __version__

# A model of `keras_gan`, or the path of a run's folder or of a file that `save` wrote.
ModelOrRun: TypeAlias = keras.Model | str | os.PathLike

_ROUNDING = 0.25  # of half precision, in parts of the values' mean size; it is a tenth


@dataclasses.dataclass(frozen=True)
class Exportable:
    """A trained model that computes in float32, and what its users must know.

    Args:
        name: of the model, as a server knows it.
        networks: name -> network that the functions call.
        signatures: name -> function; one is `serving_default`.
        facts: of the model and its training, ready for JSON.
        options: how images go in and out, and how an export stores weights.
        function: which of the model's functions `serving_default` is.
        trained: the signatures of a model that computes in half precision, as it was
            trained; `signatures` then call its copy in float32. Empty for other models.
        model: the trained model itself.
        run: that trained it, or None.

    Example:

    ```python
    from export.exportable import describe
    from export.formats import ExportOptions

    exportable = describe("runs/digits", "digits")
    print([*exportable.signatures], exportable.parameters)
    grey = exportable.with_options(ExportOptions(output="uint8"))
    print(grey.metadata())
    ```
    """

    name: str
    networks: dict[str, keras.Model]
    signatures: dict[str, Signature]
    facts: dict
    options: ExportOptions = DEFAULT_OPTIONS
    function: str = DEFAULT
    trained: dict[str, Signature] = dataclasses.field(default_factory=dict)
    model: keras.Model | None = None
    run: Any = None

    @property
    def default(self) -> Signature:
        """The function that a format with one function in a file writes."""
        return self.signatures[DEFAULT]

    @property
    def functions(self) -> list[str]:
        """Names of the functions that have a file of their own, the default first."""
        named = [name for name, each in self.signatures.items() if each.kind]
        return sorted(named, key=lambda name: name != DEFAULT)

    @property
    def parameters(self) -> int:
        """Number of values in the networks' weights."""
        return sum(network.count_params() for network in self.networks.values())

    def only(self, function: str) -> "Exportable":
        """Returns what one file holds: this function, as `serving_default`.

        Args:
            function: one of `functions`. Any but the default is added to the name.

        Raises:
            InputError: for any other.
        """
        if function not in self.functions:
            raise InputError(
                f"the model has no function {function!r} to export. Use one of: "
                f"{', '.join(self.functions)}."
            )
        signature = self.signatures[function]
        return dataclasses.replace(
            self,
            name=self.name if function == DEFAULT else f"{self.name}.{function}",
            networks=_called_by(signature, self.networks),
            signatures={DEFAULT: signature},
            function=function,
            trained={DEFAULT: self.trained[function]} if self.trained else {},
        )

    @property
    def inverse(self) -> str | None:
        """Name of the function from images back to the default's latent vectors.

        None if the model has no such function.
        """
        latent = self.default.inputs.get("latent")
        made = next(iter(self.default.outputs.values()))
        for name, each in self.signatures.items():
            taken, code = (next(iter(s.values())) for s in (each.inputs, each.outputs))
            if (
                each.kind == "image_to_latent"
                and latent is not None
                and (taken.shape, taken.pixels) == (made.shape, made.pixels)
                and code.shape == latent.shape
            ):
                return name
        return None

    @property
    def companions(self) -> list[str]:
        """Names of the functions that a page offers beside the default.

        Of latent vectors to images it is the way back, of images to images all others
        of that kind.
        """
        if self.inverse is not None:
            return [self.inverse]
        return [
            name
            for name in self.functions
            if name != DEFAULT
            and self.signatures[name].kind == self.default.kind == "image_to_image"
        ]

    def keeping(self, functions: list[str]) -> "Exportable":
        """Returns the same with some of its functions alone.

        Args:
            functions: names, `serving_default` among them.
        """
        signatures = {name: self.signatures[name] for name in functions}
        networks: dict[str, keras.Model] = {}
        for signature in signatures.values():
            networks |= _called_by(signature, self.networks)
        return dataclasses.replace(self, signatures=signatures, networks=networks)

    def with_options(self, options: ExportOptions) -> "Exportable":
        """Returns the same with images as options say, those that go in too.

        Raises:
            InputError: if images of a function cannot be so, or there are no latent
                vectors to map.
        """
        if (
            options.latent_input == "normal"
            and self.function == DEFAULT
            and not _has_prior(self.default)
        ):
            raise InputError(
                "latent_input is 'normal', and the model takes no latent vectors of a "
                "distribution. Leave the option out."
            )
        signatures, trained = (
            {
                name: _with_options(name, each, options) if each.kind else each
                for name, each in of_model.items()
            }
            for of_model in (self.signatures, self.trained)
        )
        return dataclasses.replace(
            self, signatures=signatures, trained=trained, options=options
        )

    def metadata(self) -> dict:
        """Returns the description that travels with an export, ready for JSON.

        A description without `kind` is of "latent_to_image", and one without `function`
        of `serving_default`. `functions` describes the other functions of a SavedModel.
        """
        others = {
            name: self._described(name) for name in self.functions if name != DEFAULT
        }
        return {
            "name": self.name,
            **({"function": self.function} if self.function != DEFAULT else {}),
            **self._described(DEFAULT),
            **({"functions": others} if others else {}),
            **self.facts,
            **{name: getattr(self.options, name) for name in OPTION_CHOICES},
            "keras_gan_version": __version__,
            "keras_version": keras.__version__,
            "tensorflow_version": tf.__version__,
        }

    def _described(self, name):
        signature = self.signatures[name]
        # As in all exports before there were other kinds.
        if signature.kind == "latent_to_image":
            return signature.facts
        return {
            "kind": signature.kind,
            "inputs": {n: _description(x) for n, x in signature.inputs.items()},
            "outputs": {n: _description(x) for n, x in signature.outputs.items()},
            **signature.facts,
        }


def describe(model_or_run: ModelOrRun, name: str) -> Exportable:
    """Returns what a model can be asked for, and its description.

    Args:
        model_or_run: a model of `keras_gan`, or the path of a run's folder or of the
            file that `save` wrote.
        name: of the model.

    Raises:
        InputError: for something else, or weights that are not finite.
    """
    model: Any = model_or_run
    run, class_names, opened = None, None, None
    if isinstance(model_or_run, str | os.PathLike) and Path(model_or_run).is_file():
        model = load(model_or_run)
    elif isinstance(model_or_run, str | os.PathLike):
        from keras_gan import runs

        run = Path(model_or_run).resolve().name
        opened = runs.Run.open(model_or_run)
        class_names, model = opened.data.get("class_names"), opened.load()
    if not hasattr(model, "signatures"):
        raise InputError(
            f"a {type(model).__name__} was given. Give a model of keras_gan, or the "
            "path of a run's folder or of a file that its save wrote."
        )
    networks = _InferenceNetworks(model.networks())
    signatures = model.signatures(networks)
    for signature in signatures.values():
        # A function may ask for networks when it is called, and not in a graph.
        _run(signature, 1)
    trained = _require_same(model, signatures, networks)
    facts = {
        "class_names": tuple(class_names) if class_names else None,
        **networks.facts(),
        **model.export_facts(),
        "run": run,
        "seed": model.seed,
        "step": int(keras.ops.convert_to_numpy(model.step)),
    }
    return Exportable(
        *(name, dict(networks), signatures, facts),
        trained=trained,
        model=model,
        run=opened,
    )


class _InferenceNetworks(dict):
    """Name -> the network that results come from, in float32, made when asked for.

    If a network has an average, `averaged_NAME`, that is what NAME stands for here.

    Args:
        networks: as `networks()` of the model returns them.
    """

    def __init__(self, networks):
        super().__init__()
        self._networks = networks

    def __missing__(self, name):
        architecture, network = self._networks[name], self.trained[name]
        for weight in network.weights:
            values = keras.ops.convert_to_numpy(weight).astype("float32")
            if not np.isfinite(values).all():
                raise InputError(
                    f"the {name}'s weight {weight.path} holds NaN or infinite values. "
                    "Restore a checkpoint from before it diverged, and export that."
                )
        self[name] = in_float32(network, architecture)
        return self[name]

    @property
    def trained(self):
        """The same networks as they were trained."""
        networks = self._networks
        return {
            name: networks.get(f"averaged_{name}", networks[name]) for name in networks
        }

    def facts(self):
        """Returns how the networks that were asked for make their results."""
        averaged = any(f"averaged_{name}" in self._networks for name in self)
        weights = {w.name for network in self.values() for w in network.weights}
        moving = "moving_mean" in weights
        return {
            "weights": "averaged" if averaged else "trained",
            "average_decay": None,
            "batch_normalization_statistics": "moving averages" if moving else None,
        }


def _require_same(model, signatures, networks):
    """Returns the functions of the networks as trained, none if these are in float32.

    Raises InputError if float32 copies make something else than their networks.
    """
    trained = networks.trained
    copied = [
        name for name, network in networks.items() if network is not trained[name]
    ]
    if not copied:
        return {}
    originals = model.signatures(trained)
    for name, original in originals.items():
        if original.kind is None:
            continue
        copies = _run(signatures[name], 8)
        for output, values in _run(original, 8).items():
            size = np.abs(values).mean()
            difference = np.abs(copies[output] - values).mean()
            if difference > _ROUNDING * size:
                layers = _own_layers(map(model.networks().get, copied))
                raise InputError(
                    "the model computes in half precision, and its copy in float32, "
                    f"which exports need, gives another {output} (mean difference "
                    f"{difference:.2g} of values of mean size {size:.2g}). A layer's "
                    "get_config must hold all arguments of its class: look at "
                    f"{layers or 'its layers'}, or build the model in float32."
                )
    return originals


def _run(signature, count):
    rows = map(tf.constant, signature.examples(count).values())
    return {name: x.numpy() for name, x in signature.function(*rows).items()}


def _own_layers(networks):
    """Returns the names of layers whose classes are a user's."""
    return " and ".join(
        f"{layer.name} of class {type(layer).__name__}"
        for network in networks
        for layer in network._flatten_layers(include_self=False)
        if is_users(layer)
    )


def is_users(part: keras.Layer) -> bool:
    """Whether the class of a layer or a model is a user's own."""
    return not type(part).__module__.startswith(("keras.", "keras_gan."))


def _called_by(signature, networks):
    """Returns those of the networks whose weights a function reads."""
    if len(networks) == 1:
        return networks
    traced = tf.function(signature.function, autograph=False)
    read = traced.get_concrete_function(*signature.tensors).variables
    read = {id(variable) for variable in read}
    return {
        name: network
        for name, network in networks.items()
        if any(id(weight.value) in read for weight in network.weights)
    }


def _with_options(name, signature, options):
    """Returns a function whose images have the layout and type that was asked for."""
    specs = [*signature.inputs.values(), *signature.outputs.values()]
    nchw, uint8 = options.layout == "nchw", options.output == "uint8"
    shapes = " and ".join(str(spec.shape) for spec in specs)
    if nchw and not any(spec.image for spec in specs):
        raise InputError(
            f"layout is {options.layout}, and {name} has values of shape {shapes}, "
            "which have none. Leave the layout out."
        )
    rangeless = any(spec.image and spec.pixels is None for spec in specs)
    if uint8 and (rangeless or not any(spec.pixels for spec in specs)):
        raise InputError(
            f"output is {options.output}, and the values of {name} have no range to "
            "map to 0 to 255. Choose float32, or give the model a value_range."
        )
    if options.latent_input == "normal" and _has_prior(signature):
        signature = _of_normal_latents(signature)
    if not (nchw or uint8):
        return signature

    def function(*rows):
        taken = [
            _as_the_model_takes(values, spec, options)
            for values, spec in zip(rows, signature.inputs.values(), strict=True)
        ]
        made = signature.function(*taken)
        return {
            name: _as_asked_for(made[name], spec, options)
            for name, spec in signature.outputs.items()
        }

    def case(number, count):
        return {
            name: _as_asked_for(
                tf.constant(values), signature.inputs[name], options
            ).numpy()
            for name, values in signature.cases(count)[number].items()
        }

    other = signature.other_rows and functools.partial(case, 1)
    return dataclasses.replace(
        signature,
        function=function,
        inputs={n: _optional(x, options) for n, x in signature.inputs.items()},
        outputs={n: _optional(x, options) for n, x in signature.outputs.items()},
        rows=functools.partial(case, 0),
        other_rows=other,
    )


def _has_prior(signature):
    return "latent_distribution" in signature.facts


def _of_normal_latents(signature):
    """Returns a function of normal latent vectors, which it maps to those it takes."""
    facts = signature.facts
    if facts["latent_distribution"] == "normal":
        return signature
    bounds = facts["latent_bounds"]
    prior = Prior(facts["latent_dim"], facts["latent_distribution"], bounds)

    def function(latent, *others):
        return signature.function(prior.from_normal(latent), *others)

    def rows(count):
        latent = Prior(prior.dim).examples(count, np.random.default_rng(0))
        return signature.rows(count) | {"latent": latent}

    normal = {"latent_distribution": "normal", "latent_bounds": None}
    return dataclasses.replace(
        signature, function=function, rows=rows, facts=facts | normal
    )


def _as_asked_for(values, spec, options):
    if options.output == "uint8" and spec.pixels is not None:
        values = spec.pixels.to_uint8(values)
    if options.layout == "nchw" and spec.image:
        values = tf.transpose(values, [0, 3, 1, 2])
    return values


def _as_the_model_takes(values, spec, options):
    if options.layout == "nchw" and spec.image:
        values = tf.transpose(values, [0, 2, 3, 1])
    if options.output == "uint8" and spec.pixels is not None:
        values = spec.pixels.to_float(values)
    return values


def _optional(spec, options):
    """Returns the spec of the values that a user of the export has."""
    if options.output == "uint8":
        spec = spec.levels
    if options.layout == "nchw" and spec.image:
        height, width, channels = spec.shape
        spec = dataclasses.replace(spec, shape=(channels, height, width))
    return spec


def _description(spec: Spec) -> dict:
    range_ = None
    if spec.pixels is not None:
        levels = spec.dtype == "uint8"
        range_ = (0, 255) if levels else (spec.pixels.low, spec.pixels.high)
    found = {"shape": spec.shape, "dtype": spec.dtype, "value_range": range_}
    if None not in spec.shape:
        return found
    # What a side of any length must be a multiple of, and how long at least.
    longer = {"least": spec.least} if spec.least > spec.multiple else {}
    return found | {"multiple": spec.multiple} | longer
