"""CW301 wrong-axis."""

from constrainit._gates import cut_across, gates_of, told_of
from constrainit._set import ConstraintSet
from constrainit.doctor._axes import is_of_one_channel
from constrainit.doctor._undone import ENOUGH
from constrainit.doctor.rules._rule import Rule, percent
from constrainit.doctor.rules._trained_axes import by_training
from constrainit.doctor.rules.cw101_infeasible_start import harmless, is_outside
from constrainit.model import wrong_axes
from constrainit.sets import Intersection, Orthogonal
from constrainit.sets.custom import own_name

MEANT = "right if that is meant"
"""What is said of axes that are no unit's and may be what a person wants."""


class WrongAxis(Rule):
    """A norm is taken along other axes than those that feed one unit of the layer.

    Keras' default `axis=0` is right for `Dense`. The kernel of `Conv2D` is `(height, width, in,
    out)`: along axis 0 the constraint bounds slices of a filter, and the filter's norm is bounded
    by nothing. Embedding rows, depthwise and transposed convolutions and the output kernel of
    attention have other layouts again. LSTM and GRU keep the matrices of their gates side by side
    in one kernel: that `Orthogonal` holds for all of them together is a note; that it holds for
    `Blocks` of which none is a gate is right nowhere.
    Where nothing tells along which axes a layer has its units, the model itself is asked: along the
    axis that was given it does not train, from a start inside either, and along another one it
    does. A spectral norm is that of a matrix: of a filter whose axis 0 is made the rows, as the
    layout of PyTorch has it, it is not that of the convolution, and a start that is right is made
    too small. Weights that start with the very sums, such as one, along an axis other than that of
    their constraint are meant to go on so.

    Example:
        bound = keras.constraints.MaxNorm(2)
        kernel = layers.Conv2D(8, 3, kernel_constraint=bound)
        keras.Sequential([keras.Input((8, 8, 3)), kernel])

    Use instead:
        bound = ci.MaxNorm(2)  # finds its axes from the layer
        kernel = layers.Conv2D(8, 3, kernel_constraint=bound)
        keras.Sequential([keras.Input((8, 8, 3)), kernel])

    Known limits:
        Knows the layers of Keras, not along which axes a layer of the user's own has its units.
        There, and of a constraint of the user's own, another `axis` is tried if the constraint
        moves the start much or the loss hardly falls: in small models, up to three others. It is
        reported where the loss falls along the other one, in 100 steps to below a quarter of that
        along the given one, which stays, or is that of a model that tells nothing of its targets.
        It is tried, too, if a weight starts in order along one axis, and its constraint puts it in
        order along another: reported where the loss is a quarter along the one in 50 steps. So is a
        vector in the code of a constraint, such as a sign for each input, that acts along the last
        axis of a weight of two equal lengths: where the start is moved much or the loss hardly
        falls, the vector is tried along the other axis for 100 steps. A
        constraint of the user's own is also reported where it scales weights along axes that have
        no meaning for the layer, such as the rows of all filters; not the rows of a `Dense` kernel,
        nor one channel of a filter, as that may be meant: the former are a note, and where the
        start is outside, CW101 says which axes they are. A set of constrainit that was given such
        an axis is a note where its weight starts inside and moves: that is meant. So are the rows
        of the last `Dense` kernel of a model whose targets are its inputs, as of a dictionary. A
        weight that is not trained is a note: no step applies a constraint to it. So is one whose
        constraint is the argument of a layer that gives it to other weights, too, along whose units
        it works: attention has one for four kernels.

    Source:
        keras-team/keras#474, keras-team/keras#3628 and vlawhern/arl-eegmodels#1; the shapes of the
        kernels are those of Keras 3.15.1.
    """

    code, name, stage = "CW301", "wrong-axis", "build"
    numbers = (
        "loss_after",
        "loss_given",
        "loss_along",
        "bound",
        "norm",
        "gates",
        "jump",
        "smallest unit norm",
        "largest unit norm",
    )

    def find(self, evidence):
        for seen in evidence.other_axes:
            yield self._by_training(seen, seen.steps >= len(evidence.losses))
        known = [
            one
            for one in evidence.other_axes
            if one.in_order or one.constant is not None or one.whole
        ]
        told = {seen.record.path for seen in known}
        for made in [one for one in evidence.constraints if one.record.path not in told]:
            if made.held is not None:
                yield self._by_start(made)
                continue
            if made.record.path in evidence.transposed:
                yield self._of_transpose(made)
                continue
            axes = wrong_axes(made.record)
            if axes is None and made.axes is not None and made.record.axes is not None:
                axes = made.axes, made.record.axes
            if axes is None and _is_across(made):
                yield self._across(made)
            if axes is None:
                yield from self._of_gates(made)
                continue
            used, right = (list(axis) for axis in axes)
            if made.unfolded is not None:
                yield self._of_a_matrix(made, used, right)
                continue
            if made.atoms:
                yield self._of_atoms(made, used, right)
                continue
            own = isinstance(made.record.constraint, ConstraintSet)
            note = own and not _does_harm(made)
            trained = made.record.variable.trainable
            yield self.at_weight(
                made,
                f"its constraint {_name(made)} works along axis {used}, but a unit of "
                f"{type(made.record.layer).__name__} is fed along {right}: "
                f"{_harm(made, own, note)}{_of_others(made)}",
                _fix(made, own, right),
                {"axis": used, "unit_axes": right, **made.units},
                level="info" if note or made.served or not trained else "warning",
            )

    def _by_training(self, seen, longer):
        """A finding where only training tells that other axes are right."""
        record, given = seen.record, seen.loss[1]
        by_itself = longer or seen.in_order or seen.constant is not None or bool(seen.whole)
        numbers = {
            "axis": list(seen.given), "unit_axes": list(seen.other),
            "loss_along": seen.loss_along[1],
            **({"loss_given": given} if by_itself else {"loss_after": given}),
        }  # fmt: skip
        message, fix = by_training(seen)
        return self.made(message, fix, numbers, layer=record.layer.name, weight=record.path)

    def _by_start(self, made):
        """A finding where the start is what the constraint is to keep, along another axis."""
        used, right = made.held
        return self.at_weight(
            made,
            f"its constraint {_name(made)} works along axis {used}, but as it starts it has along "
            f"axis {right} exactly the sums, or norms, that the constraint gives along axis "
            f"{used}: the first step moves it by {percent(made.jump, 'its norm')}, away from there",
            f"write axis={right} in place of axis={used}",
            {"axis": [used], "unit_axes": [right], "jump": made.jump},
        )

    def _of_transpose(self, made):
        """A finding where the start is inside if rows and columns change places."""
        return self.at_weight(
            made,
            f"its constraint {_name(made)} moves the start by {percent(made.jump, 'its norm')}, "
            "and leaves the transpose of it as it is: what it has for each row acts along the "
            f"columns, or the other way around, as both are {made.record.shape[0]}",
            "lay it out along the other axis, as with keras.ops.expand_dims(..., -1)",
            {"jump": made.jump},
        )

    def _of_a_matrix(self, made, used, right):
        """A finding where a filter is turned into another matrix than that of its units."""
        (bound, own), kind = made.unfolded, type(made.record.layer).__name__
        return self.at_weight(
            made,
            f"its constraint {_name(made)} gives a spectral norm of {bound:.3g} to the kernel as a "
            f"matrix with axis {used} as its rows, but a unit of {kind} is fed along {right}: the "
            f"matrix of its units has {own:.3g} then",
            "reshape the kernel to (-1, filters), or use constrainit.SpectralNorm, which bounds "
            "the convolution itself",
            {"axis": used, "unit_axes": right, "bound": bound, "norm": own},
        )

    def _of_atoms(self, made, used, right):
        """A note where the rows of a last kernel are what a model puts its answers together of."""
        return self.at_weight(
            made,
            f"its constraint {_name(made)} works along axis {used}, where a unit is fed along "
            f"{right}: it holds the rows of the last layer of a model that is to give what it is "
            "given, of which it puts that together: right if that is meant",
            f"if it is to hold for each unit, write axis={right}",
            {"axis": used, "unit_axes": right}, level="info",
        )  # fmt: skip

    def _across(self, made):
        """A note where a constraint of the user's own runs across units, which may be meant."""
        used, right = list(made.rows), list(made.record.axes)
        return self.at_weight(
            made,
            f"its constraint {_name(made)} works along axis {used}, but a unit of "
            f"{type(made.record.layer).__name__} is fed along {right}: {MEANT}",
            f"if it is to hold for each unit, write axis={right}",
            {"axis": used, "unit_axes": right}, level="info",
        )  # fmt: skip

    def _of_gates(self, made):
        """Where a set of matrices sees several of them as one: a note, or cuts across them."""
        record, name = made.record, _name(made)
        gates = gates_of(record.layer)
        blocks = cut_across(record.constraint, record.layer, record.shape)
        if blocks is not None:
            yield self.at_weight(
                made,
                f"its constraint {name} holds for {told_of(blocks, record.layer)}",
                f"for each gate by itself write {gates} in place of {blocks.count}",
                {"gates": gates},
                level="warning" if record.variable.trainable else "info",
            )
        if gates > 1 and type(record.constraint) is Orthogonal and len(record.shape) == 2:
            yield self.at_weight(
                made,
                f"its constraint {name} holds for the {gates} gates of "
                f"{type(record.layer).__name__} side by side, not for the matrix of each: right if "
                "that is meant",
                f"for each gate by itself write Blocks({name}(), {gates})",
                {"gates": gates}, level="info",
            )  # fmt: skip


