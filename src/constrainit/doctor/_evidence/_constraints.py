"""What a probe measured of constrained weights."""

from dataclasses import dataclass, field
from typing import Any

from constrainit.doctor._frames import Fault
from constrainit.doctor._kept_tensors import Kept
from constrainit.doctor._misfits import Constant
from constrainit.doctor._own_copies import Shared
from constrainit.doctor._statistics import Numbers
from constrainit.doctor.trace import Operation
from constrainit.model import WeightRecord

_MANY = 10.0


@dataclass(frozen=True)
class ServedEvidence:
    """An argument that gives several weights of a layer one constraint, and fits only some.

    Attributes:
        argument: Its name.
        layer: Name of the layer that it was given to.
        fits: Paths of the weights along whose units the constraint works.
    """

    argument: str
    layer: str
    fits: tuple[str, ...]


@dataclass(frozen=True)
class SumEvidence:
    """A constraint that divides units by their sums, which may be near zero or below it.

    Attributes:
        least: The least sum, relative to that of the magnitudes.
        factor: By how much the largest entry grows.
        sets: Whether it leaves some entries out, which it sets itself to the same in all units.
        below: How many of the sums are below zero.
        units: How many sums there are.
    """

    least: float
    factor: float
    sets: bool
    below: int
    units: int


@dataclass(frozen=True)
class LagEvidence:
    """A weight whose constraint goes part of the way at each step, and is not there after them.

    Attributes:
        outside: How far it is from its set then, relative to its norm.
        rate: The share of the way that the constraint goes.
        left: How many steps it takes from there to come within 1 %, by the constraint alone.
        taken: After how many steps that is.
    """

    outside: float
    rate: float
    left: int
    taken: int


