"""CW001 model-fails."""

from constrainit.doctor.rules._rule import Rule, last_source
from constrainit.doctor.rules.cw306_computed_once import is_freed, is_moved
from constrainit.doctor.rules.cw401_nonfinite_forward import NOT_DEFINITE

_INSTEAD = {
    "build": "a layer could not make its weights: compare its arguments with its input",
    "forward": "pass a batch of the shape and dtype that the model takes",
    "gradients": "compare the shape of the targets with what the model gives and the loss takes",
    "train_step": (
        "train_step was given what fit gives it for this batch: (x, y), or x alone where no "
        "targets were given"
    ),
}

_WHERE = {"train_step": "its own train_step"}

_BEYOND = (
    "an index is beyond what it is looked up in, which counts from 0: compare the largest label or "
    "index of the batch with the size of the table, of one_hot, or of the last layer"
)

_COMPILED = (
    "mend the line above: use keras.ops, such as keras.ops.where, in place of Python's `if` and of "
    "NumPy, as the model is compiled"
)

_NO_CALL = "does not have a `call()` method"
"""How Keras says that a model is only made of its parts."""

_WITHOUT_CALL = (
    "give it a call(self, x), such as one that calls one of its parts; or, if train_step uses "
    "nothing but parts that are built, write self.built = True at the end of __init__"
)


_ONCE = (
    "something that the loss is computed from was computed once, from a weight, and kept: in "
    "__init__, in build, or at an earlier step; compute it in call, at each step"
)


_ASSIGNED = (
    "something is assigned to after the loss has been computed with it, such as a weight of a layer"
    " in its call: compute with a copy of it, ops.stop_gradient(w + 0.0)"
)

_NUMPY = (
    "an array of NumPy meets a tensor with a gradient: make the array a tensor first, by "
    "keras.ops.convert_to_tensor, and call keras.ops in place of NumPy"
)

_LAYOUT = (
    "PyTorch has no gradient of sparse_categorical_crossentropy for the probabilities of images: "
    "leave the softmax out and give the loss from_logits=True, or give categorical_crossentropy "
    "the labels as ops.one_hot"
)

_UNSEEDED = (
    "mend the line above: write self.seed = keras.random.SeedGenerator(0) in __init__, and give "
    "keras.random seed=self.seed"
)

_WIDTH = (
    "pass a batch of the shape that the model takes, of width {1}, or make the model for inputs of "
    "width {0}"
)

_LAST = (
    "make the weight in build for the last axis of the shape that it is given, input_shape[-1] in "
    "place of input_shape[{0}]; or transpose what it is multiplied with"
)

_LATER = (
    "the start is defined, and what the steps make of the weights is not: keep them, by a "
    "constraint, where {what} is defined"
)


def _fix(stage, fault, later):
    if is_freed(fault):
        return _ONCE
    if is_moved(fault):
        return _ASSIGNED
    if _NO_CALL in fault.message:
        return _WITHOUT_CALL
    if fault.widths:
        return _WIDTH.format(*fault.widths)
    if "[JAX RNG]" in fault.message and fault.sources:
        return _UNSEEDED
    if "grad_input must be contiguous" in fault.message:
        return _LAYOUT
    if "Can't call numpy() on Tensor" in fault.message:
        return f"mend the line above: {_NUMPY}" if fault.sources else _NUMPY
    if fault.kind.startswith("Tracer") and fault.sources:
        return _COMPILED
    if "cholesky" in fault.message.lower() and fault.sources and not later:
        return f"of the matrix in the line above: {NOT_DEFINITE}"
    if later:
        return _LATER.format(what="the line above" if fault.sources else "what raises")
    fix = _BEYOND if fault.kind == "IndexError" else _INSTEAD[stage]
    if not fault.sources:
        return fix
    return f"mend the line above{', or ' if stage == 'forward' else '; '}{fix}"


class ModelFails(Rule):
    """The model raises while it is built, called, or differentiated.

    Nothing after the stage that raises can be looked at. This is no fault of a constraint: those
    are run by themselves, on copies.

    Example:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
        model.compile("sgd", "mse")
        ci.diagnose(model, np.ones((8, 4)), np.ones((8, 2)))

    Use instead:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
        model.compile("sgd", "mse")
        ci.diagnose(model, np.ones((8, 4)), np.ones((8, 2)))

    Known limits:
        Only the first error is seen. A training step of the model's own (`train_step`) is run as
        `fit` runs it, first as it is, then traced as it would be compiled. A weight that `build`
        makes for another axis of the input than the last is told where that axis has its size, and
        the edit is tried of models that can be made once more.

    Source:
        What Keras raises is shown as it is, with the user's own lines.
    """

    code, name, level = "CW001", "model-fails", "error"
    numbers = ()

    def find(self, evidence):
        for stage, fault in evidence.faults.items():
            where = _WHERE.get(stage, f"the {stage} stage")
            later = stage == "gradients" and len(evidence.losses) > 1
            if later:
                steps = len(evidence.losses) - 1
                where = f"training, after {steps} step{'s' * (steps > 1)} or more,"
            if _NO_CALL in fault.message:
                where = "fit, which calls the model before the first step to build it,"
            first = ""
            if fault.widths:
                given, taken = fault.widths
                first = f"the batch has inputs of width {given}, and the model takes {taken}: "
            ill = evidence.misbuilt if stage == "build" else None
            at = {"layer": ill.layer.name, "weight": ill.path} if ill else {"layer": fault.layer}
            yield self.made(
                f"{first}{where} raises {fault}{f'. {ill}' if ill else ''}",
                _LAST.format(ill.axis) if ill else _fix(stage, fault, later),
                {"exception": fault.kind}, stage=stage, source=last_source(fault.sources), **at,
            )  # fmt: skip
