"""JAX: one compiled call gives loss, outputs, gradients and updated weights, as in `fit`."""

import contextlib
from typing import Any

import jax
import jax.extend.core
import jax.numpy as jnp
import keras
import numpy as np
from jax.core import Tracer
from keras import ops

from constrainit.doctor import _statistics
from constrainit.doctor.engines import _result
from constrainit.doctor.engines._eager import build_for_fit as build_for_fit
from constrainit.doctor.engines._result import Stepped, as_tensor, weigh

QUICKER = 1.0
"""As in `_tensorflow`: each step is compiled."""

_summarize = jax.jit(_statistics.summarize, static_argnums=1)
_norm_of = jax.jit(_result.norm_of)


def summarize(value, _):
    """`value`, which the compiled step gives back.

    The statistics of outputs and weights are taken outside of it, in NumPy: as a part of the step
    they took its compiler as long as all the rest.
    """
    return value


def square(wide):
    """The sum of the squares of float32 entries, outside of a compiled step, as a scalar."""
    flat = jnp.reshape(wide, (-1,))
    return jnp.dot(flat, flat)


def transformation() -> Any:
    """What tells apart the transformations, such as `vmap` and `grad`, that code runs inside of."""
    from jax import core

    # It was in `jax.core` first.
    home: Any = jax.extend.core if hasattr(jax.extend.core, "get_opaque_trace_state") else core
    return home.get_opaque_trace_state(convention="constrainit")


def _summary(value, activation):
    found = _statistics.summarize_array(np.asarray(value), activation)
    return _summarize(value, activation) if found is None else found


def _compiled(function):
    """`function` compiled; on a CPU in haste, as it runs a few times only."""
    hasty = {"xla_backend_optimization_level": 0} if jax.default_backend() == "cpu" else None
    return jax.jit(function, compiler_options=hasty)


def _transposed(model):
    kinds = keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose
    return [one for one in model._flatten_layers() if isinstance(one, kinds)]


@jax.custom_vjp
def _watched(value, sink):
    """`value`; the gradient that comes back to it leaves its norm as the gradient of `sink`."""
    return value


_watched.defvjp(
    lambda value, sink: (value, None), lambda _, gradient: (gradient, _norm_of(gradient))
)


def compile_step(problem):
    """A function that runs one step of a problem, without constraints, from the present weights."""
    trainable, others = problem.trainable, problem.others
    optimizer = problem.optimizer

    def objective(values, sinks, rest, slots, x, y):
        held = [*trainable, *others, *optimizer.variables]
        mapping = list(zip(held, [*values, *rest, *slots], strict=True))
        with keras.StatelessScope(state_mapping=mapping, collect_losses=True) as scope:
            loss, outputs = problem.loss(x, y, lambda value, place: _watched(value, sinks[place]))
            state = [scope.get_current_value(variable) for variable in others]
            return optimizer.scale_loss(loss), (loss, outputs, state)

    def run(values, sinks, rest, slots, x, y):
        (_, (loss, outputs, state)), (gradients, signals) = jax.value_and_grad(
            objective, argnums=(0, 1), has_aux=True
        )(values, sinks, rest, slots, x, y)
        updated, moved = optimizer.stateless_apply(slots, gradients, values)
        return loss, outputs, signals, gradients, updated, moved, state

    # A transposed convolution with strides takes ten times as long when it is compiled in haste.
    slow = any(max(one.strides) > 1 for one in _transposed(problem.model))
    programs = [jax.jit(run)] if slow else [_compiled(run), jax.jit(run)]

    def step(_):
        found = taken()
        # In haste XLA may give NaN where there is none as `fit` compiles: that has the last word.
        if len(programs) > 1 and not _is_finite(found):
            del programs[0]
            found = taken()
        return found

    def taken():
        values, rest = [v.value for v in trainable], [v.value for v in others]
        slots = [v.value for v in optimizer.variables]
        sinks = [jnp.zeros(())] * len(problem.recording.watched)
        loss, outputs, signals, gradients, updated, *after = programs[0](
            values, sinks, rest, slots, problem.x, problem.y
        )
        weights = [weigh(*one) for one in zip(values, gradients, updated, strict=True)]
        found = [
            _summary(value, activation)
            for value, (_, _, activation) in zip(outputs, problem.recording.named, strict=True)
        ]
        connected = [True] * len(values)
        return Stepped(loss, found, signals, weights, connected, values, updated, *after)

    return step


def _is_finite(stepped):
    """Whether the loss of a step and its gradients are."""
    return bool(np.isfinite(stepped.loss)) and not any(w[1] > 0 for w in stepped.weights)


_STATE = ("trainable_variables", "non_trainable_variables", "optimizer_variables")