def _is_across(made):
    """Whether a constraint of the user's own runs across units, and CW101 does not say so."""
    rows = made.rows
    return rows is not None and not is_outside(made) and not is_of_one_channel(made.record, rows)


def _name(made):
    constraint = made.record.constraint
    parts = constraint.sets if isinstance(constraint, Intersection) else [constraint]
    return " & ".join(map(own_name, parts))


def _of_axes(made):
    """The names of the sets that have axes, of a set that applies one, or consists of several."""
    return " and ".join(dict.fromkeys(own_name(one) for one in _with_axes(made.record.constraint)))


def _with_axes(constraint):
    inner = getattr(constraint, "set", None)
    parts = [inner] if isinstance(inner, ConstraintSet) else getattr(constraint, "sets", None)
    if parts is not None:
        for one in parts:
            yield from () if one is None else _with_axes(one)
    elif constraint.unit_axis is not None:
        yield constraint


def _does_harm(made):
    """Whether a set of ours does not fit the start along the axes that it was given, or a step.

    Whoever gives it others than those of the units may mean them, and starts inside then.
    """
    return (made.undone or 0) >= ENOUGH or not harmless(made)


def _if_meant(made):
    """What there is to do for a set that is along the axis that was meant."""
    inside = harmless(made) or (made.undone or 0) >= ENOUGH
    return "" if inside else "; if not, start inside: constrainit.prepare(model)"


