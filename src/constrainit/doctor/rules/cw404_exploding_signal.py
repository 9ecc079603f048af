"""CW404 exploding-signal."""

import math

from constrainit._words import listed
from constrainit.doctor._each_time import each_time
from constrainit.doctor._enlarging import (
    enlarging_kernel,
    enlarging_number,
    feeds_back_without_bound,
)
from constrainit.doctor._planned import NUMBERS, by_depth, deviations, growth, planned
from constrainit.doctor._small_kernels import BY_FAN_IN
from constrainit.doctor.rules._of_cayley import SKEW, told_of_cayley
from constrainit.doctor.rules._of_sines import OF_SINES, told_of_sines
from constrainit.doctor.rules._rule import Rule
from constrainit.doctor.rules._symptoms import breaks_later, leaps

_LARGE = 1e4
"""From this magnitude on, outputs of some faulty models collected and of no healthy one."""
_GROWTH = 1e3

_OVERSIZED = 3.0
"""Draws for relu have a gain of 1.4."""

_LARGE_BESIDE = 2.0
"""What of kernels beside one that is far too large is too large, too."""

_CENTERED = 0.5
"""What has a mean of more deviations multiplies the level of a signal by that."""

_SATURATED = 0.5

_WITHOUT_MEASURE = 100.0
"""How many times as large as inputs and targets outputs are that are never meant."""

_BEYOND = 10.0
"""How many times as large as the targets numbers may be that a model gives on its way to them."""