def own_step(model, data):
    """As `_eager.own_step`, from the state that `fit` hands over.

    What it assigns to a variable itself is lost where the state that it returns holds another one.
    """
    before = [(variable, variable.value) for variable in model.variables]
    reported, state = model.train_step(_state_of(model), data)
    assigned = [(v, v.value) for v, value in before if v.value is not value]
    model._jax_state = dict(zip((*_STATE, "metrics_variables"), state, strict=False))
    model._jax_state_synced = False
    model.jax_state_sync()
    lost = [v for v, value in assigned if not np.array_equal(v.value, value, equal_nan=True)]
    return reported, lost


def _state_of(model):
    return model._get_jax_state(
        metrics_variables=True, purge_model_variables=False, **dict.fromkeys(_STATE, True)
    )


def compiled_step(model):
    """A function from a batch to the trained weights, by what they are of: the step that `fit` has.

    None if there is none that is compiled.
    """
    if model.train_function is None or not model.jit_compile:
        return None

    def step(data):
        # What is handed over is gone then.
        state = jax.tree.map(jnp.copy, _state_of(model))
        data = jax.tree.map(jnp.asarray, data)
        _, (values, *_) = model.train_function(state, iter([data]))
        return {id(v): value for v, value in zip(model.trainable_variables, values, strict=True)}

    return step


def trace_own_step(model, data):
    """Traces a step as `fit` does, unless it was told not to compile; what it raises goes on."""
    if not model.run_eagerly:
        jax.eval_shape(model.train_step, _state_of(model), data)


def look(value, activation):
    """Keeps an output, also of a call that is differentiated or compiled, for `looked`."""
    seen = []
    jax.debug.callback(lambda found: seen.append(np.asarray(found)), value)
    return seen, activation


def looked(found):
    """As `_eager.looked`; None also where a `vmap` has called a layer once for each example."""
    jax.effects_barrier()
    seen, activation = found
    return np.asarray(_summary(seen[0], activation)) if len(seen) == 1 else None


def computed_from(tensor, variables):
    """As `_torch.computed_from`: a tensor does not know what it was computed from."""
    return []


def is_memory_of(tensor, variables):
    """As `_torch.is_memory_of`: what is assigned to is replaced."""
    return False


def kept_gradients(variables):
    """As `_torch.kept_gradients`: none are kept."""
    return []


def set_aside(model):
    """As `_torch.set_aside`: everything is a variable or an attribute."""
    return contextlib.nullcontext()


def keep_updated(stepped, place, image):
    """As `_eager.keep_updated`; arrays of JAX stay what they are."""


def groups(records):
    """As `_eager.groups`: all of them, as they are compiled together."""
    return [records] if records else []


def compile_constraints(records):
    """A function from the values of weights to what their constraints make of them.

    Each constraint gets the Variable, inside a trace, as the optimizer would call it. The result
    of one that raises is its exception, also where that comes only as it is traced again.
    """
    held = {id(record): record.constraint for record in records}
    faults: dict[int, Exception] = {}

    def call(record, value):
        return _called(record, held[id(record)], value)

    def note_faults(trial):
        for index, record in enumerate(records):
            try:
                trial(lambda value, record=record: call(record, value), record.variable.value)
            # A user's constraint may raise anything; it is reported, with its own line.
            except Exception as exception:
                faults[index] = exception

    def compiled():
        sound = [record for index, record in enumerate(records) if index not in faults]
        return _compiled(lambda values: [call(r, v) for r, v in zip(sound, values, strict=True)])

    def run(values):
        kept = [value for index, value in enumerate(values) if index not in faults]
        with _leaving_nothing(held.values()):
            return programs[-1]([ops.convert_to_tensor(value) for value in kept])

    def apply(_, values):
        known = len(faults)
        try:
            found = run(values)
        # What a trace leaves in a list, or elsewhere, breaks the next one.
        except Exception as exception:
            note_faults(lambda function, value: _compiled(function)(value))
            if len(faults) == known:
                return [exception] * len(values)
            programs.append(compiled())
            return apply(_, values)
        results = iter(found)
        return [faults[i] if i in faults else next(results) for i in range(len(values))]

    with _leaving_nothing(held.values()):
        note_faults(jax.eval_shape)
    programs = [compiled()]
    return apply


def call_constraint(record: Any, constraint: Any) -> None:
    """Calls a constraint of a weight as a step of `fit` does, for what that leaves in it."""
    jax.eval_shape(lambda value: _called(record, constraint, value), record.variable.value)


def _called(record, constraint, value):
    with keras.StatelessScope(state_mapping=[(record.variable, value)]):
        return as_tensor(constraint(record.variable))


@contextlib.contextmanager
def _leaving_nothing(constraints):
    """Puts back the attributes in which constraints have kept what belongs to a trace."""
    held = [(one, dict(vars(one))) for one in constraints if hasattr(one, "__dict__")]
    try:
        yield
    finally:
        for owner, parts in held:
            for name, value in list(vars(owner).items()):
                if isinstance(value, Tracer) and value is not parts.get(name):
                    del vars(owner)[name]
                    vars(owner).update({n: parts[n] for n in (name,) if n in parts})


def whole_step(problem, constraints=None):
    """As `_tensorflow.whole_step`: a step is compiled already."""
