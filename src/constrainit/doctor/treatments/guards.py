"""Remedies in the user's own Python: bounds on the operand of the operation that failed."""

from typing import Any

import keras

from constrainit.doctor._code import as_kind, is_of_library, kind_of_layer
from constrainit.doctor._products import LOGS
from constrainit.doctor._recording import is_custom
from constrainit.doctor._state import operations_of
from constrainit.doctor.treatments import _in_logarithms, _log_sums
from constrainit.doctor.treatments._bounds import (
    BETWEEN,
    MARGINS,
    bounded,
    can_be_bounded,
    floored_factor,
    with_jitter,
)
from constrainit.doctor.treatments._differences import exact_differences
from constrainit.doctor.treatments._inner_operands import inner_operand
from constrainit.doctor.treatments._losses import code_of_loss, with_losses
from constrainit.doctor.treatments._own_sums import on_logarithms
from constrainit.doctor.treatments._remedy import Changed, with_other
from constrainit.doctor.treatments._rewriting import (
    become,
    kind_of,
    rewritten,
    source_of,
)
from constrainit.doctor.treatments._safe_divisors import without_zeros


def guarded(problem, evidence, found):
    """The operand of the operation that failed, kept away from where it has no result."""
    operation = evidence.operation
    if operation is None or operation.source is None or not can_be_bounded(operation):
        return None
    layer = _layer_of(problem, operation)
    if layer is None and _penalty_at(problem, operation.source) is not None:
        return _guarded_penalty(problem, operation)
    dtype = keras.config.floatx() if layer is None else layer.compute_dtype
    return _with_edit(problem, operation, bounded(operation, dtype))


def clipped_in_graph(problem, evidence, found):
    """The operand of a function on [-1, 1] that a graph calls between its layers, kept inside."""
    operation = evidence.operation
    if operation is None or operation.source is not None or operation.name not in BETWEEN:
        return None
    if not can_be_bounded(operation):
        return None
    margin = MARGINS.get(operation.dtype, "1e-6")
    low, high = -1 + float(margin), 1 - float(margin)
    nodes = [
        one for one in operations_of(problem.model)
        if type(one).__name__.lower() == operation.name
    ]  # fmt: skip
    for node in nodes:
        vars(node)["call"] = _clipping(type(node).call, node, low, high)
    if not nodes:
        return None
    written = f"ops.clip(x, -1 + {margin}, 1 - {margin})"
    return Changed(
        f"the operand of {operation.name} stays {margin} inside of -1 and 1",
        with_other(problem),
        f"keras.ops.{operation.name}(keras.{written})",
    )


def _clipping(call, node, low, high):
    return lambda x: call(node, keras.ops.clip(x, low, high))


def exact_near_zero(problem, evidence, found):
    """`expm1(x)` and `log1p(x)` where the code of the operation rounds such differences away."""
    operation = evidence.operation
    if operation is None or operation.source is None:
        return None
    return _with_edit(problem, operation, exact_differences)


def safe_divisors(problem, evidence, found):
    """The divisor replaced where it is zero, for a quotient whose value there is hidden behind."""
    operation = evidence.operation
    if operation is None or operation.source is None or operation.stage != "gradients":
        return None
    if operation.name != "divide" or not operation.limit.endswith("divisor of 0"):
        return None
    return _with_edit(problem, operation, without_zeros(operation.source.text))


def inner_operands(problem, evidence, found):
    """The operand of the operation that failed, made harmless where a `where` does not take it."""
    operation = evidence.operation
    if operation is None or operation.source is None:
        return None
    return _with_edit(problem, operation, inner_operand(operation.name, operation.source.text))


def normalized_logarithms(problem, evidence, found):
    """Exponentials that over- or underflow before they are divided by their sums, as logarithms."""
    operation = evidence.operation
    if operation is None or operation.source is None or operation.name not in ("divide", "exp"):
        return None
    return _with_edit(problem, operation, on_logarithms)


def normalized_in_each_step(problem, evidence, found):
    """A product of many steps that underflows, normalized in each of them."""
    operation = evidence.operation
    if operation is None or operation.source is None or operation.name not in LOGS:
        return None
    edit = _in_logarithms.normalized_in_each_step(operation.source.text)
    return _with_edit(problem, operation, edit)


def log_of_sums(problem, evidence, found):
    """A logarithm of exponentials that overflow, written without them."""
    operation = evidence.operation
    if operation is None or operation.source is None or operation.name != "exp":
        return None
    return _with_edit(problem, operation, _log_sums.log_of_sums)


