"""The arguments that give a layer a constraint and a start inside it."""

import difflib
from typing import Any, Never

import keras

from constrainit import _checks
from constrainit._came import came
from constrainit._joint import Joint
from constrainit.initializers import Feasible, MatchingBias
from constrainit.initializers._names import check_activation, check_inputs
from constrainit.layers import OutputScale
from constrainit.model import STARTS, argument_of
from constrainit.sets.keras_builtin import set_of

_NAMES = (
    "kernel", "bias", "recurrent", "depthwise", "pointwise", "embeddings", "gamma", "beta", "alpha",
)  # fmt: skip


def constrained(
    *unnamed: Never, activation: Any = None, depth: int = 1, inputs: Any = None, **sets: Any
) -> dict[str, Any]:
    """The keyword arguments that give a layer a constraint and a start inside it, together.

    `Dense(64, **constrained(kernel=NonNegative(), bias=Box(-1, 1)))` is `Dense` with
    `kernel_constraint`, `kernel_initializer`, `bias_constraint` and `bias_initializer`. Kernels
    start from the set's own law; a bias, `beta` or `alpha` as near to zero, a `gamma` as near to
    one as its set allows, as in Keras.

    With an `activation` the start is that of `plan`: the kernel's law, the bias and, where the set
    fixes the size of a weight, an `OutputScale` around the activation keep the signal's scale
    through `depth` such layers. They are settled when the layer is built and its inputs are known:
    `Dense(64, **constrained(kernel=UnitNorm(), activation="relu", depth=20))`.

    Args:
        activation: The layer's activation, a name or a callable (`"linear"` for none), for a layer
            that has the argument `activation` and a kernel whose start it decides.
        depth: How many such layers the signal passes, one after the other.
        inputs: What feeds the layer: `"data"` of about mean 0 and variance 1, or the activation of
            the layer before. None: data if `depth` is 1, else the layer's own activation. Write
            `inputs="data"` for the first layer of a stack.
        **sets: Sets, or anything that `as_set` takes, under the names of the layer's arguments
            without the suffix: `kernel`, `bias`, `recurrent`, `depthwise`, `pointwise`,
            `embeddings`, `gamma`, `beta`, `alpha`. The name of the weight, `recurrent_kernel`,
            is the same.

    Returns:
        A dictionary for `**`. Use one dictionary for one layer: layers that share an initializer
        of the same shape start with the same weights. Leave out of the call what the dictionary
        holds (`kernel_constraint`, `kernel_initializer`, with a plan `activation` and
        `bias_initializer`): of an argument that is given twice Python says "got multiple values".
        A start of your own goes without it: `kernel_constraint=a_set, kernel_initializer=...`.
        Two rules for one weight are one set, `kernel=NonNegative() & MaxNorm(2)`.

    Raises:
        ValueError: A set, or a layer, comes without a name, a name carries its suffix or is
            misspelt, a value is no constraint, the activation is unknown, there is an activation
            or a depth but no kernel, or nothing at all.
    """
    for first in unnamed[:1]:
        kind = first if isinstance(first, type) else type(first)
        if issubclass(kind, keras.Layer):
            named = f"class {kind.__name__}" if first is kind else f"layer {first.name!r}"
            raise ValueError(
                "`constrained` gives the arguments that a layer is made with. Received: the "
                f"{named}. Write {kind.__name__}(..., **constrained(kernel=...)), or "
                'constrain(model, {"*/kernel": ...}) for a model that is built.'
            )
    _checks.named("constrained", unnamed, "**constrained(kernel={!r})")
    if not sets and activation is None:
        raise ValueError(
            "`constrained` must be given a set. Received: none. Write "
            "**constrained(kernel=NonNegative()) for example."
        )
    sets = _by_argument(sets)
    arguments = _Arguments()
    kernel = _planned_kernel(sets, activation, depth, inputs)
    for name, value in sets.items():
        _check_name(name, value)
        if isinstance(value, Joint):
            if activation is not None:
                raise ValueError(
                    "`activation` of `constrained` plans the start of weights with a set of their "
                    f"own. Received: {name}={came(value)}. Give the activation to the layer itself."
                )
            arguments[f"{name}_constraint"] = value
            arguments[f"{name}_initializer"] = STARTS.get(name) or Feasible(value.set)
            continue
        a_set = set_of("constrained", name, value)
        arguments[f"{name}_constraint"] = a_set
        if name == kernel:
            start = Feasible(a_set, activation=activation, depth=depth, inputs=inputs)
            fixed = a_set.scale_free is False
            arguments["activation"] = OutputScale(activation) if fixed else activation
        elif name == "bias" and kernel:
            start = MatchingBias(a_set)
        else:
            start = Feasible(a_set, base=STARTS.get(name))
        arguments[f"{name}_initializer"] = start
    if kernel:
        arguments.setdefault("bias_initializer", MatchingBias())
    return arguments