@dataclass
class ConstraintEvidence:
    """One constrained weight: its values before and after its constraint.

    Distances are relative to the norm of the initial weight.

    Attributes:
        record: The weight.
        text: The constraint in one line.
        custom: Whether the constraint is the user's own, of which only the values are known.
        start: The initial weight.
        image: The initial weight after the constraint, or None if that failed.
        violation: How far outside the start is, in the units of the weight.
        stuck: How far outside the image still is, in the units of the weight.
        lacking: What no weight of this shape seems to be; empty if the set has members.
        contradicts: A bound in its code and a sum that it gives, where no weight has both.
        share_moved: Share of the entries that the constraint changes at the start.
        jump: How far the constraint moves the start.
        rescaled: The least and largest factor by which the constraint scales a unit of the start,
            if scaling is all that it does; else None.
        fault: What the constraint raised.
        misfits: If it raised, or gave another shape, its constants that do not fit the weight.
        shared: What its object, which other weights have as well, keeps of the first of them; None
            if that is not what is at fault.
        gates: If it raises, or gives another shape, and does not for each gate by itself: how many
            gates lie side by side; else 0.
        shape: The shape that the constraint returned.
        dtype: The dtype that the constraint returned.
        again: How far the constraint moves its own image, relative to the image.
        later: How far it moves its image of the weight after the steps, where it had left alone
            that of the start.
        leap: How far it leaps beside the weight after the steps to a member that is farther away,
            relative to its norm; None if no leap was found.
        lag: How late it is where it goes part of the way at each step; None for others.
        grown: The norms of the start, of its image, and of the images of these, if they grow at
            each call until they are not finite; else empty.
        fading: The same norms, if they fall at each call, by about as much.
        shrinks: What it leaves of a random movement as large as an update, relative to it, where
            updates are undone.
        axes: The axes along which a constraint of the user's own takes norms, where these are none
            that the weight has a meaning for.
        rows: The same, where they have one, and are not those of its units; or those of its sums.
        held: The axis of its sums or norms, and another one along which the start has the same.
        crossing: How far it moves what it makes of a drawn weight, where its sums of rows act on
            columns; else 0.
        unfolded: Where it takes a filter's spectral norm along other axes than those that feed a
            unit: that norm, which it gives each weight, and what the norm along those is then.
        served: Where it does not work along units: the argument that it comes from, if that is the
            one of other weights, along whose units it does.
        bound: The units of a kernel that alone it binds, all of their weights alike.
        idle: Whether it gives back any weight as it is.
        zeros_left: Where it does, the share of zeros after the steps.
        repeat: How far apart two calls on the same weight are, relative to the start.
        counted: The numbers that it keeps and each call changes, in three calls.
        assigned: The variables of its own that it assigns to, and that what it gives depends on.
        kept: A tensor of its first call that it keeps for the later ones; None if there is none.
        update: How far the gradient step alone moves the weight.
        step: How far the gradient step and the constraint together move the weight.
        after_step: The weight after that step.
        broken: The weight after a later step, where the constraint has made NaN of it.
        operation: Its operation that does so first, or that makes NaN of the start; None if it is
            not known, or nothing is lost.
        saving: Why the constraint can not be saved and loaded, or an empty string.
        left_out: The arguments of its class that its config lacks, and what they are.
        rebuilt_by: The wrapper of Keras that has made its layer from a config, or an empty string.
        overrides: Whether the class defines `__call__` at all.
        across: The factors of `rescaled`, for units along the axes that it works along, where those
            are others than what feeds a unit.
        atoms: Whether these are meant: rows of the last kernel of a model that is to give what it
            is given.
        signs: Whether it leaves of each weight no more than the sign, as a norm of one number does.
        only: Whether it leads all weights to the same in the end, where updates are undone.
        compares: Whether it gives 0 or 1 for each entry, as a comparison, where updates are undone.
        emptied: Whether it makes all zero, and would leave larger ones, where updates are undone.
        by_entry: Whether it gives each entry by itself, where it leaps.
        units: The least and largest norm of a unit at the start, where it is known what a unit is.
        zeroed: Share of the entries that are zero at the start, and after the constraint.
        piled: Share of the entries that were beyond an end of what it gives, and are put there, and
            that end; None where nearly all or nearly none are.
        sums: What sums those are, if it divides units of both signs by their sums; else None.
        bias: How far the image is from the nearest member, where the set is known, relative to
            the norm of that member.
        undone: How many updates in a row, from the second on, the constraint took back, as it would
            do with the opposite of the first of them; None once one got through.
        alike: How many updates in a row it took back at a right angle to its set, where it would
            leave other movements.
        always: Whether it gives the same for other weights, too, where updates are undone.
        taken_back: The most that it took back of a step, relative to the weight, where the
            optimizer would not have called it.
        pressed: For each entry of a number or a vector: how many of the last steps in a row it has
            put back to where the entry was, those from below it with a minus.
    """

    record: WeightRecord
    text: str
    custom: bool
    start: Numbers
    image: Numbers | None = None
    violation: float = 0.0
    stuck: float = 0.0
    lacking: str = ""
    contradicts: Any = None
    share_moved: float = 0.0
    jump: float = 0.0
    rescaled: tuple[float, float] | None = None
    fault: Fault | None = None
    misfits: list[Constant] = field(default_factory=list)
    shared: Shared | None = None
    gates: int = 0
    shape: tuple[int, ...] | None = None
    dtype: str | None = None
    again: float = 0.0
    later: float = 0.0
    leap: float | None = None
    lag: LagEvidence | None = None
    grown: list[float] = field(default_factory=list)
    fading: list[float] = field(default_factory=list)
    shrinks: float | None = None
    axes: tuple[int, ...] | None = None
    rows: tuple[int, ...] | None = None
    held: tuple[int, int] | None = None
    crossing: float = 0.0
    unfolded: tuple[float, float] | None = None
    served: ServedEvidence | None = None
    bound: tuple[int, ...] = ()
    idle: bool = False
    zeros_left: float | None = None
    repeat: float = 0.0
    counted: dict[str, list[float]] = field(default_factory=dict)
    assigned: list[str] = field(default_factory=list)
    kept: Kept | None = None
    update: float | None = None
    step: float | None = None
    after_step: Numbers | None = None
    broken: Numbers | None = None
    operation: Operation | None = None
    saving: str = ""
    left_out: dict[str, Any] = field(default_factory=dict)
    rebuilt_by: str = ""
    overrides: bool = True
    across: tuple[float, float] | None = None
    atoms: bool = False
    signs: bool = False
    only: bool = False
    compares: bool = False
    emptied: bool = False
    by_entry: bool = False
    units: dict[str, float] = field(default_factory=dict)
    zeroed: tuple[float, float] = (0.0, 0.0)
    piled: tuple[float, float] | None = None
    sums: SumEvidence | None = None
    bias: float = 0.0
    undone: int | None = 0
    alike: int = 0
    always: bool = False
    taken_back: float = 0.0
    pressed: Any = None

    @property
    def blown(self) -> float:
        """By how much the constraint makes the start larger, where that is many times; else 0.

        To entries above one, that is: small weights of which it makes a norm of one are none.
        """
        if self.image is None or not self.start.norm or self.image.nonfinite:
            return 0.0
        factor = self.image.norm / self.start.norm
        large = max(abs(self.image.minimum), abs(self.image.maximum)) > 1
        return factor if large and factor > _MANY else 0.0

    @property
    def changes(self) -> bool:
        """Whether another call does another thing, at this weight or at others."""
        return self.repeat > 0 or bool(self.counted)


@dataclass
class CornerEvidence:
    """A constrained weight at the bounds of its set, where the layer that uses it is not finite.

    Attributes:
        record: The weight.
        text: Its set in one line.
        value: Range of the weight there.
        everywhere: Whether every entry had to lie at the bound.
        operation: The operation that is at fault, where it was found.
        free: Whether it has no set at all, and the steps have taken entries through zero.
        inside: Whether the weight is at no bound of its set where training fails.
        far: How far the entry that is nearest to where it is put there starts from it.
    """

    record: WeightRecord
    text: str
    value: Numbers
    everywhere: bool
    operation: Operation | None = None
    free: bool = False
    inside: bool = False
    far: float = 0.0


@dataclass(frozen=True)
class SwitchEvidence:
    """A weight that changes the loss, and nothing that the model predicts.

    Attributes:
        record: The weight.
        share: The part of the loss that it multiplies, or None if it multiplies none.
        far: Else the loss, below zero, with the weight far off on the way that it takes.
    """

    record: WeightRecord
    share: float | None
    far: float | None


@dataclass(frozen=True)
class TwiceEvidence:
    """A weight with a lower bound that its layer takes through a positive map.

    Attributes:
        record: The weight.
        map: Name of the map.
        low: The bound.
        least: What the map gives there.
        falls: Whether the steps moved the weight towards the bound.
    """

    record: WeightRecord
    map: str
    low: float
    least: float
    falls: bool