class ExplodingSignal(Rule):
    """The outputs grow from layer to layer, by the weights the model starts with.

    Weights of one sign add up: a layer of `n` inputs multiplies the level of the signal by `n`
    times the mean of its weights. An initializer that is right for weights of mean zero is far too
    large for them, and each layer multiplies again. A recurrence with a relu does so at each step.

    Example:
        [
            layers.Dense(
                128, activation="relu", kernel_constraint="non_neg",
                kernel_initializer=keras.initializers.RandomUniform(0.0, 0.3),
            )
            for _ in range(5)
        ]

    Use instead:
        [
            layers.Dense(
                128, **ci.constrained(kernel=ci.NonNegative(), activation="relu", depth=5)
            )
            for _ in range(5)
        ]

    Known limits:
        Reported from a magnitude of 1e4 on (1e3 in float16, whose largest number is 65504) that is
        a thousand times that of the inputs and ten times that of the targets. Growth that stays
        below is not, unless more than half of the outputs of a sigmoid or tanh are saturated: then
        kernels before it whose deviation times the root of their fan-in is above three, and whose
        mean is near zero, are named, in models whose steps are cheap. So are they where the outputs
        start ten times beyond the targets, and the loss then becomes a thousand times as large, or
        a hundred times beyond targets and inputs: then from a deviation of two on. Where none is
        too large, layers of one class of the user's own are named that each make the signal three
        times as large or more, or, as sums do, too, a hundred times together. A recurrence without
        a bound is reported, too, where a step makes the loss a million times as large. Sines are
        named where the steps leave a tenth of the loss, what they are given in a layer behind
        another one that is trained deviates by more than a period, and after 100 steps on half of
        the batch the loss of the other half is a quarter, or half as much more is taken off it,
        from kernels divided by that.
        Where the kernel that is named is a free one and far too large for its fan-in, all free
        kernels that are too large are meant with it. Where the loss overflows from it, it is an
        error. Beside what was measured stands what constrainit.plan has for the same set, fan-in,
        activation and depth; a constraint of the user's own has none.

    Source:
        Hoedt and Klambauer, Principled weight initialisation for input-convex neural networks
        (NeurIPS 2023): the mean of the weights has to go with one over the fan-in. Of a deviation
        of one whatever the fan-in is: tensorflow/tensorflow#12973 and keras-team/keras#2741.
    """

    code, name, stage = "CW404", "exploding-signal", "forward"
    numbers = ("peak", "first_peak", "input_peak", "gain", "loss", "peak_loss", "growth",
               *OF_SINES, *NUMBERS)  # fmt: skip

    def find(self, evidence):
        if evidence.wide_sines is not None:
            told, where = told_of_sines(evidence.wide_sines)
            yield self.made(*told, **where)
        base, wanted = (_largest(evidence, kind) for kind in "xy")
        outputs = [o for o in evidence.outputs if o.nonfinite == 0 and math.isfinite(o.peak)]
        large = [o for o in outputs if o.peak > max(_LARGE, _GROWTH * base, _BEYOND * wanted)]
        if not large:
            told = list(self._fed_back(evidence)) if leaps(evidence) else []
            still = leaps(evidence) and not breaks_later(evidence)
            still = still and not _starts_far_off(evidence)
            yield from told if told or still else self._oversized(evidence)
            return
        most = max(outputs, key=lambda o: o.peak)
        growing = outputs[: outputs.index(most) + 1]
        bounded = {made.record.layer.name for made in evidence.constraints}
        first = next((o for o in growing if o.layer in bounded), None) or next(
            (o for o in growing if o.peak > 10 * base), most
        )
        kernel = enlarging_kernel(evidence, first.layer)
        start, free = planned(evidence, kernel), _too_large(evidence, kernel)
        made = None if free or first.layer in bounded else each_time(evidence)
        made = made if made and made.last else None
        skew, where = told_of_cayley(evidence.not_skew, {})
        fix = SKEW if skew else BY_FAN_IN if free else ""
        begin = f"from {first.peak:.3g} in {first.layer!r} " if first is not most else ""
        yield self.made(
            f"the outputs grow {begin}to {most.peak:.3g} in {most.layer!r}, for inputs of up to "
            f"{base:.3g}: {by_depth(growing)}{f'. {start}' if start else ''}{skew}",
            fix or (made.advice if made else _fix(evidence, first.layer)),
            {
                "peak": most.peak, "first_peak": first.peak, "input_peak": base,
                "deviations": deviations(growing), "growth": growth(growing),
                **({"kernels": free} if free else {}), **({"branches": made.last} if made else {}),
                **(start.numbers if start else {}),
            },
            layer=first.layer, weight=kernel,
            level=self.level if math.isfinite(evidence.loss or 0.0) else "error", **where,
        )  # fmt: skip

    def _oversized(self, evidence):
        """Kernels drawn far too large for their fan-in, where what is behind them is saturated.

        Or so far from the targets that the first steps take it out of range, or without measure.
        """
        order = [output.layer for output in evidence.outputs]
        flat = [o.layer for o in evidence.outputs if (o.saturated or 0) > _SATURATED]
        most = 0.0 if flat else _beyond(evidence)
        far = most > _WITHOUT_MEASURE or (not flat and _starts_far_off(evidence))
        before = order[: order.index(flat[0]) + 1] if flat else order if far else []
        least = _LARGE_BESIDE if most > _WITHOUT_MEASURE else _OVERSIZED
        large = _oversized_in(evidence, before, least)
        if far:
            # What a constraint makes of a weight no initializer mends.
            large = _free(evidence, large)
        if not large:
            yield from self._multiplied(evidence) if far else ()
            return
        large.sort(key=lambda one: order.index(one.record.layer.name))
        told = listed([f"{one.gain:.3g} in {one.record.layer.name!r}" for one in large], 4)
        peaks = {output.layer: output.peak for output in evidence.outputs}
        first = large[0].record
        start = planned(evidence, first.path)
        yield self.made(
            "its start is too large for its fan-in: the deviation of a kernel times the root of "
            f"the inputs of a unit, by which it multiplies the signal, is {told}, where "
            f"draws of the usual size have about one. {first.layer.name!r} gives up to "
            f"{peaks[first.layer.name]:.3g}, and "
            + (f"{flat[0]!r} is saturated by it" if flat else _gone(evidence))
            + (f". {start}" if start else ""),
            BY_FAN_IN,
            {
                "gain": large[0].gain, "peak": peaks[first.layer.name],
                "kernels": [one.record.path for one in large], **(start.numbers if start else {}),
            },
            layer=first.layer.name, weight=first.path,
        )  # fmt: skip

    def _multiplied(self, evidence):
        """Layers of one class that each multiply the signal, by kernels of the usual size.

        As where a kernel gives the weights that others are multiplied with.
        """
        made = each_time(evidence)
        if made is None:
            return
        first, last = made.outputs[0], made.outputs[-1]
        yield self.made(
            f"each {first.kind} multiplies the signal, by {made.factor:.3g} on average: it grows "
            f"from {first.peak:.3g} in {first.layer!r} to {last.peak:.3g} in {last.layer!r}, and "
            + _gone(evidence),
            made.advice,
            {
                "gain": made.factor, "peak": last.peak,
                "layers": [output.layer for output in made.outputs],
                **({"branches": made.last} if made.last else {"within": made.kernels}),
            },
            layer=first.layer, weight=made.kernels[0],
            level="error" if breaks_later(evidence) else self.level,
        )  # fmt: skip

    def _fed_back(self, evidence):
        """A loss that leaps in training, where a recurrence is fed what has no bound."""
        for record in evidence.weights:
            if record.variable.name != "recurrent_kernel":
                continue
            if feeds_back_without_bound(record.layer):
                peak = max(filter(math.isfinite, evidence.losses[1:]))
                layer = _around(evidence, record)
                yield self.made(
                    f"the loss goes from {evidence.losses[0]:.3g} to {peak:.3g} at step "
                    f"{evidence.losses.index(peak)}: the activation of {layer!r} has no bound, and "
                    "each time step is fed what the one before gave",
                    _fix(evidence, layer),
                    {"loss": evidence.losses[0], "peak_loss": peak},
                    layer=layer, weight=record.path, stage="training",
                )  # fmt: skip
                return


