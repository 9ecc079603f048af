"""CW212 update-undone."""

import math

from constrainit.doctor._constraint_doubts import pulls
from constrainit.doctor._undone import ENOUGH
from constrainit.doctor.rules._rule import Rule, percent
from constrainit.model import axes_in_use
from constrainit.sets import Fixed
from constrainit.sets.custom import own_name


class UpdateUndone(Rule):
    """A constraint takes every update of its weight back.

    A constraint that rounds, to whole numbers, to signs or to a grid, has the last word: the step
    of the optimizer is smaller than what it rounds away, and the weight never changes. The same is
    true of a sum or norm along an axis of length one, which divides each weight by itself. A
    softmax pulls every weight to equal shares, and leaves a small part of each step. So do bounds
    that leave one weight only, a threshold below which all weights are, a comparison that is
    returned in place of the weights times it, and a norm of one for a single number, as a bias of
    one unit: it is 1 or -1 and stays so. The gradients are sound, and the other weights learn, so
    that the loss still falls a little.

    Adam makes every step as long as the learning rate, however large its gradient is. Where all
    gradients of a unit have one sign, as those of shares of a sum in a penalty do, each weight
    moves by the same, and the sum takes just that back.

    Example:
        def ternary(w):
            return ops.clip(ops.round(w), -1, 1)

        layers.Dense(8, kernel_initializer="random_normal", kernel_constraint=ternary)

    Use instead:
        ci.Reparametrized(layers.Dense(8), kernel=ci.Grid(1.0, -1.0, 1.0))

    Known limits:
        Reported where the opposites of the updates are taken back as well: a weight that is held at
        a bound of its set, from where it can come back, is not. Models of which fewer than four
        steps are taken are not looked at, nor is a `Fixed` weight, which is meant to stay. A bias
        that starts at zero and is held there is a note. Steps of one length are told where steps of
        SGD that are as long take a twentieth off the loss of examples that are not trained on.

    Source:
        datascience.stackexchange.com/questions/14533; Courbariaux, Bengio and David, BinaryConnect
        (2015): the weights that are rounded need others beside them that are not.
    """

    code, name, stage = "CW212", "update-undone", "training"
    numbers = ("pulled", "moved", "update", "signs", "rate", "compares")

    def find(self, evidence):
        for made in evidence.constraints:
            if made.signs and ((made.undone or 0) < ENOUGH or _single(made) is None):
                yield self._of_signs(made)
                continue
            if (made.undone or 0) < ENOUGH or isinstance(made.record.constraint, Fixed):
                continue
            axis = _single(made)
            where = {} if axis is None else {"axis": [axis], "unit_axes": _others(made, axis)}
            signs = {"signs": 1} if made.signs else {}
            pulled = {"pulled": made.shrinks} if _pulls(made) else {}
            compares = {"compares": 1} if made.compares else {}
            yield self.at_weight(
                made,
                f"its constraint {made.text} takes back {'most of ' if _pulls(made) else ''}what "
                f"each of {made.undone} steps moved: {_why(made, axis)}",
                _fix(made, axis),
                {
                    "moved": 0.0,
                    "update": made.update or 0.0,
                    **where,
                    **signs,
                    **pulled,
                    **compares,
                },
                level="info" if _is_no_bias(made) else self.level,
            )
        if evidence.alike is not None:
            yield self._alike(evidence.alike)

    def _alike(self, seen):
        before, given, along = seen.losses
        name = seen.record.path.split("/")[-1]
        return self.made(
            f"its constraint takes back all that each of {seen.times} steps moved: the optimizer "
            "moves every weight of a unit by the same, whatever its gradient is. The loss of "
            f"examples that are not trained on goes from {before:.4g} to {given:.4g}, and with "
            f"steps of SGD that are as long to {along:.4g}",
            f"an optimizer whose steps follow the gradient, such as SGD({seen.rate:g}), or a "
            f"smooth map onto the set, constrainit.Reparametrized(layer, {name}=...)",
            {"moved": 0.0, "rate": seen.rate},
            layer=seen.record.layer.name, weight=seen.record.path,
        )  # fmt: skip

    def _of_signs(self, made):
        """A finding where a norm of one is that of a single number."""
        unit = "its one number" if made.start.size == 1 else "each of its numbers"
        return self.at_weight(
            made,
            f"its constraint {own_name(made.record.constraint)} leaves of {unit} the sign: a norm "
            "along an axis of length 1 is the number's own size, and what a step moves is taken "
            "back unless it turns the sign",
            "leave it without this constraint, or bound its size, as constrainit.MaxNorm(2.0) "
            "does, which lets it move",
            {"signs": 1, "update": made.update or 0.0},
        )  # fmt: skip


