"""CW504 fading-gradient."""

import math

import numpy as np

from constrainit.doctor._faint import fading
from constrainit.doctor._planned import NUMBERS, by_depth, deviations, growth, planned
from constrainit.doctor._recording import is_custom
from constrainit.doctor._small_kernels import BY_FAN_IN, small_kernels, told_small
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.rules._of_places import told_levelled
from constrainit.doctor.rules._rule import Rule
from constrainit.model import STARTS

_LEAST = 1e-6

_LAYERS = 3
_HALVED = 0.5
_FADED = 1e-2
"""Of a signal, and of the gradient, that fade layer by layer, in a model that does not train."""

_ALIKE = 1e-3
"""Of its largest output: a layer whose units vary by less gives about the same for all examples."""

_PLATEAU = 1e-3
"""A loss that falls by less than this share in the second half of the steps stands still."""


_MANY = 4
_LIKE = 1.5
"""What is no further from it than by this factor is a start that an initializer of Keras drew."""


class FadingGradient(Rule):
    """The gradient all but vanishes, or grows beyond use, on its way to the first layers.

    Each layer multiplies the gradient by the slope of its activation and by its weights. A factor
    of a quarter, the largest slope of a sigmoid, leaves a millionth after ten layers.

    Example:
        [
            layers.Dense(8, activation="sigmoid", kernel_constraint="unit_norm")
            for _ in range(14)
        ]

    Use instead:
        [
            layers.Dense(8, **ci.constrained(kernel=ci.UnitNorm(), activation="sigmoid", depth=14))
            for _ in range(14)
        ]

    Known limits:
        Compared are the outputs of layers, first against last, at the start and after the steps: a
        ratio below 1e-6 or above 1e6 is reported, and below 1e-6 so are the kernels without a
        constraint that deviate by less than a third of what Glorot's initializer draws with. So is
        one below 1e-2 where what the model gives varies by less than a hundredth of what its first
        layer gives and of its targets, at least three layers halve it, and the loss stands still
        after half of the steps. Where it falls, as by another branch or the last bias, is reported
        what varies by less than a thousandth of its size behind three such layers in a row, if its
        gradient fades by a hundredth as well, in functional and sequential models. Where at least
        four layers with constrained kernels leave half of what varies, the last of them less than a
        fifth of its size, and what the model gives varies by less than a tenth of its targets, a
        hundred steps are taken: reported is what tells nothing of its targets then, if it learns
        from a start that constrainit.calibrate has fitted, or has come to give the same for all.
        Where the loss hardly falls, and four layers of one class of the user's own leave the places
        of an example alike to a fiftieth of their size, they are reported if 100 steps on half of
        the examples take twice as much off the loss of the others with a way around each. An exact
        zero has other causes and other rules. Beside what was measured stands what constrainit.plan
        has for the first of these kernels.

    Source:
        Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks
        (2010). AUTOTRAINER (Zhang et al., 2021) calls 1e-3 vanishing, which healthy models reach.
    """

    code, name, stage = "CW504", "fading-gradient", "gradients"
    numbers = (
        "ratio", "spread", "first_spread", "growth", "loss", "loss_fitted", "last_spread", "differ",
        "differ_at_the_end", "loss_as_given", "loss_around", *NUMBERS,
    )  # fmt: skip

    def find(self, evidence):
        made = evidence.levelled
        if made is not None:
            numbers = {
                "differ": made.differ[0], "differ_at_the_end": made.differ[1],
                "loss_as_given": made.losses[1], "loss_around": made.losses[2],
                "within": [one.name for one in made.layers],
            }  # fmt: skip
            layer = made.layers[0].name
            yield self.made(*told_levelled(made), numbers, layer=layer, stage="forward")
            return
        first, last = _ratio(evidence.outputs), _ratio(evidence.outputs_last)
        if first is None or last is None:
            return
        low, high = min(first[0], last[0]), max(first[0], last[0])
        if high < _LEAST or low > 1 / _LEAST:
            what = "fades" if high < _LEAST else "grows"
            start = planned(evidence, _kernel(evidence, first[1]))
            small = small_kernels(evidence) if high < _LEAST else []
            yield self.made(
                f"the gradient {what} by {first[0]:.3g} from the output of {first[2]!r} to that of "
                f"{first[1]!r}: {by_depth(evidence.outputs)}{f'. {start}' if start else ''}"
                + (f". {told_small(small)}" if small else ""),
                BY_FAN_IN if small else
                "start with weights that keep the gradient: constrainit.constrained(kernel=..., "
                "activation=..., depth=...) or constrainit.calibrate(model, x), or take another "
                "activation",
                {
                    "ratio": first[0], **_by_depth(evidence.outputs, start),
                    **({"drawn": [one.record.path for one in small]} if small else {}),
                },
                layer=small[0].record.layer.name if small else first[1],
                weight=small[0].record.path if small else "",
            )  # fmt: skip
            return
        told = list(self._of_signal(evidence, first)) if high < _FADED else []
        told = told or list(self._of_stretches(evidence))
        yield from told or self._of_faint(evidence)

    def _of_faint(self, evidence):
        """Layers that keep less and less of what tells examples apart: nothing is learnt of it."""
        outputs, tried = fading(evidence), evidence.faint
        if not outputs or tried is None:
            return
        begin, end = outputs[0], outputs[-1]
        kernel = _kernel(evidence, begin.layer)
        start = planned(evidence, kernel)
        learnt = (
            f"with biases and scales that are fitted to the batch it goes from "
            f"{tried.fitted[0]:.4g} to {tried.fitted[1]:.4g}" if tried.fitted else
            f"what it gives varies by {tried.spread:.3g} then"
        )  # fmt: skip
        yield self.made(
            f"what the layers give tells examples apart less from one to the next: it varies by "
            f"{begin.spread:.3g} over the batch in {begin.layer!r} and by {end.spread:.3g}, of "
            f"outputs of up to {end.peak:.3g}, in {end.layer!r}. What all examples have in common "
            f"leads the steps: in {tried.steps} of them the loss goes from {tried.losses[0]:.4g} "
            f"to {tried.losses[1]:.4g} and the model learns nothing of its targets; {learnt}"
            + (f". {start}" if start else ""),
            "fit the start to a batch: constrainit.calibrate(model, x) or constrainit.prepare("
            "model, x); or tell each layer its activation and depth: constrainit.constrained("
            "kernel=..., activation=..., depth=...)",
            {
                "spread": end.spread, "first_spread": begin.spread, "loss": tried.losses[1],
                "last_spread": tried.spread,
                **({"loss_fitted": tried.fitted[1]} if tried.fitted else {}),
                **_by_depth(outputs, start),
            },
            layer=begin.layer, weight=kernel, stage="training",
        )  # fmt: skip

    def _of_signal(self, evidence, ratio):
        """A signal that fades layer by layer, and a loss that stands still."""
        begin, end = evidence.outputs, evidence.outputs_last
        left = [one[-1].spread / one[0].spread if one[0].spread else 1.0 for one in (begin, end)]
        deviations = [m.target.deviation for m in evidence.losses_of if m.target.varies]
        tells = any(end[-1].spread < _FADED * deviation for deviation in deviations)
        if not evidence.varies or not tells or max(left) > _FADED or not _stands(evidence.losses):
            return
        given = max(d.deviation for d in evidence.data if d.name.startswith("x"))
        halving = _halving(evidence.outputs, given)
        if len(halving) < _LAYERS:
            return
        kernels = _kernels(evidence, halving) or _own_kernels(evidence, halving)
        start = planned(evidence, kernels[0].path) if kernels else None
        yield self.made(
            f"what the layers give varies less over the batch from one to the next: by "
            f"{begin[0].spread:.3g} in {begin[0].layer!r} and by {begin[-1].spread:.3g} at the "
            f"end, as {len(halving)} layers halve it or more; the gradient fades by "
            f"{ratio[0]:.3g} on its way back. The model gives about the same for every example, "
            f"and the loss stands still at {evidence.losses[-1]:.4g}"
            + (f". {start}" if start else "")
            + (_of_fan(kernels[0]) if kernels else ""),
            "start with larger kernels, so that what goes into each activation varies by about one "
            "over the batch, or take another activation, such as relu with he_normal",
            {
                "ratio": ratio[0], "spread": begin[-1].spread, "first_spread": begin[0].spread,
                "kernels": [record.path for record in kernels], **_by_depth(begin, start),
            },
            layer=halving[0], weight=kernels[0].path if kernels else "",
        )  # fmt: skip

    def _of_stretches(self, evidence):
        """Layers in a row behind which a signal is the same for all, in a model that learns."""
        if not evidence.varies:
            return
        begin, end = (
            {o.layer: o for o in outputs} for outputs in (evidence.outputs, evidence.outputs_last)
        )
        for stretch in evidence.stretches:
            layers = [name for name in stretch if name in begin and name in end]
            ends = [[of[name] for name in layers] for of in (begin, end)]
            if len(layers) <= _LAYERS or not all(_fades(outputs) for outputs in ends):
                continue
            outputs = ends[0]
            halving = _halving(outputs, outputs[0].spread)
            kernels = _kernels(evidence, halving)
            ratio = outputs[0].gradient / outputs[-1].gradient
            start = planned(evidence, kernels[0].path) if kernels else None
            yield self.made(
                f"what the layers give varies less over the batch from one to the next: by "
                f"{outputs[0].spread:.3g} in {layers[0]!r} and by "
                f"{outputs[-1].spread:.3g}, of outputs of up to {outputs[-1].peak:.3g}, in "
                f"{layers[-1]!r}, as {len(halving)} layers halve it or more; the gradient fades by "
                f"{ratio:.3g} on its way back. What follows is given about the same for every "
                "example, and what the loss falls by is learnt elsewhere"
                + (f". {start}" if start else ""),
                "start with kernels and biases that keep what varies: constrainit.calibrate(model, "
                "x), or take another activation",
                {
                    "ratio": ratio, "spread": outputs[-1].spread, "first_spread": outputs[0].spread,
                    "kernels": [record.path for record in kernels], **_by_depth(outputs, start),
                },
                layer=halving[0], weight=kernels[0].path if kernels else "",
            )  # fmt: skip


