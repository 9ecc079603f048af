"""CW201 constraint-raises."""

import re

from constrainit._words import ended
from constrainit.doctor._layouts import layout
from constrainit.doctor._misfits import fitted
from constrainit.doctor._own_copies import argument_of, as_made
from constrainit.doctor._slips import slip
from constrainit.doctor.rules._rule import Rule, last_source

_OF_SHAPES = re.compile(r"shape|size|dimension|broadcast", re.IGNORECASE)
"""What backends speak of where two tensors do not fit."""

_KINDS = ("RuntimeError", "ValueError", "TypeError", "InvalidArgumentError")


_ENTRIES = re.compile(r"\w+\[.*\]\s*[-+*/]?=(?!=)")
"""A statement such as `w[w < 0] = 0.0`, of which each backend says something else."""

_OF_VARIABLE = "__jax_array__"
_OF_SEED = "SeedGenerator"
_LEAK = "UnexpectedTracerError"
"""What messages of JAX and Keras speak of where it gets a Variable, where a seed is missing, and
how JAX names a tensor that has outlived its trace."""


class ConstraintRaises(Rule):
    """A constraint raises when it is called.

    Building, calling, compiling and predicting never run a constraint, so the error waits for the
    first optimizer step, where it looks like a fault of training. Frequent causes: `keras.backend`
    functions of Keras 2, assignment to entries of a tensor, NumPy code in a compiled step,
    `keras.ops` that reject a Variable on JAX (begin with `w = keras.ops.convert_to_tensor(w)`), and
    a mask of another shape than the weight, whose layout differs from layer to layer: an LSTM keeps
    the kernels of its four gates side by side. An object that makes its mask at the first call and
    is the constraint of several layers has the mask of the first of them for all.

    Example:
        def positive(w):
            return keras.backend.abs(w)

        layers.Dense(8, kernel_constraint=positive)

    Use instead:
        def positive(w):
            return ops.abs(w)

        layers.Dense(8, kernel_constraint=positive)

    Known limits:
        The constraint is run on its initial weight and on that of the first step, on the backend at
        hand. What it raises for other weights, or on another backend, is not seen.

    Source:
        Measured on Keras 3.15.1; `keras.backend.abs` does not exist there
        (uhlmanngroup/splinedist#16), assignment to entries fails (tensorflow/tensorflow#39009).
    """

    code, name, level = "CW201", "constraint-raises", "error"
    numbers = ()

    def find(self, evidence):
        for made in evidence.constraints:
            if made.fault is not None:
                yield self.at_weight(
                    made,
                    ended(f"its constraint {made.text} raises {made.fault}{shapes(made)}")
                    + " You would meet this at the first optimizer step: build, the first forward "
                    "pass, compile and predict do not run a constraint",
                    fix_of_shapes(made) or fix_for(made.fault),
                    {"exception": made.fault.kind},
                    source=last_source(made.fault.sources),
                )


def misfit(made):
    """The constant that a constraint failed with, or gave another shape; None if it is another."""
    if made.fault is not None and not _is_of_shapes(made.fault):
        return None
    source = None if made.fault is None else last_source(made.fault.sources)
    line = "" if source is None else source.text
    # A short list, such as one of axes, says nothing.
    told = [
        one
        for one in made.misfits
        if not one.listed or len(one.shape) > 1 or fitted(made.record, one)
    ]
    named = [one for one in told if re.search(rf"(?<!\w){re.escape(one.name)}(?!\w)", line)]
    return next(iter(named or told), None)


def _is_of_shapes(fault):
    return fault is not None and fault.kind in _KINDS and bool(_OF_SHAPES.search(fault.message))


