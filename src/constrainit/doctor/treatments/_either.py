"""What heals as well as what was told, where the user alone knows which of both is meant."""

from dataclasses import replace

from constrainit.doctor._finding import Finding
from constrainit.doctor.rules.cw301_wrong_axis import MEANT
from constrainit.doctor.treatments._farther import Farther
from constrainit.doctor.treatments._lasting import confirmed
from constrainit.doctor.treatments._remedy import Remedy, is_good, look, notes_of_axes


def told_beside(remedy: Remedy, farther: Farther, wanted: list[Finding], found: list[Finding]):
    """Tries the other change of a remedy, and notes with what it has healed if that heals, too."""
    healed = [f for f in wanted if f.treatment is not None and f.treatment.healed]
    if remedy.beside is None or not healed:
        return
    other = replace(remedy, apply=remedy.beside, beside=None)
    after = look(other, farther.problem, farther.evidence, healed)
    if after is None:
        return
    farther.budget.spend(after.evidence)
    after = confirmed(other, farther, healed, found, after)
    for finding in healed:
        own = after.changed.at(finding.weight)
        written = [row[1:].strip() for row in own.diff.splitlines() if _is_added(row)]
        treatment = finding.treatment
        good = is_good([finding], after, found, brings=other.brings)
        if treatment is None or not written or not good:
            continue
        axes = [note.message for note in notes_of_axes(finding, after)]
        treatment.note = f"`{' '.join(written)}` heals as well: {(axes or [MEANT])[0]}"


def _is_added(row):
    return row.startswith("+") and not row.startswith("+++")
