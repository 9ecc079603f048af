"""What the same training tells with something changed."""

from dataclasses import dataclass, field
from typing import Any

from constrainit.doctor._misfits import Constant
from constrainit.model import WeightRecord


@dataclass(frozen=True)
class AverageEvidence:
    """A weight whose moving average, which the optimizer keeps, is outside of its set.

    Attributes:
        record: The weight.
        outside: How far outside the average is after the steps, for which no callback was called.
        held: How far outside the average is that the model's own optimizer came with; None where
            that has taken no steps.
        of_file: Whether the model came from a file, which holds no callbacks.
        ends_inside: Whether `fit` ends with its projection, as with each set of this library.
    """

    record: WeightRecord
    outside: float
    held: float | None = None
    of_file: bool = False
    ends_inside: bool = False


@dataclass(frozen=True)
class DropEvidence:
    """What layers that drop most of what they are given make of a training.

    Attributes:
        places: Their rates.
        steps: How many steps were taken with these.
        steps_kept: How many were taken with what they keep as rates.
        losses: The loss of examples that are not trained on, with nothing dropped: at the start,
            after the steps, and after those with the other rates.
        noise: The loss of those that are trained on, after the steps, with what is dropped.
        is_noise: Whether that is far above what the loss began with.
    """

    places: list[Any]
    steps: int
    steps_kept: int
    losses: tuple[float, float, float]
    noise: float
    is_noise: bool


@dataclass(frozen=True)
class SlowEvidence:
    """A weight that the steps hardly move, in a model that a higher rate trains.

    Attributes:
        record: The weight that moves least.
        size: Its largest entry, or what that becomes with the higher rate.
        moved: How far the first step moves it, relative to its norm.
        rate: The learning rate.
        factor: How many times as large the rate is that trains.
        steps: How many steps were taken.
        losses: The loss of examples that are not trained on: before, and after these steps with the
            rate as given and with the higher one, or without the clip.
        clip: Which arguments of the optimizer clip the gradients, where that is what slows it.
        free: How far the first step moves the weight without the clip.
        small: The size of the data and of the targets, by these words, where it is far below one
            and the steps are as long as the gradients, which it makes small.
    """

    record: WeightRecord
    size: float
    moved: float
    rate: float
    factor: float
    steps: int
    losses: tuple[float, float, float]
    clip: dict[str, float] = field(default_factory=dict)
    free: float = 0.0
    small: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class AlikeEvidence:
    """A weight that steps along the gradient train, and those of the optimizer do not move.

    Attributes:
        record: The weight.
        times: How many steps its constraint took back.
        rate: The learning rate with which a step of SGD is as long.
        losses: The loss of examples that are not trained on: before, and after the steps of the
            optimizer and of SGD.
    """

    record: WeightRecord
    times: int
    rate: float
    losses: tuple[float, float, float]


@dataclass(frozen=True)
class EndEvidence:
    """What a schedule that ends early leaves to learn.

    Attributes:
        rate: The largest rate.
        steps: The step from which on the rate is next to nothing.
        left: The share of the largest rate that is left then.
        times: How many times as long the schedule to compare with is.
        losses: The loss of examples that are not trained on: after the first step, after these
            steps with the schedule as given, and after twice as many with the longer one.
    """

    rate: float
    steps: int
    left: float
    times: int
    losses: tuple[float, float, float]


@dataclass(frozen=True)
class AxisEvidence:
    """A constrained weight whose model trains along another axis, and not along the given one.

    Attributes:
        record: The weight.
        given: The axes that were given.
        other: Those along which the model trains.
        loss: The loss along the given axes, from a start inside, and after the steps.
        loss_along: The same along the others.
        steps: How many steps that were.
        in_order: Whether the constraint puts numbers in order, which start in order along `other`.
        constant: What of a constraint has a number for each entry along `other`, and acts along
            `given`; None where it is not that.
        whole: The function that is called without an axis, and acts on all; empty if there is none.
    """

    record: WeightRecord
    given: tuple[int, ...]
    other: tuple[int, ...]
    loss: tuple[float, float]
    loss_along: tuple[float, float]
    steps: int
    in_order: bool = False
    constant: Constant | None = None
    whole: str = ""


@dataclass(frozen=True)
class WholeNormEvidence:
    """A bound of the norm of all entries of a matrix, with which the model learns nothing.

    Attributes:
        record: The weight.
        norm: The norm of all of its entries.
        left: How large its singular values are, at most, where they are alike.
        loss: The loss from a start inside, and after the steps.
        loss_bounded: From a start inside that bound for the largest singular value, and the least.
        steps: How many steps that were.
    """

    record: WeightRecord
    norm: float
    left: float
    loss: tuple[float, float]
    loss_bounded: tuple[float, float]
    steps: int


@dataclass(frozen=True)
class OverwriteEvidence:
    """An average that the optimizer puts in place of the weights again and again.

    Attributes:
        every: After how many steps.
        momentum: The share of the average that each step keeps.
        left: The share that is left of a steady movement of the weights.
        steps: How many steps were taken with it and without; 0 where that was not asked.
        losses: The loss at the start, after steps with it, and after as many without; or None.
    """

    every: int
    momentum: float
    left: float
    steps: int = 0
    losses: tuple[float, float, float] | None = None
