"""What is asked of a model only where there is reason: the first part of the evidence."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Asked:
    """What is asked only where there is reason, each once.

    Attributes:
        small_exponentials: Exponentials that are next to nothing at the start, where only larger
            ones train.
        untouched: Coordinates that several layers all leave as they are, and should not.
        levelled: Layers that make the places of an example alike, where fewer of them train.
        exchanged_labels: Labels that a loss takes the other way around.
        masked_softmax: A softmax beside a product with a mask, which should come before it.
        clipped: Weights that start outside of where the user's code clips them.
        picked_rows: A table few rows of which are picked as the nearest.
        reshaped: A `Reshape` that should exchange two axes.
        otherwise: One thing with which the model learns that learns little as it is; asked once.
        rounded_away: Layers of the user's own that round all of something to zero at the start.
        wide_sines: Hidden layers whose sines are given numbers over many periods, and should not.
        loud_noise: Weights of the user's own layers that scale noise, where less of it trains.
        not_skew: A Cayley transform of a matrix that is not skew-symmetric, where signals grow.
        in_prediction: Layers of the user's own that compute something else in prediction.
        windows: A line that cuts the gradient of nearly all of a signal, where less of it trains.
        uncut: Weights that a `stop_gradient` keeps from learning what they could.
        ordered_against: Weights whose order along an axis the data contradict.
        identities: Frozen normalizations with the statistics of new ones, that should be trained.
        costly_truth: A loss that is largest where predictions are the targets.
        backwards: Recurrences whose sequences should be turned along time.
        sums_of_shares: A likelihood of shares whose predictions add up to more than one.
        finite_inside: The paths of weights that start outside of their sets, where the first pass
            is not finite, and is with them inside.
        transposed: The paths of square weights that start far outside of their sets, and inside if
            rows and columns change places.
        lost_inside: The paths of such weights where it is finite, and is not with them inside.
        same_inside: The paths of weights that start outside of their sets, where the model gives
            the same as with them inside.
    """

    small_exponentials: Any = None
    untouched: Any = None
    levelled: Any = None
    exchanged_labels: Any = None
    reshaped: Any = None
    otherwise: Any = None
    picked_rows: Any = None
    clipped: Any = None
    masked_softmax: Any = None
    rounded_away: list[Any] = field(default_factory=list)
    wide_sines: Any = None
    loud_noise: Any = None
    not_skew: Any = None
    in_prediction: Any = None
    windows: Any = None
    uncut: Any = None
    ordered_against: list[Any] = field(default_factory=list)
    identities: Any = None
    costly_truth: Any = None
    backwards: Any = None
    sums_of_shares: Any = None
    finite_inside: set[str] = field(default_factory=set)
    same_inside: set[str] = field(default_factory=set)
    lost_inside: set[str] = field(default_factory=set)
    transposed: set[str] = field(default_factory=set)
