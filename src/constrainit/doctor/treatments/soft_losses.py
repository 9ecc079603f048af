"""Remedies for losses of the user's own that jump where predictions pass a number."""

from typing import Any

from constrainit.doctor.treatments._losses import code_of_loss, with_losses
from constrainit.doctor.treatments._remedy import Changed
from constrainit.doctor.treatments._rewriting import rewritten
from constrainit.doctor.treatments._smooth import smooth, softly


def counted_softly(problem, evidence, found):
    """Probabilities as they are, where a loss counts those that pass a number."""
    ends = [(made.low, made.high) for made in evidence.losses_of]
    if len(ends) != 1 or not (ends[0][0] >= 0 and ends[0][1] <= 1):
        return None
    return _edited(problem, found, softly)


def smoothed(sharpness: float) -> Any:
    """A remedy: a sigmoid in place of the comparison."""

    def apply(problem, evidence, found):
        return _edited(problem, found, lambda line: smooth(line, sharpness))

    return apply


def _edited(problem, found, edit):
    lines = [one.source.text for one in found if "seen" in one.evidence and one.source is not None]
    losses = problem.losses()
    made = (
        rewritten(code_of_loss(losses[0]), edit(lines[0])) if lines and len(losses) == 1 else None
    )
    if made is None:
        return None
    new, sentence, diff = made
    return Changed(sentence, with_losses(problem, [new]), diff=diff)
