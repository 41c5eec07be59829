"""Which weights of one model can start another, and how they get there.

A block is a layer with a kernel and the layers after it whose weights include no
kernel, such as its normalization. The blocks of two networks are paired in their order,
as many as fit. If several ways pair as many, a network that begins with a fully
connected layer is paired from its input on, and any other from its output back: a
generator from the latent vector, a discriminator from the logit.
"""

import collections
import dataclasses
import math
import re
from collections.abc import Iterator, Mapping

import keras
import numpy as np

from keras_gan.errors import InputError, listed
from keras_gan.models import averaging
from keras_gan.networks.layers import ConcatenateLabel, PixelShuffle

_FORWARD = (
    *(keras.layers.Dense, keras.layers.Conv1D),
    *(keras.layers.Conv2D, keras.layers.Conv3D),
)
_TRANSPOSED = (
    *(keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose),
    keras.layers.Conv3DTranspose,
)
_MOST_NAMED = 4  # of the layers that are new
_MOST_CHANNELS = 4  # grey or colour, with an alpha channel or not

# Parts of an axis of a weight, each a kind and a size. Kinds are "features", "label",
# and the channels of images that go "in" or come "out".
_Parts = tuple[tuple[str, int], ...]


def take_over(model: keras.Model, other: keras.Model) -> str:
    """Gives a model the weights of another one that fit; returns in words which.

    Args:
        model: a `GenerativeModel`.
        other: another one, with networks of the same names.

    Raises:
        InputError: if no weights fit, or some of a frozen layer do not.
    """
    theirs = other.networks()
    plans = {
        name: _Plan(network, theirs[name])
        for name, network in model.networks().items()
        if not averaging.is_average(name)
    }
    new = listed(_new(plans), _MOST_NAMED)
    if not any(plan.pairs for plan in plans.values()):
        raise InputError(
            f"no layer fits ({new}). Use the settings of that model, such as the "
            "widths of its layers, or start with new weights."
        )
    frozen = {id(layer) for layer in model.frozen_layers}
    stay = 0
    for name, plan in plans.items():
        for number, block in enumerate(plan.blocks, 1):
            if frozen.isdisjoint(map(id, block.layers)):
                continue
            if any(plan.lacks(block)):
                raise InputError(
                    f"layer {number} of the {name} would be frozen with weights that "
                    f"nobody trained ({new}). Freeze fewer layers."
                )
            stay += 1
    for name, network in model.networks().items():
        trained = name.removeprefix("averaged_")
        plans[trained].carry_out(network, theirs.get(name, theirs[trained]))
    counts = zip(*(plan.counts() for plan in plans.values()), strict=True)
    weights, of_weights, layers, of_layers = map(sum, counts)
    words = f"{weights:,} of {of_weights:,} weights, {layers} of {of_layers} layers"
    words += f" ({stay} of them frozen)" if stay else ""
    return f"{words}; new: {new}" if new else words


def layers_by_kernel(network: keras.Model) -> list[list[keras.Layer]]:
    """Returns the layers of a network with weights: each with a kernel begins a list.

    Args:
        network: Keras model, built.
    """
    groups = (block.layers for block in _blocks(network))
    return [layers for layers in groups if network not in layers]


# Networks -----------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class _Weight:
    """A weight of a network: its place among them, and the parts of each axis."""

    place: int
    axes: tuple[_Parts, ...]

    @property
    def shape(self):
        return tuple(sum(size for _, size in parts) for parts in self.axes)


@dataclasses.dataclass(frozen=True, eq=False)
class _Block:
    """A layer with a kernel, and the layers after it whose weights include no kernel.

    Args:
        layers: with weights.
        weights: what it is, such as "Conv2D kernel" -> weight.
    """

    layers: list[keras.Layer]
    weights: dict[str, _Weight]

    @property
    def kind(self):
        return type(inner(self.layers[0])).__name__

    @property
    def kernel(self):
        """What the largest weight of the first layer is."""
        own = [what for what in self.weights if what.split()[0] == self.kind]
        return max(own, key=lambda what: np.prod(self.weights[what].shape))

    @property
    def words(self):
        return f"{self.kind} {'x'.join(map(str, self.weights[self.kernel].shape))}"

    @property
    def name(self):
        """The name that somebody gave the first layer, or None for Keras's own."""
        name = re.sub(r"_\d+$", "", self.layers[0].name)
        kind = type(self.layers[0]).__name__
        return None if name.replace("_", "") == kind.lower() else name


