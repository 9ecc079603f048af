"""Which weights of a model can take the `OutputScale` of their layer's activation."""

from collections.abc import Iterable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from constrainit.initializers import Feasible, MatchingBias
from constrainit.layers import OutputScale

_KERNEL = {"kernel": "kernel", "bias": "bias", "lora_kernel_b": "kernel"}
_DEPTHWISE = {"kernel": "depthwise", "bias": "bias"}
_POINTWISE = {"pointwise_kernel": "pointwise", "bias": "bias"}
_LINEAR = {
    layers.Dense: _KERNEL,
    layers.EinsumDense: _KERNEL,
    layers.Conv1D: _KERNEL,
    layers.Conv2D: _KERNEL,
    layers.Conv3D: _KERNEL,
    layers.Conv1DTranspose: _KERNEL,
    layers.Conv2DTranspose: _KERNEL,
    layers.Conv3DTranspose: _KERNEL,
    layers.DepthwiseConv1D: _DEPTHWISE,
    layers.DepthwiseConv2D: _DEPTHWISE,
    layers.SeparableConv1D: _POINTWISE,
    layers.SeparableConv2D: _POINTWISE,
    layers.SimpleRNNCell: {"kernel": "kernel", "recurrent_kernel": "recurrent", "bias": "bias"},
}
"""Of layers that apply their activation once, to a linear function of these weights, all of them.

By the names of the weights, with the layer's argument for each. The activation of a gate is not of
that kind: an LSTM applies it to its cell, too."""

_STARTS = {"bias": "zeros", "recurrent": "orthogonal"}
"""Keras' own starts, where they are not `glorot_uniform`."""


@dataclass(frozen=True)
class Absorbed:
    """The scales that go into weights.

    Attributes:
        factors: From the identity of a weight to its scale.
        arguments: From the identity of a scale to the arguments of the weights that take it.
        scales: The layers of the scales.
    """

    factors: dict[int, Any]
    arguments: dict[int, tuple[str, ...]]
    scales: list[OutputScale]


def absorbed(weights: Iterable[tuple[Any, list[Any]]]) -> Absorbed:
    """Which scales of a model go into which of its weights.

    One scale that several layers share stays, unless each of them can take it.

    Args:
        weights: Each layer with its weights, those that are computed too.
    """
    users: dict[int, list[tuple[Any, dict[int, str]]]] = {}
    scales: dict[int, OutputScale] = {}
    for layer, variables in weights:
        scale = getattr(layer, "activation", None)
        # A layer around a cell shows the cell's activation as its own.
        if isinstance(scale, OutputScale) and any(one is scale for one in layer._layers):
            scales[id(scale)] = scale
            users.setdefault(id(scale), []).append((scale, _takers(layer, variables)))
    factors: dict[int, Any] = {}
    arguments: dict[int, tuple[str, ...]] = {}
    for scale, takers in users.items():
        if all(one for _, one in takers):
            arguments[scale] = tuple({name for _, one in takers for name in one.values()})
            factors.update((taker, own.scale) for own, one in takers for taker in one)
    return Absorbed(factors, arguments, [scales[one] for one in arguments])


def _takers(layer, variables):
    """From the weights that take the scale of a layer to their arguments; none if it stays."""
    known = next((one for one in type(layer).__mro__ if one in _LINEAR), None)
    if known is None or getattr(layer, "quantization_mode", None) is not None:
        return {}
    written_over = (vars(one) for one in type(layer).__mro__[: type(layer).__mro__.index(known)])
    if any("call" in own or "kernel" in own for own in written_over):
        return {}
    names = _LINEAR[known]
    return {id(one): names[one.name] for one in variables if one.name in names}


@contextmanager
def told(found: Absorbed):
    """Configs of the scales that are absorbed say so, while the context lasts."""
    with ExitStack() as undo:
        for scale in found.scales:
            config = {**scale.get_config(), "absorbed": found.arguments[id(scale)]}
            scale.__dict__["get_config"] = lambda config=config: config
            undo.callback(scale.__dict__.pop, "get_config")
        yield


def without_scale(config: dict[str, Any]) -> dict[str, Any]:
    """The config of a layer whose weights have taken the scale of its activation.

    The weights leave their set: it has neither their constraints nor their initializers.
    """
    scale: Any = config.get("activation")
    if not isinstance(scale, dict) or not isinstance(scale.get("config"), dict):
        return config
    names = scale["config"].get("absorbed")
    if names is None or scale.get("registered_name") != keras.saving.get_registered_name(
        OutputScale
    ):
        return config
    plain = {f"{name}_constraint": None for name in names}
    plain |= {f"{name}_initializer": _STARTS.get(name, "glorot_uniform") for name in names}
    # A layer of the user's own may not have all arguments of the one that it inherits from.
    known = {key: value for key, value in plain.items() if key in config}
    return {**config, **known, "activation": scale["config"]["activation"]}


def without_starts(config: dict[str, Any]) -> dict[str, Any]:
    """The config of a layer with Keras' own initializers in the place of this library's.

    The weights are kept, and what made them is not needed to load them.
    """
    names = {keras.saving.get_registered_name(one) for one in (Feasible, MatchingBias)}
    plain = {}
    for key, value in config.items():
        if isinstance(value, dict) and value.get("registered_name") in names:
            default = _STARTS.get(key.removesuffix("_initializer"), "glorot_uniform")
            plain[key] = value["config"].get("base") or default
    return {**config, **plain}
