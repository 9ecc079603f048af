"""Which weights of a model are logged, and under which names."""

from collections import Counter
from typing import Any

import keras
import numpy as np

from constrainit._effective import EffectiveRecord, computed_records
from constrainit._joint import Member
from constrainit._reparametrized import seen_records
from constrainit._seen import trained_of
from constrainit.callbacks._log_adapted import Adapted
from constrainit.callbacks._log_watch import Watch, Watched
from constrainit.log._storage import Weight
from constrainit.model import WeightRecord, matching, walk


def chosen(model: keras.Model, weights: Any, bins: int, entries: int) -> Watch:
    """The weights of a model that a log is to watch.

    Args:
        model: A built model.
        weights: Patterns, or None for those that have a constraint.
        bins: Of the histograms.
        entries: Up to how many entries a weight is kept whole.

    Raises:
        ValueError: The model is not built, a pattern matches nothing, or nothing is constrained.
    """
    made = {id(r.variable): r for r in computed_records(model) if not r.hidden}
    records = [made.get(id(r.variable), r) for r in walk(model)]
    records = [r for r in records if "float" in r.dtype and 0 not in r.shape]
    seen = [r for r in seen_records(model) if "float" in r.dtype and 0 not in r.shape]
    records += seen
    if weights is None:
        found = [r for r in records if r.constraint is not None] + seen
        if not found:
            raise ValueError(
                f"`WeightLog` finds no weight with a constraint in {model.name!r}. To log others, "
                "name them: WeightLog(path, weights='*/kernel')."
            )
    else:
        matched = [r for p in weights for r in matching("WeightLog", records, p)]
        wanted = {id(r.variable) for r in matched}
        found = [r for r in records if id(r.variable) in wanted]
    paths = _different(_names(records, found))
    return Watch([_watched(*pair, entries) for pair in zip(found, paths, strict=True)], bins)


def _names(records, found):
    """The paths, but the places where Keras has one path for several weights of a model."""
    counts = Counter(r.path for r in records)
    return [r.path if counts[r.path] == 1 or not r.place else r.place for r in found]


def _different(paths):
    """The paths, with a number behind those that were there before."""
    seen: dict[str, int] = {}
    made = []
    for path in paths:
        seen[path] = seen.get(path, 0) + 1
        made.append(path if seen[path] == 1 else f"{path}#{seen[path]}")
    return made


def _watched(record: WeightRecord, path: str, entries: int) -> Watched:
    variable, constraint, a_set, rule = record.variable, record.constraint, None, None
    trained = trained_of(variable)
    if isinstance(constraint, Member):
        rule = f"jointly: {constraint.group.joint!r}"
    elif constraint is not None:
        a_set = record.resolved(constraint)
        rule = a_set.describe()
    elif trained is not variable:
        a_set, rule = variable.set, variable.rule()
    if isinstance(record, EffectiveRecord):
        # Nobody calls its constraint: an optimizer knows the parts alone.
        variable, constraint = Adapted(record), None
        trained = variable.trained
    weight = Weight(path, record.shape, record.dtype, rule)
    small = bool(entries) and int(np.prod(record.shape)) <= entries
    return Watched(weight, variable, trained, a_set, constraint, small)