def _blocks(network):
    """Returns the blocks of a network."""
    places = {id(weight): place for place, weight in enumerate(network.weights)}
    image_makers = _image_makers(network)
    groups: list[list[keras.Layer]] = []
    for layer in _weighted_layers(network):
        if not groups or any(len(weight.shape) > 1 for weight in layer.weights):
            groups.append([])
        groups[-1].append(layer)
    blocks = []
    for group in groups:
        weights: dict[str, _Weight] = {}
        for layer in group:
            images = image_makers.get(id(layer), 0)
            for what, axes, weight in _described(layer, images):
                while what in weights:  # of a second layer of this kind
                    what += "'"
                weights[what] = _Weight(places[id(weight)], axes)
        blocks.append(_Block(group, weights))
    # Of networks that are no graphs, and have weights beside those of their layers.
    known = {weight.place for block in blocks for weight in block.weights.values()}
    for place, weight in enumerate(network.weights):
        if place not in known:
            axes = tuple((("features", size),) for size in weight.shape)
            what = f"{type(network).__name__} {weight.name}"
            blocks.append(_Block([network], {what: _Weight(place, axes)}))
    return blocks


def _weighted_layers(network) -> Iterator[keras.Layer]:
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from _weighted_layers(layer)
        elif layer.weights:
            yield layer


def inner(layer: keras.layers.Layer) -> keras.layers.Layer:
    """Returns the layer with the kernel, which may lie in one that normalizes it."""
    return layer.layer if isinstance(layer, keras.layers.Wrapper) else layer


def kernel_axes(layer: keras.layers.Layer) -> tuple[int, int] | None:
    """Returns the axes of a kernel for what a layer takes and gives; None for others.

    Args:
        layer: as `inner` returns it.
    """
    if isinstance(layer, _FORWARD):
        return -2, -1
    return (-1, -2) if isinstance(layer, _TRANSPOSED) else None


