"""CW101 infeasible-start."""

import math

import numpy as np

from constrainit._words import counted, span
from constrainit.doctor._axes import bounds_of_entries
from constrainit.doctor._constraint_calls import called
from constrainit.doctor._own_copies import as_made
from constrainit.doctor._recording import is_custom
from constrainit.doctor._set_code import drawn_from, written
from constrainit.doctor.rules._rule import Rule, percent
from constrainit.sets import Custom, as_set
from constrainit.sets.custom import users_own

NOTICEABLE = 0.05
"""A start that the constraint moves by less than this share of its norm is no more than a note."""

_ROUNDING = 1e-5
"""What a constraint with an epsilon, as Keras' own have, leaves or takes."""

_FINITE_INSIDE = (
    ". With it inside from the start, the loss and all gradients of the first pass are finite; as "
    "it starts, they are not"
)

_LOST_INSIDE = (
    ". As it starts, the loss and all gradients of the first pass are finite; as its constraint "
    "makes it, they are not"
)
_BY_ITS_SIGN = (
    "look at what the constraint makes of it, and with which sign the layer takes that: one of the "
    "two is not what is meant"
)

_SAME_INSIDE = ". What the model gives is the same with it inside"

_MILD = 2.0
_MOST = 0.9


def late(made):
    """Whether its constraint goes part of the way only, and leaves it far outside for long.

    Far is where its norm would have to be half of what it is, as for a start that is scaled.
    """
    return made.lag is not None and made.lag.outside > 1 - 1 / _MILD


def harmless(made):
    """Whether the constraint moves the start little, or only scales units by less than two.

    Units that are scaled keep their direction, and what the layer computes keeps its form. Two
    separates the faulty models from the healthy ones among those collected.
    """
    if made.stuck > _ROUNDING or late(made):
        return False
    if made.jump <= NOTICEABLE:
        return True
    low, high = made.rescaled or (0.0, 0.0)
    return low > 1 / _MILD and high < _MILD


def is_outside(made):
    """Whether the start is outside by more than rounding."""
    peak = max(abs(made.start.minimum), abs(made.start.maximum))
    return made.image is not None and made.violation > _ROUNDING * peak


def _outside(made):
    """How far it is outside, in the words of what its set is about: entries, units or all of it.

    Of a constraint of the user's own only its moves are known, not where its set ends.
    """
    record, share, size = made.record, percent(made.share_moved), made.start.size
    if made.custom:
        return f"the constraint moves {share} of its {size} weights, by up to {made.violation:.3g}"
    units = record.resolved(record.constraint)._units(len(record.shape))
    if not units:
        return f"{share} of its {size} weights are forbidden, by up to {made.violation:.3g}"
    entries = math.prod(record.shape[axis] for axis in units)
    if entries == size:
        return f"its {size} weights together are outside by {made.violation:.3g}"
    return (
        f"of its {size // entries} units of {counted(entries, 'weight')} the farthest is outside "
        f"by {made.violation:.3g}"
    )


def _never(made):
    """It applies a constraint after the update of a weight."""
    trained = made.record.variable.trainable
    return "" if trained else ", and never to a weight that is not trained: this one stays outside"