class _Arguments(dict[str, Any]):
    """Arguments that say so where the stars are forgotten.

    Keras would take them for the config of an activation, which it asks for a class.
    """

    def __contains__(self, name: object) -> bool:
        if name == "class_name":
            raise TypeError(
                "What `constrained` gives is for a layer's arguments, with two stars: "
                "Dense(64, **constrained(...)). Received: it is given as one argument."
            )
        return super().__contains__(name)


def _by_argument(sets):
    """The sets by the layer's arguments, whichever way the weights were named."""
    found = {}
    for name, value in sets.items():
        argument = argument_of(name)
        if argument in found:
            raise ValueError(
                f"`constrained` takes one set for a weight. Received: {argument}="
                f"{found[argument]!r} and {name}={value!r}. Leave one out, or write one & other."
            )
        found[argument] = value
    return found


def _check_name(name, value):
    """Raises ValueError for a name with a suffix, or nearly that of an argument of Keras' layers.

    A layer of the user's own may have any other.
    """
    if name == "base":
        raise ValueError(
            "`base` belongs to an initializer, not to `constrained`. Received: "
            f"base={came(value)}. Write Dense(..., kernel_constraint=a_set, "
            "kernel_initializer=a_set.initializer(base=...))."
        )
    plain = name.removesuffix("_constraint").removesuffix("_initializer")
    if name.endswith("_initializer"):
        raise ValueError(
            f"`constrained` gives a weight its start. Received: {name}={came(value)}. For one of "
            f"your own write Dense(..., {plain}_constraint=a_set, {name}=...), and, to have it "
            f"taken into the set, {name}=a_set.initializer(base=...)."
        )
    if name != plain:
        raise ValueError(
            f"`constrained` takes the layer's argument without its suffix. Received: "
            f"{name}={value!r}. Write {plain}=... instead."
        )
    near = difflib.get_close_matches(name, _NAMES, n=1, cutoff=0.8)
    if near and not name.startswith(near[0]):
        raise ValueError(
            f"`constrained` takes sets under the names of the layer's arguments "
            f"({', '.join(_NAMES)}, or those of a layer of your own). Received: "
            f"{name}={value!r}. Write {near[0]}=... instead."
        )


def _planned_kernel(sets, activation, depth, inputs):
    """The name of the kernel whose start is planned, or an empty string."""
    check_inputs("constrained", inputs)
    _checks.count("constrained", "depth", depth)
    if activation is None:
        if depth != 1 or inputs is not None:
            raise ValueError(
                "`activation` of `constrained` must be given with `depth` or `inputs`. Received: "
                f'depth={depth!r}, inputs={inputs!r}. Write activation="linear" for none.'
            )
        return ""
    check_activation("constrained", activation)
    for name in ("kernel", "pointwise", "depthwise"):
        if name in sets:
            return name
    raise ValueError(
        "`activation` of `constrained` decides the start of a kernel. Received: "
        f"activation={activation!r} with sets for {', '.join(sets) or 'nothing'}. Write "
        "kernel=..., or give the activation to the layer itself."
    )