def _is_no_bias(made):
    """Whether it is a bias that starts at zero and is held there, as if there was none."""
    zero = made.image is not None and not made.image.norm and not made.start.norm
    return made.always and zero and made.record.argument == "bias"


def _pulls(made):
    return not made.always and pulls(made.shrinks)


def _narrow(made):
    return made.only and not _pulls(made)


def _single(made):
    """The axis of a single entry that its sums or norms run along; None if it is not that."""
    alone = [axis for axis, size in enumerate(made.record.shape) if size == 1]
    if made.compares or made.emptied or not alone or len(made.record.shape) < 2:
        return None
    if made.always:
        return alone[0]
    # A norm of one number leaves its sign, so that not all weights become the same.
    used = None if made.custom else axes_in_use(made.record)
    return used[0] if used and set(used) <= set(alone) else None


def _others(made, axis):
    return [other for other in range(len(made.record.shape)) if other != axis]


def _why(made, axis):
    if made.emptied:
        largest = max(abs(made.start.minimum), abs(made.start.maximum))
        return (
            f"it makes all of its {made.start.size} numbers zero at the first step, of which the "
            f"largest is {largest:.3g} at the start, and leaves only larger ones"
        )
    if made.compares:
        return (
            "it gives 0 or 1 for each number, as a comparison does, and nothing of the number "
            "itself"
        )
    if axis is not None and not made.always:
        return (
            f"it leaves of each number its sign, as a norm along its axis {axis}, of length 1, "
            "divides each number by its own size"
        )
    if axis is not None:
        return (
            f"it gives the same whatever the weight is, as a sum or norm along its axis {axis}, of "
            "length 1, divides each number by itself"
        )
    if made.always:
        return "it gives the same whatever the weight is"
    if made.contradicts is not None:
        return "no weight obeys both of its rules, and it leads each to the same one"
    if _narrow(made):
        return (
            "it leads whatever it is given to the same weights, random ones and a hundred times as "
            "large ones, too: its bounds leave no others"
        )
    if _pulls(made):
        return (
            f"of a random movement as large it leaves {percent(made.shrinks)}, and less "
            "each time that it is called: it pulls every weight to the same one"
        )
    if not made.start.norm:
        each = (made.update or 0.0) / math.sqrt(made.start.size)
        return (
            f"it starts at zero, and what a step moves a number by, {each:.2g} on average, is less "
            "than what it rounds away"
        )
    return f"an update of {percent(made.update, 'its norm')} is less than what it rounds away"


def _fix(made, axis):
    if made.emptied:
        return (
            "a threshold below most of the weights as they start, or one that is raised as they "
            "grow: a kernel of zeros gives the same for all inputs, and what is behind a relu gets "
            "no gradient"
        )
    if made.compares:
        return (
            "multiply the weight by what is compared, as w * cast(w >= 0), or take the set that is "
            "meant, such as constrainit.NonNegative(); if 0 and 1 are meant, train a float weight "
            "and compute with the rounded one, constrainit.Grid(1.0, 0.0, 1.0)"
        )
    if axis is not None:
        return (
            f"add up along axis={_others(made, axis)[0]}, of which the weights share a sum or norm"
        )
    if _is_no_bias(made):
        return "leave it out, with use_bias=False, if that is meant"
    if made.always:
        return (
            "leave the weight free to move inside of a set, or make it trainable=False; bounds "
            "given in the wrong order, the larger one first, leave one number as well"
        )
    if _narrow(made) or made.contradicts is not None:
        return (
            "give its bounds room: least shares that add up to more than the sum, or largest ones "
            "that add up to less, leave equal shares only; and return the nearest weight within "
            "them, as constrainit.Simplex() & constrainit.Box(lower, upper) does"
        )
    if _pulls(made):
        return (
            "return the nearest member of the set, which leaves members as they are, as the sets "
            "of constrainit do, such as Simplex(); or keep a free weight without this constraint "
            "and compute with what it gives, where it is a smooth map as a softmax"
        )
    return (
        "train a float weight without this constraint, and compute with the rounded one: "
        "constrainit.Reparametrized(layer, kernel=constrainit.Grid(step, lower, upper))"
    )