def _fades(outputs):
    """Whether what a stretch gives is about the same for all, as layer after layer halves it."""
    first, last = outputs[0], outputs[-1]
    if any(output.nonfinite for output in outputs) or not (first.gradient and last.gradient):
        return False
    fades = last.spread < _FADED * first.spread and first.gradient < _FADED * last.gradient
    alike = last.spread < _ALIKE * last.peak
    return fades and alike and len(_halving(outputs, first.spread)) >= _LAYERS


def _stands(losses):
    """Whether a loss stands still in the second half of the steps."""
    later = losses[len(losses) // 2 :]
    return len(losses) > 10 and later[0] - min(later) <= _PLATEAU * abs(later[0])


def _halving(outputs, before):
    """The layers that halve what varies over the batch, by so much before, or leave less."""
    found = []
    for output in outputs:
        if output.spread <= _HALVED * before:
            found.append(output.layer)
        before = output.spread
    return found


def _by_depth(outputs, start):
    """The signal by depth, and the plan for the layer that is named."""
    numbers = {} if start is None else start.numbers
    return {"deviations": deviations(outputs), "growth": growth(outputs), **numbers}


def _kernel(evidence, layer):
    """The kernel of a layer, or an empty string."""
    own = [r.path for r in evidence.weights if r.layer.name == layer and len(r.shape) > 1]
    return own[0] if own else ""


def _kernels(evidence, layers):
    """The kernels of layers, and of those before a layer that has none."""
    own, found, last = {one.record.layer.name: one.record for one in evidence.gains}, [], None
    for output in evidence.outputs:
        last = own.get(output.layer, last)
        if output.layer in layers and last is not None and last not in found:
            found.append(last)
    return found


def _own_kernels(evidence, layers):
    """The kernels of layers of the user's own that have one each."""
    own = [r for r in evidence.weights if r.layer.name in layers and is_custom(r.layer)]
    known = [r for r in own if len(r.shape) > 1 and r.variable.trainable]
    kernels = [r for r in known if r.variable.name not in STARTS]
    names = [record.layer.name for record in kernels]
    return [record for record in kernels if names.count(record.layer.name) == 1]


def _of_fan(record):
    """What initializers take a kernel of several axes for, where it is as small as they make it."""
    shape, own = tuple(record.shape), is_custom(record.layer)
    if not own or len(shape) < 3 or math.prod(shape[:-2]) < _MANY:
        return ""
    field = math.prod(shape[:-2])
    taken = math.sqrt(2 / (field * (shape[-2] + shape[-1])))
    if not 1 / _LIKE < float(np.std(to_numpy(record.variable))) / taken < _LIKE:
        return ""
    return (
        f". {record.path} has the shape {shape}: an initializer of Keras takes all axes but the "
        f"last two for those of a convolution, and makes weights {math.sqrt(field):.3g} times "
        f"smaller than for {shape[-2]} inputs: RandomNormal(stddev={shape[-2] ** -0.5:.3g}) is "
        "the start where only these feed a unit"
    )


def _ratio(outputs):
    """The gradient at the first output over that at the last, and the names of their layers."""
    known = [o for o in outputs if o.gradient]
    if len(known) < 3 or any(o.nonfinite for o in outputs):
        return None
    first, last = known[0], known[-1]
    return first.gradient / last.gradient, first.layer, last.layer
