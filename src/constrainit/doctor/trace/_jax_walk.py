"""A jaxpr, evaluated equation by equation, noting what each makes of concrete values."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Literal

from constrainit.doctor.trace._names import canonical
from constrainit.doctor.trace._record import Place, Recorder, Seen, Step, Value
from constrainit.doctor.trace._run import user_line

LAYER, LOSS = "constrainit_layer_", "constrainit_loss"
_CALLS = re.compile(rf"{LAYER}(\d+)")
_MOST_TURNS = 100_000

# Library functions that are one operation to whoever calls them.
_AS_ONE = {"inv": "inverse", "solve": "solve", "_solve": "solve", "slogdet": "logdet"}
_WITHOUT_DERIVATIVE = ("stop_gradient", "sign", "floor", "ceil", "round", "nextafter")
# Traced once and kept by JAX, with the line that called them first.
_KEPT = ("jit", "pjit", "closed_call", "core_call")


class Tensor:
    """A concrete array, the value that the recorder knows it by, and whether it is active.

    Active is what depends on a weight that is differentiated by.
    """

    __slots__ = ("active", "array", "value")

    def __init__(self, array: Any, **known: Any):
        self.array, self.active = array, False
        self.value = Value(flags_of(array), **known)

    @property
    def is_float(self) -> bool:
        """Whether it can have a gradient."""
        return _is_float(self.array)


def _is_float(array):
    return jnp.issubdtype(jnp.result_type(array), jnp.floating)


def flags_of(array: Any) -> tuple[bool, bool]:
    """Whether an array holds anything that is not finite, and whether a NaN."""
    if not jnp.issubdtype(jnp.result_type(array), jnp.inexact):
        return False, False
    held = np.asarray(array)
    if np.isfinite(held).all():
        return False, False
    return True, bool(np.isnan(held).any())


def seen(array: Any) -> Seen:
    """An array as the recorder takes it."""
    return Seen(flags_of(array), str(jnp.result_type(array)), lambda: as_float64(array))


def as_float64(array: Any) -> np.ndarray:
    """The entries of an array in float64."""
    if jnp.issubdtype(jnp.result_type(array), jax.dtypes.extended):
        return np.zeros(0)
    return np.asarray(np.real(np.asarray(array)), "float64")


@dataclass
class Done:
    """A step that can be differentiated: how to repeat it, on what, and what it made.

    `enter` walks what it holds inside, if it holds anything.
    """

    step: Step
    call: Callable[..., list[Any]]
    operands: list[Tensor]
    results: list[Tensor]
    enter: Callable[["Walk"], list[Tensor]] | None = None


class Walk:
    """Evaluates jaxprs; `tape` holds what a backward pass needs."""

    def __init__(self, recorder: Recorder):
        self.recorder, self.tape = recorder, []
        self._turns = 0

    def closed(self, closed: Any, operands: list[Tensor], place: Place) -> list[Tensor]:
        """The results of a jaxpr with its constants, which runs at `place`."""
        return self.jaxpr(closed.jaxpr, [*map(Tensor, closed.consts), *operands], place)

    def jaxpr(self, jaxpr: Any, operands: list[Tensor], outer: Place) -> list[Tensor]:
        """The results of a jaxpr; `operands` begin with its constants."""
        held = dict(zip([*jaxpr.constvars, *jaxpr.invars], operands, strict=True))
        last = {v: i for i, e in enumerate(jaxpr.eqns) for v in _variables(e.invars)}
        wanted = set(_variables(jaxpr.outvars))

        def read(variable):
            return Tensor(variable.val) if isinstance(variable, Literal) else held[variable]

        for index, equation in enumerate(jaxpr.eqns):
            place = _place(equation, outer)
            found = self._equation(equation, [read(v) for v in equation.invars], place)
            held.update(zip(equation.outvars, found, strict=True))
            for variable in set(_variables(equation.invars)) - wanted:
                if last[variable] == index:
                    del held[variable]
        return [read(v) for v in jaxpr.outvars]

    def _equation(self, equation, operands, place):
        """One equation; those that only hold others are entered."""
        name, params = equation.primitive.name, equation.params
        if name == "cond":
            branch = params["branches"][int(operands[0].array)]
            return self.closed(branch, operands[1:], place)
        if name == "while":
            return self._while(params, operands, place)
        inner = _inside(params)
        library = _AS_ONE.get(params.get("name", ""))
        call = _call(equation)
        if inner is None or library:
            name = library or canonical(_name(equation))
            return self.apply(name, call, operands, place, wide=_call(equation, wide=True))
        if name == "scan":
            return self._unless_spoiled(
                "scan", call, operands, place, lambda walk: walk._scan(params, operands, place)
            )
        if name.startswith("custom_"):
            return self._unless_spoiled(
                _custom_name(inner), call, operands, place,
                lambda walk: walk._enter(inner, operands, place),
            )  # fmt: skip
        return self._enter(inner, operands, replace(place, settled=name in _KEPT))

    def _enter(self, inner, operands, place):
        if hasattr(inner, "consts"):
            return self.closed(inner, operands, place)
        return self.jaxpr(inner, operands, place)

    def apply(
        self,
        name: str,
        call: Any,
        operands: list[Tensor],
        place: Place,
        outcome: Any = None,
        wide: Any = None,
    ) -> list[Tensor]:
        """Runs and notes one operation; `outcome` is its result, if known, `wide` its float64."""
        arrays = [one.array for one in operands]
        outcome = call(*arrays) if outcome is None else outcome
        step = self.recorder.step(
            name,
            place,
            [one.value for one in operands],
            map(seen, arrays),
            [seen(array) for array in outcome],
            lambda: _in_float64(wide or call, arrays),
        )
        results = [Tensor(array) for array in outcome]
        for one, value in zip(results, step.values, strict=True):
            one.value = value
        if name not in _WITHOUT_DERIVATIVE and any(one.active for one in operands):
            for one in results:
                one.active = one.is_float
            if any(one.active for one in results):
                self.tape.append(Done(step, call, operands, results))
        return results

    def _unless_spoiled(self, name, call, operands, place, enter):
        """As one step, entered only where something is not finite; or later, going back."""
        outcome = call(*[one.array for one in operands])
        if any(flags_of(array)[0] for array in outcome):
            return enter(self)
        before = len(self.tape)
        found = self.apply(name, call, operands, place, outcome)
        for done in self.tape[before:]:
            done.enter = enter
        return found

    def _turn(self, place):
        self._turns += 1
        return replace(place, turn=self._turns, settled=False)

    def _scan(self, params, operands, place):
        fixed, carried = params["num_consts"], params["num_consts"] + params["num_carry"]
        constants, carry, rows = operands[:fixed], operands[fixed:carried], operands[carried:]
        turns = list(range(params["length"]))
        made: list[list[Tensor]] = []
        for turn in reversed(turns) if params["reverse"] else turns:
            row = [self.apply("slice", _row(turn), [one], place)[0] for one in rows]
            found = self.closed(params["jaxpr"], [*constants, *carry, *row], self._turn(place))
            carry = found[: params["num_carry"]]
            made.append(found[params["num_carry"] :])
        if params["reverse"]:
            made.reverse()
        columns = zip(*made, strict=True)
        return [*carry, *(self.apply("stack", _stack, list(c), place)[0] for c in columns)]

    def _while(self, params, operands, place):
        first = params["cond_nconsts"]
        second = first + params["body_nconsts"]
        carry = operands[second:]
        for _ in range(_MOST_TURNS):
            (more,) = self.closed(params["cond_jaxpr"], [*operands[:first], *carry], place)
            if not bool(more.array):
                break
            body = [*operands[first:second], *carry]
            carry = self.closed(params["body_jaxpr"], body, self._turn(place))
        return carry


def _variables(atoms):
    return [atom for atom in atoms if not isinstance(atom, Literal)]


def _place(equation, outer):
    info = equation.source_info
    scopes = str(info.name_stack)
    known = {number for number, _ in outer.calls}
    more = tuple((int(n), outer.turn) for n in _CALLS.findall(scopes) if int(n) not in known)
    stage = "loss" if LOSS in scopes else outer.stage
    place = replace(outer, stage=stage, calls=outer.calls + more)
    if outer.settled or info.traceback is None:
        return place
    frames = (
        (f.file_name, f.line_num, f.function_name.rpartition(".")[2]) for f in info.traceback.frames
    )
    source, called = user_line(frames)
    return place if source is None else replace(place, source=source, called=called)


def _inside(params):
    """The jaxpr that an equation holds, if it holds one."""
    for name in ("jaxpr", "call_jaxpr", "fun_jaxpr"):
        if hasattr(params.get(name), "eqns"):
            return params[name]
    return None


def _name(equation):
    name = equation.primitive.name
    return "square" if name == "integer_pow" and equation.params["y"] == 2 else name


def _custom_name(inner):
    """That of the one library function that is wrapped, if there is one."""
    names = [equation.params.get("name", "") for equation in inner.eqns]
    return canonical(names[0]) if len(names) == 1 and names[0] else "custom"


def _call(equation, wide=False):
    """The equation as a function of arrays to a list of arrays; `wide` has it give float64."""
    primitive, given = equation.primitive, dict(equation.params)
    if wide:
        given = {name: np.dtype("float64") if _is_dtype(p) else p for name, p in given.items()}

    def call(*arrays):
        known = primitive.get_bind_params(given)
        # Before JAX 0.10 the functions that it holds came beside the parameters.
        functions, params = known if isinstance(known, tuple) else ((), known)
        found = primitive.bind(*functions, *arrays, **params)
        return list(found) if primitive.multiple_results else [found]

    return call


def _is_dtype(param):
    """Whether a parameter of an equation is the dtype of floats that it gives."""
    return isinstance(param, np.dtype) and jnp.issubdtype(param, jnp.floating)


def _row(turn):
    return lambda array: [array[turn]]


def _stack(*rows):
    return [jnp.stack(rows)]


def _in_float64(call, arrays):
    """What an operation gives where nothing overflows."""
    with jax.enable_x64(True):
        wide = [jnp.asarray(np.asarray(a), "float64") if _is_float(a) else a for a in arrays]
        return call(*wide)[0]
