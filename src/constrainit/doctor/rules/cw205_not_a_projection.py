"""CW205 not-a-projection."""

from constrainit.doctor._reductions import advice
from constrainit.doctor.rules._rule import Rule, percent

_NOTICEABLE = 1e-3
_LARGE = 0.5
"""A share of the norm that no rounding, and no second rule, moves a weight by at each call."""

_LATER = 1e-2
"""An iteration of a few steps, as for orthogonal weights, leaves less behind a common update."""


class NotAProjection(Rule):
    """A constraint moves weights that it has just returned.

    A projection leaves alone what is already inside. A map that does not keeps pulling the weights
    along at every step, whatever the gradient says: they drift, shrink or overflow. Frequent cause:
    a sum or norm without `keepdims=True`, which broadcasts along the wrong axis of a square kernel.
    That is told of a drawn weight as well, as a start that is the same everywhere hides it.

    Example:
        def shares(w):
            return ops.abs(w) / ops.sum(ops.abs(w), axis=1)

        layers.Dense(4, kernel_constraint=shares)

    Use instead:
        def shares(w):
            return ops.abs(w) / ops.sum(ops.abs(w), axis=1, keepdims=True)

        layers.Dense(4, kernel_constraint=shares)

    Known limits:
        Reported from 0.1 % of the norm on, after the steps from 1 %: Keras' own constraints move
        their images by up to 5e-7, because of their epsilon. A constraint that is meant to act part
        of the way is one of `Relaxed`, which is not reported.

    Source:
        Idempotence is what defines a projection. The worst healthy value among the collected models
        is 4.6e-7.
    """

    code, name = "CW205", "not-a-projection"
    numbers = ("moved_again",)

    def find(self, evidence):
        for made in evidence.constraints:
            # What it keeps of the calls before tells it apart, which CW207 says.
            if made.repeat > _NOTICEABLE or made.grown or made.assigned:
                continue
            if made.again > _NOTICEABLE:
                yield self.at_weight(
                    made,
                    f"its constraint {made.text} moves its own result by "
                    f"{percent(made.again, 'its norm')} when it is called again{_whither(made)}"
                    f"{_across(made)}",
                    _fix(made),
                    {"moved_again": made.again},
                )
            elif made.crossing > _LATER:
                yield self._of_rows(made)
            elif made.later > _LATER:
                yield self.at_weight(
                    made,
                    f"its constraint {made.text} moves its own result by "
                    f"{percent(made.later, 'its norm')} when it is called again on the weight "
                    f"after the steps, though not at the start: {_why_later(made)[0]}",
                    "return a member of the set, for which the constraint changes nothing"
                    f"{_why_later(made)[1]}",
                    {"moved_again": made.later},
                )

    def _of_rows(self, made):
        """A finding that the start hides, as one that is the same everywhere."""
        return self.at_weight(
            made,
            f"its constraint {made.text} moves its own result, of a drawn weight, by "
            f"{percent(made.crossing, 'its norm')} when it is called again, though not of the "
            f"start, which hides it{_across(made)}",
            _fix(made),
            {"moved_again": made.crossing},
        )


def _across(made):
    if not made.crossing > 0:
        return ""
    return (
        f": what it computes from row j of the {made.record.shape[0]} acts on column j, as a "
        "reduction along the last axis does that loses it in a square matrix"
    )


def _towards_zero(made):
    if not made.fading:
        return ""
    norms = " -> ".join(f"{norm:.3g}" for norm in made.fading[:4])
    step = "" if made.update is None else f", where an update moves it by {percent(made.update)}"
    return f": its norm goes {norms} and on towards zero{step}"


def _whither(made):
    if made.lag is None:
        return _towards_zero(made)
    return f": it goes {percent(made.lag.rate)} of the way to its set at each call"


def _fix(made):
    if made.lag is not None:
        return (
            "go all the way; if part of it is meant, write ci.Relaxed(set, rate="
            f"{made.lag.rate:.3g}) with the set, which the start and constrainit.project know"
        )
    if made.fading:
        return (
            "what is to draw weights to zero is a penalty: kernel_regularizer, or the optimizer's "
            "weight_decay; a step of it in a constraint must be as small as the learning rate"
        )
    member = "return a member of the set, for which the constraint changes nothing"
    return "; ".join(filter(None, (member, advice(made.record.constraint))))


def _why_later(made):
    """What the end of the message, and that of the fix, say of a weight after the steps."""
    if made.later > _LARGE:
        return "each call moves what the last one has given as far again", ""
    return (
        "what it does last undoes what it did first",
        ": two sets one after the other are not both obeyed, such as a sum and then bounds; "
        "constrainit.Simplex() & constrainit.Box(...) are",
    )