def _harm(made, own, note):
    if note:
        return MEANT
    if own and (made.undone or 0) >= ENOUGH:
        return f"along its own axis it takes back what each of {made.undone} steps moved"
    if own:
        return (
            f"along its own axis the start is not inside, and the first step moves it by "
            f"{percent(made.jump, 'its norm')}"
        )
    largest = made.units.get("largest unit norm")
    shown = "" if largest is None else f" (now up to {largest:.3g})"
    return f"the norm of a whole unit{shown} is not what it bounds"


def _of_others(made):
    """Why no other axis can be written, where it would be that of other weights, too."""
    if made.served is None:
        return ""
    return (
        f". It is {made.served.argument!r} of {made.served.layer!r}, which other weights have, "
        f"too, along whose units it works: {', '.join(made.served.fits)}. No axis is right for all"
    )


def _fix(made, own, right):
    if made.served is not None:
        return (
            f"give {made.served.layer!r} a set of constrainit as {made.served.argument!r}, without "
            "an axis: it finds those of each weight itself"
        )
    if own:
        return (
            f"if it is to hold for each unit, leave `axis` out of {_of_axes(made)}, which finds "
            f"the axes itself{_if_meant(made)}"
        )
    return f"write axis={right}, or use a set of constrainit, which finds the axes itself"
