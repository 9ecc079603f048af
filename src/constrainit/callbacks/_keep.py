"""`KeepFeasible`: what is done to weights behind the optimizer's back is seen and mended."""

import math
from dataclasses import dataclass
from typing import Any

import keras

from constrainit import _checks
from constrainit._average import averages
from constrainit._effective import EffectiveRecord, effective_records
from constrainit._obey import Row, measured
from constrainit._refused import check_compiled
from constrainit._reparametrized import seen_records
from constrainit._set import ConstraintSet
from constrainit._signatures import Told
from constrainit._warning import warn
from constrainit._words import nothing_to_keep
from constrainit.callbacks._late import waits
from constrainit.callbacks._train_function import Through
from constrainit.model import GroupRecord, constrained_records, is_built
from constrainit.sets import Custom, as_set

MODES = ("repair", "warn", "raise")


@dataclass(frozen=True)
class Repair:
    """A weight that `KeepFeasible` found outside of its set.

    Attributes:
        moment: When: `"train begin"`, `"epoch begin"`, `"epoch end"`, `"train end"`,
            `"test begin"`, `"test end"`, `"predict begin"`, `"predict end"` or `"step"`.
        weight: The path of the variable.
        violation: How far outside it was, in the units of the weight.
    """

    moment: str
    weight: str
    violation: float

    def __str__(self) -> str:
        return f"{self._said} at {self.moment}"

    @property
    def _said(self) -> str:
        """What was found, without the moment."""
        if not math.isfinite(self.violation):
            return f"{self.weight} is not finite"
        return f"{self.weight} is outside of its set by {self.violation:.3g}"


