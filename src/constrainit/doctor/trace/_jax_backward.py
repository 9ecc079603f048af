"""JAX: the backward pass, one operation at a time, so that each derivative is seen by itself."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp

from constrainit.doctor._statistics import numbers
from constrainit.doctor.trace._jax_walk import Done, Tensor, Walk, as_float64, flags_of, seen
from constrainit.doctor.trace._limits import derivative_limit
from constrainit.doctor.trace._record import Place, Value


def backward(walk: Walk, loss: Tensor, weights: list[Tensor]) -> list[Value]:
    """The gradients of `loss` by `weights`, as values of the recorder."""
    gradients = _Gradients(walk)
    if loss.active:
        gradients.add(loss, jnp.ones_like(loss.array), Value())
        gradients.through(walk.tape)
    return [gradients.held[id(w)][1] for w in weights if id(w) in gradients.held]


class _Gradients:
    """The gradient that each tensor has so far: its array, and its value."""

    def __init__(self, walk: Walk):
        self.walk = walk
        self.held: dict[int, tuple[Any, Value]] = {}

    def add(self, tensor: Tensor, array: Any, value: Value) -> None:
        """One more part of the gradient of `tensor`."""
        if id(tensor) in self.held:
            other, known = self.held[id(tensor)]
            parts, array = [other, array], other + array
            place = tensor.value.maker.place if tensor.value.maker else Place("gradients")
            step = self.walk.recorder.step(
                "add",
                replace(place, stage="gradients"),
                [known, value],
                map(seen, parts),
                [seen(array)],
            )
            value = step.values[0]
        self.held[id(tensor)] = array, value

    def through(self, tape: list[Done]) -> None:
        """Goes back over a tape."""
        while tape:
            done = tape.pop()
            if any(id(result) in self.held for result in done.results):
                self._back(done)

    def _back(self, done):
        above = [self.held.pop(id(r), (None, Value())) for r in done.results]
        active = [i for i, one in enumerate(done.operands) if one.active]
        below = _derivative(done, active, [array for array, _ in above])
        spoiled = any(flags_of(array)[0] for array in below)
        if spoiled and done.enter is not None:
            self._inside(done, above)
            return
        results: list[Any] = [None] * len(done.operands)
        for index, array in zip(active, below, strict=True):
            results[index] = seen(array)
        step = self.walk.recorder.derivative(done.step, [value for _, value in above], results)
        if step.bad is not None:
            arrays = [as_float64(one.array) for one in done.operands]
            step.shown = tuple(map(numbers, arrays))
            step.limit = derivative_limit(step.name, arrays, *step.bad, step.dtype)
        for index, array in zip(active, below, strict=True):
            self.add(done.operands[index], array, step.values[index])

    def _inside(self, done, above):
        """Goes back through what `done` holds, one operation at a time."""
        walk = Walk(self.walk.recorder)
        for result, (array, value) in zip(done.enter(walk), above, strict=True):
            if array is not None and result.active:
                self.add(result, array, value)
        self.through(walk.tape)


def _derivative(done, active, above):
    """The gradients by the active operands; `above` are those of the results, None for zero."""
    arrays = [one.array for one in done.operands]
    wanted = [i for i, one in enumerate(done.results) if one.active]

    def function(*chosen):
        full = list(arrays)
        for index, array in zip(active, chosen, strict=True):
            full[index] = array
        found = done.call(*full)
        return [found[i] for i in wanted]

    found, pull = jax.vjp(function, *[arrays[i] for i in active])
    return pull(
        [
            jnp.zeros_like(one) if above[i] is None else above[i]
            for i, one in zip(wanted, found, strict=True)
        ]
    )