class InfeasibleStart(Rule):
    """A weight starts outside the set that its constraint keeps.

    Keras applies a constraint after an optimizer step and at no other time: the initializer does
    not know of it. Until the end of the first step, every forward pass uses weights that the
    constraint forbids.

    Example:
        layers.Dense(
            8, kernel_initializer="random_normal", kernel_constraint="non_neg"
        )

    Use instead:
        layers.Dense(8, **ci.constrained(kernel=ci.NonNegative()))

        # or, for a model that is built: ci.prepare(model)

    Known limits:
        A start that its constraint moves by less than 5 % of its norm, or whose units it only
        scales by less than two, is a note, unless the first pass is not finite by it. Both numbers
        separate the faulty models from the healthy ones among those collected; they are no theorem.
        So is one of a constraint of the user's own with which a small model gives the same as with
        its image, as of phases that are taken back by whole turns.
        Of a constraint of the user's own only its moves are known, not where its set ends. One that
        goes part of the way at each step, such as one with a `rate`, moves a weight little however
        far outside it is: reported is what would still have to lose half of its norm after 20
        steps.

    Source:
        `Optimizer.apply` in Keras' `base_optimizer.py` is the one place where a constraint runs;
        asked about in keras-team/keras#9068 and keras-team/keras#9454.
    """

    code, name, stage = "CW101", "infeasible-start", "first forward"
    numbers = ("violation", "share_moved", "jump", "outside_after", "rate", "steps_left")

    def find(self, evidence):
        # What loses all but a tenth of its norm comes first.
        for made in sorted(evidence.constraints, key=lambda one: not one.jump > _MOST):
            if not is_outside(made):
                continue
            if late(made):
                yield self._of_late(made)
                continue
            breaks = made.record.path in evidence.finite_inside
            same = made.record.path in evidence.same_inside
            lost = made.record.path in evidence.lost_inside
            low, high = made.rescaled or (0.0, 0.0)
            more = (
                f"; the constraint then only scales each unit by {span(low, high)}" if high else ""
            )
            if made.stuck > _ROUNDING and not made.lacking and _leaves_zeros_outside(made):
                more = ", and when it does it can not move a zero vector, which stays outside"
            yield self.at_weight(
                made,
                f"starts outside its set ({made.text}): {_outside(made)}, and the first forward "
                "pass uses them as they are. Keras does not apply a constraint at initialization"
                + _never(made) + more + _beside_units(made) + _of_entries(made)
                + (_FINITE_INSIDE if breaks else "") + (_SAME_INSIDE if same else "")
                + (_LOST_INSIDE if lost else ""),
                _BY_ITS_SIGN if lost else _fix(made, high, evidence.trained) + _of_units(made),
                {
                    "violation": made.violation,
                    "share_moved": made.share_moved,
                    "jump": made.jump,
                },
                level="info" if (harmless(made) or same) and not breaks | lost else "warning",
            )  # fmt: skip

    def _of_late(self, made):
        """A finding where a weight comes nearer to its set, and hardly so."""
        lag, kind = made.lag, type(made.record.constraint).__name__
        return self.at_weight(
            made,
            f"starts far outside its set ({made.text}) and stays there: its constraint {kind} goes "
            f"{percent(lag.rate)} of the way at each step. After {lag.taken} steps it is outside "
            f"by {percent(lag.outside, 'its norm')}, and by the constraint alone it takes "
            f"{lag.left} more to come within 1 %",
            "start inside: give the layer **constrainit.constrained(...) or call "
            "constrainit.prepare(model); or let the constraint go all the way at each step, as "
            "with rate=1",
            {
                "violation": made.violation, "share_moved": made.share_moved, "jump": made.jump,
                "outside_after": lag.outside, "rate": lag.rate, "steps_left": lag.left,
            },
        )  # fmt: skip


def _leaves_zeros_outside(made):
    """Whether a constraint leaves zeros as they are, where its set does not hold them."""
    zeros = np.zeros(made.record.shape, "float32")
    image = called(made.record, zeros)
    if image is None or image.any():
        return False
    return float(made.record.resolved(made.record.constraint).violation(zeros)) > 0


def _beside_units(made):
    """What a constraint of the user's own runs along, where that is not what feeds a unit."""
    if made.rows is None:
        return ""
    kind, own = type(made.record.layer).__name__, list(made.record.axes)
    return (
        f". It works along axis {list(made.rows)}, while a unit of {kind} is fed along {own}: "
        "right if that is meant"
    )


def _of_entries(made):
    """What a norm of a whole vector bounds, where the start reads as if each entry was meant."""
    ends = bounds_of_entries(made)
    if ends is None:
        return ""
    return (
        f". It bounds the norm of all {made.start.size} entries together, each of which is in "
        f"[{ends[0]:g}, {ends[1]:g}] as it starts: if each is meant, write "
        f"ci.Box({ends[0]:g}, {ends[1]:g})"
    )


def _of_units(made):
    if made.rows is None:
        return ""
    return f"; first, if it is to hold for each unit, write axis={list(made.record.axes)}"


def _fix(made, scaled, trained):
    record = made.record
    if trained or not record.variable.trainable:
        return "take it inside, once: constrainit.project(model)"
    # A normalization has a scale so that the signal gets its size back.
    if record.variable.name == "gamma" and 0 < scaled < 1 / _MILD:
        return (
            f"leave this scale of {record.layer.name!r} without a constraint: inside its set it "
            f"makes the signal {scaled:.3g} times as large"
        )
    if record.argument == "bias":
        return (
            "start inside, or leave the bias without a constraint: neither a monotone nor a convex "
            "model asks for its sign"
        )
    return f"start inside: {_beside_its_constraint(record)} or call constrainit.prepare(model)"


def _beside_its_constraint(record):
    """Where the initializer is written: a layer of the user's own may not take it from outside."""
    layer, name = record.layer, record.argument
    takes = all(hasattr(layer, f"{name}_{what}") for what in ("constraint", "initializer"))
    if takes or not is_custom(layer):
        return "give the layer **constrainit.constrained(...)"
    a_set = as_set(record.constraint)
    its = ""
    if isinstance(a_set, Custom):
        its = f"ci.as_set({as_made(users_own(record.constraint))})"
    return (
        f"write add_weight(..., constraint={its or written(a_set)}, "
        f"initializer={f'{its}.initializer()' if its else drawn_from(a_set)})"
    )