def shapes(made):
    """The shapes that do not fit, whose they are, and how the weight is laid out."""
    found, meant = misfit(made), layout(made.record)
    if made.shared is not None:
        return _of_another(made, found)
    if is_by_gate(made):
        block = (*made.record.shape[:-1], made.record.shape[-1] // made.gates)
        return f". It works for a single gate, of shape {block}, and {meant}"
    if found is not None:
        why = f": {meant}" if meant else ""
        made_at = f" (made at {found.place})" if found.place else ""
        both = f"the shape {found.shape}, the weight {made.record.shape}"
        return f". {found.name}{made_at} has {both}{why}"
    if meant and made.custom and _is_of_shapes(made.fault):
        return f". The weight has the shape {made.record.shape}: {meant}"
    return ""


def _of_another(made, found):
    """What the object keeps of another weight."""
    one, shape = made.shared, made.record.shape
    has = "" if found is None or found.name != one.name else f", of shape {found.shape}"
    others = [path for path in one.paths if path not in (one.first, made.record.path)]
    also = f", and of {', '.join(others)}" if others else ""
    return (
        f". The same object is the constraint of {one.first}, too{also}, and keeps "
        f"{one.name}{has}, from its call there; this weight has the shape {shape}"
    )


def fix_of_sharing(made):
    """How each weight gets an object of its own."""
    return (
        f"give each layer one of its own, {argument_of(made.record)}="
        f"{as_made(made.record.constraint, made.shared.arguments)}, and not the same object"
    )


def is_by_gate(made):
    """Whether a constraint is to be applied gate by gate: no constant tells another way."""
    found = misfit(made)
    return made.gates > 1 and (found is None or fitted(made.record, found) is None)


def blocks_of(made):
    """A constraint of the user's own for each gate, as it is written."""
    return f"ci.Blocks({as_made(made.record.constraint)}, {made.gates})"


def fix_of_shapes(made):
    """What to do with the constant that does not fit, or with the line; else empty."""
    found, shape = misfit(made), made.record.shape
    if made.shared is not None:
        return fix_of_sharing(made)
    if is_by_gate(made):
        return f"apply it to each gate by itself: {argument_of(made.record)}={blocks_of(made)}"
    if found is None:
        at = last_source(made.fault.sources) if made.custom and _is_of_shapes(made.fault) else None
        return at and f"make all that {at.place} computes with fit the shape {shape} of the weight"
    laid_out = fitted(made.record, found)
    if laid_out is None:
        if found.place:
            return f"make {found.name}, at {found.place}, fit the shape {shape}"
        return f"give the constraint a {found.name} that fits the shape {shape}"
    how, expression = laid_out
    return f"lay {found.name} out as the weight is, {how}: {expression}"


def fix_for(fault):
    """The way out, for the causes that can be told from the message."""
    missing = missing_backend_name(fault)
    if missing:
        return f"write keras.ops.{missing}: keras.backend.{missing} does not exist in Keras 3"
    if slip(fault.message):
        return slip(fault.message)
    if "returns None" in fault.message or "lack a `return`" in fault.message:
        return "return the weight at the end of the constraint"
    if "must keep the shape" in fault.message:
        return "return a tensor of the shape that came in; check keepdims=True and the axis"
    if "which the set does not have" in fault.message:
        return "give the set what it reads, as the error says"
    if assigns_entries(fault.message, last_source(fault.sources)):
        return "compute the whole tensor at once: tensors can not be assigned to entry by entry"
    if _OF_VARIABLE in fault.message:
        return (
            "begin the constraint with w = keras.ops.convert_to_tensor(w): some functions take no "
            "Variable on JAX"
        )
    if _OF_SEED in fault.message:
        return (
            "take the random numbers out: a constraint must make the same of a weight at each call "
            "(CW207); where they are meant, pass seed=self.seed, a keras.random.SeedGenerator that "
            "its constructor makes"
        )
    if fault.kind == _LEAK:
        return (
            "it keeps a tensor of one call for the next, and on JAX that belongs to one compiled "
            "step: keep plain numbers, such as by keras.ops.convert_to_numpy of the built weight"
        )
    if fault.kind == "TracerBoolConversionError" or "Python `bool`" in fault.message:
        line = last_source(fault.sources)
        if line is not None and (found := re.search(r"(?<![\w.])(min|max)\(", line.text)):
            return (
                f"write keras.ops.{found[1]}imum(this, that) of two tensors, and "
                f"keras.ops.{found[1]}(w) of one, in place of Python's {found[1]}, which asks "
                "for numbers: a step is compiled before there are any"
            )
        return (
            "choose between tensors, keras.ops.where(condition, this, that), and not by Python's "
            "`if`: a step is compiled before there are numbers to ask"
        )
    if "numpy" in (fault.kind + fault.message).lower() or fault.kind.startswith("Tracer"):
        return "use keras.ops in place of NumPy and of Python's `if`: a step is compiled"
    if fault.kind == "AttributeError" and "has no attribute" in fault.message:
        return "use keras.ops in place of methods of tensors, which differ between backends"
    line = "mend the line above; " if fault.sources else ""
    return f"{line}begin the constraint with w = keras.ops.convert_to_tensor(w)"


def assigns_entries(message, source):
    """Whether an error is that of an assignment to entries of a tensor, by its words or line."""
    return "item assignment" in message or bool(source and _ENTRIES.match(source.text))


def missing_backend_name(fault):
    """`abs` for "module 'keras.backend' has no attribute 'abs'", else an empty string."""
    import keras

    words = fault.message.split("'")
    if fault.kind != "AttributeError" or len(words) < 4 or "keras" not in words[1]:
        return ""
    return words[3] if "backend" in words[1] and hasattr(keras.ops, words[3]) else ""