def _described(layer, images):
    """Yields what each weight of a layer is, the parts of its axes, and the weight.

    Args:
        images: how many images its values are, one for every pixel of a
            `PixelShuffle`; 0 if they are none.
    """
    within = inner(layer)
    inside = {id(weight) for weight in within.weights}
    axes_of_kernel = kernel_axes(within)
    for weight in layer.weights:
        owner = within if id(weight) in inside else layer
        axes = [(("features", size),) for size in weight.shape]
        if axes_of_kernel and weight.name in ("kernel", "bias") and owner is within:
            given, made = axes_of_kernel
            if weight.name == "bias":
                made = -1
            elif layer._inbound_nodes:
                parts = _parts(layer._inbound_nodes[0].input_tensors[0])
                if sum(size for _, size in parts) == weight.shape[given]:
                    axes[given] = parts
            if images:
                axes[made] = (("out", weight.shape[made] // images),) * images
        yield f"{type(owner).__name__} {weight.name}", tuple(axes), weight


def _parts(tensor) -> _Parts:
    """Returns the parts of the last axis of a tensor in the graph of a network."""
    operation, sources = _origin(tensor)
    size = tensor.shape[-1]
    if isinstance(operation, keras.layers.InputLayer) and len(tensor.shape) == 4:
        return (("in", size),)
    if isinstance(operation, ConcatenateLabel):
        return (*_parts(sources[0]), ("label", operation.num_classes))
    if isinstance(operation, keras.layers.Concatenate):
        parts = sum((_parts(source) for source in sources), ())
        if all(kind == "in" for kind, _ in parts):
            return parts
    if _keeps_channels(operation, sources, tensor):
        return _parts(sources[0])
    return (("features", size),)


def _image_makers(network):
    """Returns the layers whose values are images before the last activation.

    Returns:
        id of a layer -> how many images: `PixelShuffle` makes one of four.
    """
    found = {}
    for tensor in keras.tree.flatten(getattr(network, "outputs", None) or []):
        operation, sources = _origin(tensor)
        images = 1
        while _keeps_channels(operation, sources, tensor) or isinstance(
            operation, PixelShuffle
        ):
            images *= 4 if isinstance(operation, PixelShuffle) else 1
            tensor = sources[0]
            operation, sources = _origin(tensor)
        if len(tensor.shape) == 4:
            found[id(operation)] = images
    return found


def _origin(tensor):
    """Returns the layer that made a tensor, and the tensors that it was made of."""
    operation, node, _ = tensor._keras_history
    return operation, operation._inbound_nodes[node].input_tensors


def _keeps_channels(operation, sources, tensor):
    """Whether a layer without weights changes neither the last axis nor the rank."""
    return (
        len(sources) == 1
        and not getattr(operation, "weights", None)
        and len(sources[0].shape) == len(tensor.shape)
        and sources[0].shape[-1] == tensor.shape[-1]
    )


# What fits ----------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class _Move:
    """How the rows of an axis come from another axis; rows of no part are new.

    Args:
        axis: of the weight.
        size: of the axis here.
        parts: (rows here, rows there, matrix between them or None for equal rows).
    """

    axis: int
    size: int
    parts: list[tuple[slice, slice, np.ndarray | None]]

    @property
    def share(self):
        """The share of the rows that are taken over."""
        return sum(rows.stop - rows.start for rows, _, _ in self.parts) / self.size

    def apply(self, there, new):
        """Returns the moved values, and which values are new.

        Args:
            there: values.
            new: which of them are new, of the same shape.
        """
        shape = list(there.shape)
        shape[self.axis] = self.size
        moved, is_new = np.zeros(shape, there.dtype), np.ones(shape, bool)
        ahead = (slice(None),) * self.axis
        for rows, others, matrix in self.parts:
            part = there[*ahead, others]
            if matrix is not None:
                part = np.tensordot(matrix, part, (1, self.axis))
                part = np.moveaxis(part, 0, self.axis)
            moved[*ahead, rows] = part
            is_new[*ahead, rows] = new[*ahead, others].any(self.axis, keepdims=True)
        return moved, is_new


@dataclasses.dataclass(frozen=True)
class _Copy:
    """Where a weight comes from: its place in the other network, and moves of axes."""

    place: int
    moves: list[_Move]

    @property
    def share(self):
        """The share of the values that are taken over."""
        return math.prod(move.share for move in self.moves)

    def value(self, there, here):
        """Returns the value of a weight; what is new of it stays as it is here."""
        if not self.moves:
            return there
        value, is_new = there, np.zeros(there.shape, bool)
        for move in self.moves:
            value, is_new = move.apply(value, is_new)
        return np.where(is_new, here, value)


def _fitting(one, two):
    """Returns place -> copy for the weights of a block, None if its kernel differs."""
    if one.kind != two.kind:
        return None
    copies = {}
    for what, weight in one.weights.items():
        copy = _copy(weight, two.weights[what]) if what in two.weights else None
        if copy is not None:
            copies[weight.place] = copy
        elif what == one.kernel:
            return None
    return copies


def _copy(weight, other):
    """Returns how a weight comes from another one, None if that does not fit."""
    if len(weight.axes) != len(other.axes):
        return None
    moves = []
    for axis, (parts, others) in enumerate(zip(weight.axes, other.axes, strict=True)):
        if parts != others:
            moved = _moved(parts, others)
            if moved is None:
                return None
            moves.append(_Move(axis, weight.shape[axis], moved))
    return _Copy(other.place, moves)


def _moved(parts, others):
    """Returns the parts of a move between two axes, None if they do not fit."""
    mine, theirs = _places(parts), _places(others)
    if any(kind != "label" for kind, _ in mine.keys() ^ theirs.keys()):
        return None
    found: list[tuple[slice, slice, np.ndarray | None]] = []
    for key in mine.keys() & theirs.keys():
        (start, here), (first, there) = mine[key], theirs[key]
        if here == there:
            found.append(
                (slice(start, start + here), slice(first, first + there), None)
            )
        elif key[0] != "label":  # other classes have new weights
            if key[0] == "features" or max(here, there) > _MOST_CHANNELS:
                return None
            found += _channels(key[0], (start, here), (first, there))
    return found


def _places(parts):
    """Returns kind and number of each part of an axis -> its first place, its size."""
    places, start = {}, 0
    for number, (kind, size) in enumerate(parts):
        places[kind, number] = start, size
        start += size
    return places


def _channels(kind, here, there):
    """Yields the parts of a move between grey and colour, with an alpha channel or not.

    A grey image gets the same answer in colour, and what is made is grey in colour. An
    alpha channel that the other network lacks is new.
    """
    (start, size), (first, count) = here, there
    colours, others = (n - 1 + n % 2 for n in (size, count))
    rows, columns = slice(start, start + colours), slice(first, first + others)
    if colours == others:
        yield rows, columns, None
    else:
        share = 1 / (colours if kind == "in" else others)
        yield rows, columns, np.full([colours, others], share, "float32")
    if size > colours and count > others:
        yield (
            slice(start + colours, start + size),
            slice(first + others, first + count),
            None,
        )


class _Plan:
    """What a network takes over from another one.

    Args:
        network, other: Keras models, built.
    """

    def __init__(self, network, other):
        self.blocks, self._others = _blocks(network), _blocks(other)
        self._fits = [
            [_fitting(one, two) for two in self._others] for one in self.blocks
        ]
        self.pairs = self._paired()  # places of blocks, here -> there
        self._copies: dict[int, _Copy] = {}
        for here, there in self.pairs.items():
            self._copies |= self._fits[here][there]

    def carry_out(self, network, other):
        """Gives a network, or its average, the weights of another one."""
        weights, others = network.weights, other.weights
        for place, copy in self._copies.items():
            pair = others[copy.place], weights[place]
            weights[place].assign(copy.value(*map(keras.ops.convert_to_numpy, pair)))

    def counts(self):
        """Returns weights taken over, weights, layers taken over and layers."""
        taken = of = 0
        for block in self.blocks:
            for weight in block.weights.values():
                size = int(np.prod(weight.shape))
                copy = self._copies.get(weight.place)
                of += size
                taken += 0 if copy is None else round(size * copy.share)
        return taken, of, len(self.pairs), len(self.blocks)

    def lacks(self, block):
        """Yields what of a block is new."""
        for what, weight in block.weights.items():
            copy = self._copies.get(weight.place)
            if copy is None:
                yield what
            elif copy.share < 1:
                kinds = [kind for parts in weight.axes for kind, _ in parts]
                yield "label inputs" if "label" in kinds else "alpha channel"

    def differing(self):
        """Yields the number of each block without a partner, and why it has none."""
        for here, block in enumerate(self.blocks):
            if here in self.pairs:
                continue
            before = [place for place in self.pairs if place < here]
            after = [place for place in self.pairs if place > here]
            # What the other network has between the same neighbours, as far from them.
            begin = self.pairs[before[-1]] + here - before[-1] if before else here
            end = self.pairs[after[0]] if after else len(self._others)
            there = self._others[begin].words if begin < end else "none"
            yield here + 1, f"{block.words}, there {there}"

    def _paired(self):
        """Returns the pairs of most blocks that fit, in order: here -> there."""
        rows, columns = range(len(self.blocks)), range(len(self._others))
        if not self.blocks or not isinstance(
            inner(self.blocks[0].layers[0]), keras.layers.Dense
        ):
            rows, columns = rows[::-1], columns[::-1]
        # Of all blocks from each two on: how many pairs, and how many of equal names.
        best = np.zeros([len(rows) + 1, len(columns) + 1], int)
        scores = np.zeros_like(best)
        for i, here in enumerate(rows):
            for j, there in enumerate(columns):
                if self._fits[here][there] is not None:
                    names = self.blocks[here].name, self._others[there].name
                    same = names[0] is not None and names[0] == names[1]
                    scores[i, j] = 1000 + same
        for i in reversed(range(len(rows))):
            for j in reversed(range(len(columns))):
                best[i, j] = max(best[i + 1, j], best[i, j + 1])
                if scores[i, j]:
                    best[i, j] = max(best[i, j], scores[i, j] + best[i + 1, j + 1])
        pairs, i, j = {}, 0, 0
        while i < len(rows) and j < len(columns):
            if scores[i, j] and best[i, j] == scores[i, j] + best[i + 1, j + 1]:
                pairs[rows[i]] = columns[j]
                i, j = i + 1, j + 1
            elif best[i, j] == best[i + 1, j]:
                i += 1
            else:
                j += 1
        return dict(sorted(pairs.items()))


def _new(plans: Mapping[str, _Plan]) -> Iterator[str]:
    """Yields what starts with new weights, and why."""
    for name, plan in plans.items():
        for number, why in plan.differing():
            yield f"{name} layer {number} ({why})"
    parts = collections.Counter(
        part
        for plan in plans.values()
        for here in plan.pairs
        for part in {*plan.lacks(plan.blocks[here])}
    )
    for part, count in parts.items():
        yield f"{part} of {count} layer{'s' if count > 1 else ''}"