class KeepFeasible(Told, keras.callbacks.Callback):
    """Weights obey their constraints at every moment of `fit`, `evaluate` and `predict`.

    A Keras optimizer applies constraints after its own steps. Whatever else changes a weight
    (`set_weights`, `load_weights`, `BackupAndRestore`, `SwapEMAWeights`, a callback, the start) or
    keeps it from being stepped (a frozen layer, no gradient, a float16 step that is skipped) goes
    unseen. This callback looks when training begins, when an epoch begins and ends, when training
    ends, after `use_ema=True` has replaced the weights by their average, and before `evaluate` and
    `predict` (with averages, which may be swapped, also behind). In between the optimizer does its
    part, so steps cost nothing. Weights that are inside stay as they are, bit for bit.

    Of a model without any constraint it warns, once.

    Put it behind callbacks that change weights (`SwapEMAWeights`) and before those that save them
    (`ModelCheckpoint`). Weights of `Relaxed` and `Every`, which may lie outside between steps, are
    looked at when training ends.

    With `SwapEMAWeights` the averages, which the optimizer holds, are projected where an epoch
    ends and before a test, too. Within an epoch what is not finite is left to a `StopAtFault`, if
    there is one, which takes the step back; if it stays, it is told where the next epoch begins or
    training ends.

    Args:
        mode: `"repair"` projects what is outside, `"warn"` warns and changes nothing, once for a
            weight that stays as far outside as it was, `"raise"` raises RuntimeError.
        every: None, or a number of batches (of executions, with `steps_per_execution`) after which
            it looks as well: for LoRA, and for a `train_step` that changes weights without a Keras
            optimizer.

    Attributes:
        repairs: What was found outside, in order, as `Repair(moment, weight, violation)`. What is
            not finite is in it where nothing is repaired, in the other modes.

    Raises:
        ValueError: `mode` is none of the three, or `every` is no positive integer; at the start of
            `fit`: a constraint of your own is written with NumPy, or branches in Python, where the
            backend compiles the step.
    """

    def __init__(self, mode: str = "repair", every: int | None = None):
        super().__init__()
        self.mode = _checks.choice("KeepFeasible", "mode", mode, MODES)
        self.every = None if every is None else _checks.count("KeepFeasible", "every", every)
        self.repairs: list[Repair] = []
        self._told: dict[str, float] = {}
        self._batches, self._idle = 0, False
        if self.every is not None:
            # Only then: with a hook of batches Keras waits for each step.
            self.on_train_batch_end = self._after_batch

    def on_train_begin(self, logs: Any = None) -> None:
        """Looks at the start, a set or a loaded one."""
        self._told = {}
        if waits(self, needs=False):
            return
        self._look("train begin")
        if is_built(self.model):
            own = [r for r in constrained_records(self.model) if _is_own(r.constraint)]
            check_compiled(self.model, own)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Looks at what other callbacks restored or swapped."""
        self._look("epoch begin")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Looks at what will be saved."""
        self._look("epoch end")

    def on_train_end(self, logs: Any = None) -> None:
        """Looks at what training leaves."""
        self._look("train end")

    def on_test_begin(self, logs: Any = None) -> None:
        """Looks at what is evaluated."""
        self._look("test begin")

    def on_test_end(self, logs: Any = None) -> None:
        """Looks at what was swapped back."""
        if any(averages(self.model.optimizer)):
            self._look("test end")

    def on_predict_begin(self, logs: Any = None) -> None:
        """Looks at what predicts."""
        self._look("predict begin")

    def on_predict_end(self, logs: Any = None) -> None:
        """Looks at what was swapped back."""
        if any(averages(self.model.optimizer)):
            self._look("predict end")

    def _after_batch(self, batch: int, logs: Any = None) -> None:
        self._batches += 1
        if self.every is not None and self._batches % self.every == 0:
            self._look("step")

    def _look(self, moment: str) -> None:
        # TensorFlow builds some models in their first step only.
        if not is_built(self.model):
            return
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()
        outside, undone = [], self._may_be_undone(moment)
        found = measured(self.model)
        if not found:
            self._say_idle()
        for record, a_set, distance, image in found:
            if distance == 0 or (a_set.paced and moment != "train end"):
                continue
            new = math.isfinite(self._told.get(record.path, 0.0))
            if undone and new and not math.isfinite(distance):
                continue
            outside.append(Repair(moment, record.path, distance))
            # A weight that is not finite has no nearest allowed one.
            if self.mode == "repair" and math.isfinite(distance):
                record.assign(image)
        # What is no number is told, but nothing was done to it.
        repaired = [one for one in outside if math.isfinite(one.violation)]
        self.repairs += repaired if self.mode == "repair" else outside
        self._say(moment, outside)
        if self.mode == "repair" and moment in ("epoch end", "test begin", "predict begin"):
            _project_averages(self.model.optimizer, found)

    def _say_idle(self) -> None:
        """Warns, once, of a model in which no weight obeys anything."""
        if self._idle or effective_records(self.model) or seen_records(self.model):
            return
        self._idle = True
        warn(nothing_to_keep("KeepFeasible", self.model))

    def _may_be_undone(self, moment: str) -> bool:
        """Whether a `StopAtFault` has yet to look at the steps of the epoch."""
        between = ("train begin", "epoch begin", "train end")
        function = getattr(self.model, "train_function", None)
        return moment not in between and isinstance(function, Through)

    def _say(self, moment: str, outside: list[Repair]) -> None:
        lost = {one.weight for one in outside if not math.isfinite(one.violation)}
        # What stays as it was would be told at every moment; nothing mends what is not finite.
        known = {} if self.mode == "raise" else self._told
        self._told = {one.weight: one.violation for one in outside}
        told = [
            one for one in outside
            if (self.mode != "repair" or one.weight in lost) and not _is_known(one, known)
        ]  # fmt: skip
        if not told:
            return
        text = f"At {moment}: {'; '.join(one._said for one in told)}."
        if self.mode == "raise":
            raise RuntimeError(f"{text} {' '.join(_mends(told, lost))}")
        warn(text)


def _is_known(one, known):
    """Whether a weight was found like this at the last look."""
    before = known.get(one.weight, 0.0)
    return before == one.violation or not (math.isfinite(before) or math.isfinite(one.violation))


def _mends(told, lost):
    """What helps against what is raised, a sentence each."""
    if any(one.weight not in lost for one in told):
        yield 'Write KeepFeasible("repair"), or project(model) before.'
    if lost:
        yield (
            "No projection mends a weight that is not finite: load weights that were saved while "
            "they were finite (model.load_weights), or draw it anew (prepare(model), which draws "
            "weights with a constraint alone), and find the step that lost them with StopAtFault()."
        )


def _is_own(constraint: Any) -> bool:
    """Whether a constraint is of code that nothing is known of."""
    if isinstance(constraint, ConstraintSet):
        return not constraint.traceable
    return isinstance(as_set(constraint), Custom)


def _project_averages(optimizer: Any, found: list[Row]) -> None:
    sets = {
        id(record.variable): a_set
        for record, a_set, *_ in found
        if not isinstance(record, (GroupRecord, EffectiveRecord)) and not a_set.paced
    }
    for variable, average in averages(optimizer):
        if id(variable) in sets:
            average.assign(sets[id(variable)].project(average))