def _layer_of(problem, operation):
    layers = problem.model._flatten_layers()
    return next((one for one in layers if one.name == operation.layer), None)


def _with_edit(problem, operation, edit):
    """The class of the layer, or the loss, in which an operation failed, with its source edited."""
    layer = _layer_of(problem, operation)
    if layer is None:
        of_loss = operation.stage in ("loss", "gradients")
        return _edited_loss(problem, operation.source, edit) if of_loss else None
    function = getattr(layer, "function", None) if _is_lambda(layer) else None
    owner: Any = kind_of_layer(layer) if function is None else function
    made = None if is_of_library(owner.__module__) else rewritten(owner, edit)
    if made is None:
        return None
    new, sentence, diff = made
    for other in problem.model._flatten_layers():
        if function is not None and _is_lambda(other) and other.function is owner:
            vars(other)["function"] = new
        elif kind_of_layer(other) is owner:
            become(other, new)
    return Changed(sentence, with_other(problem), diff=diff)


def _edited_loss(problem, source, edit):
    """The loss whose code holds a line, with its source edited."""
    losses = problem.losses()
    places = _losses_at(losses, source)
    owner: Any = code_of_loss(losses[places[0]]) if places else None
    made = (
        None
        if owner is None or is_of_library(owner.__module__)
        else rewritten(kind_of(owner), edit)
    )
    if made is None:
        return None
    new, sentence, diff = made
    other = new if kind_of(owner) is owner else as_kind(owner, new)
    others = [other if code_of_loss(one) is owner else one for one in losses]
    return Changed(sentence, with_losses(problem, others), diff=diff)


def _losses_at(losses, source):
    """The places of the losses whose code holds a line; of a single one it need not be seen."""
    if len(losses) == 1:
        return [0]
    return [at for at, loss in enumerate(losses) if _holds(code_of_loss(loss), source)]


def _holds(owner, source):
    """Whether the code of a function or object is of the user's own and holds a line."""
    found = None if owner.__module__.split(".")[0] == "keras" else source_of(kind_of(owner))
    return found is not None and any(line.strip() == source.text for line in found[0])


def _is_lambda(layer):
    """Whether a layer calls a function of the user's own that has a name."""
    return isinstance(layer, keras.layers.Lambda) and kind_of(layer.function) is layer.function


def jittered(problem, evidence, found):
    """A little on the diagonal of the matrix whose Cholesky factor does not exist."""
    operation, faults = evidence.operation, evidence.faults.values()
    if operation is not None and operation.source is not None and "cholesky" in operation.name:
        places = [(operation.layer, operation.source)]
    else:
        places = [(fault.layer, source) for fault in faults for source in fault.sources]
    for name, source in places:
        layer = next((o for o in problem.model._flatten_layers() if o.name == name), None)
        changed = None if name else _edited_loss(problem, source, with_jitter(source.text))
        if changed is not None:
            return changed
        if layer is None or not is_custom(layer):
            continue
        owner = kind_of_layer(layer)
        made = rewritten(owner, with_jitter(source.text))
        if made is not None:
            new, sentence, diff = made
            for other in problem.model._flatten_layers():
                if kind_of_layer(other) is owner:
                    become(other, new)
            return Changed(sentence, with_other(problem), diff=diff)
    return None


def without_negative_weights(problem, evidence, found):
    """What errors are multiplied by in the loss, where it is below zero, as zero."""
    made = evidence.negated
    if made is None or made.operation.source is None:
        return None
    edit = floored_factor(made.operation.source.text, made.index)
    return _with_edit(problem, made.operation, edit)


def _guarded_penalty(problem, operation):
    """The penalty on weights in which an operation failed, with its operand guarded."""
    owner = _penalty_at(problem, operation.source)
    made = rewritten(owner, bounded(operation, keras.config.floatx()))
    if made is None:
        return None
    new, sentence, diff = made
    for variable in problem.model.variables:
        penalty = getattr(variable, "regularizer", None)
        if penalty is not None and kind_of(penalty) is owner:
            variable.regularizer = new if penalty is owner else as_kind(penalty, new)
    return Changed(sentence, with_other(problem), diff=diff)


def _penalty_at(problem, source):
    """The class or function of the user's own that penalizes a weight and holds a line."""
    penalties = [getattr(v, "regularizer", None) for v in problem.model.variables]
    for kind in dict.fromkeys(kind_of(one) for one in penalties if one is not None):
        found = None if kind.__module__.split(".")[0] == "keras" else source_of(kind)
        if found is not None and any(line.strip() == source.text for line in found[0]):
            return kind
    return None