def _largest(evidence, kind):
    """The largest magnitude of the inputs, "x", or of the targets, "y", and one if all are less."""
    sizes = [max(abs(d.low), abs(d.high)) for d in evidence.data if d.name.startswith(kind)]
    return max([1.0, *sizes])


def _starts_far_off(evidence):
    """Whether a model starts far beyond its targets, and its steps lead farther away."""
    grown = not all(map(math.isfinite, evidence.losses)) or (
        len(evidence.losses) > 1 and max(evidence.losses) > _GROWTH * abs(evidence.losses[0])
    )
    far = bool(evidence.outputs) and evidence.outputs[-1].peak > _BEYOND * _largest(evidence, "y")
    return far and grown and math.isfinite(evidence.loss or 0.0)


def _beyond(evidence):
    """How many times as large as inputs and targets the outputs of the last layer are."""
    if not evidence.outputs or not math.isfinite(evidence.outputs[-1].peak):
        return 0.0
    return evidence.outputs[-1].peak / max(_largest(evidence, kind) for kind in "xy")


def _gone(evidence):
    """What becomes of a loss that starts far off."""
    target = f"{_largest(evidence, 'y'):.3g}"
    if not _starts_far_off(evidence):
        last = evidence.outputs[-1].peak
        return f"the model starts with up to {last:.3g}, where no target is beyond {target}"
    worst = max(evidence.losses, key=lambda one: one if math.isfinite(one) else math.inf)
    return (
        f"the loss, which is {evidence.losses[0]:.3g} at the start, as no target is beyond "
        f"{target}, goes to {worst:.3g} by the first steps"
    )


def _oversized_in(evidence, names, least=_OVERSIZED):
    """The kernels of these layers that are too large for their fan-in, of a mean near zero."""
    return [
        one for one in evidence.gains
        if one.record.layer.name in names and one.gain > least and one.center < _CENTERED
    ]  # fmt: skip


def _free(evidence, found):
    """What of some kernels has no constraint."""
    bounded = {made.record.path for made in evidence.constraints}
    return [one for one in found if one.record.path not in bounded]


def _too_large(evidence, kernel):
    """The free kernels that are too large, by path; none where the one named is not far so."""
    names = [one.record.layer.name for one in evidence.gains]
    large = _free(evidence, _oversized_in(evidence, names, _LARGE_BESIDE))
    free = [one.record.path for one in large]
    return free if kernel in free else []


def _around(evidence, record):
    """The name of the layer that gives outputs around a cell."""
    names = [o.layer for o in evidence.outputs if f"/{o.layer}/" in f"/{record.path}"]
    return names[0] if names else record.layer.name


def _fix(evidence, layer):
    """What to write instead: of a recurrence it is what it feeds back that has to be bounded."""
    cells = [r.layer for r in evidence.weights if f"/{layer}/" in f"/{r.path}"]
    if any(feeds_back_without_bound(cell) for cell in cells):
        return (
            "give the recurrence an activation that is bounded, such as tanh: at each step it is "
            "fed what it gave at the step before"
        )
    numbers = enlarging_number(evidence, layer)
    if numbers is not None:
        name = numbers.variable.name
        return (
            f"start {name} smaller: if its exponential is taken, at the logarithm of what you mean"
        )
    return (
        "start with weights whose sum over the inputs is near one: "
        "constrainit.constrained(kernel=..., activation=..., depth=...), or call "
        "constrainit.prepare(model, x)"
    )
