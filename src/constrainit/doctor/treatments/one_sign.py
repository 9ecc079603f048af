"""A remedy for quotients by sums of weights of both signs: a start of one sign."""

from keras import ops

from constrainit.doctor.treatments._pastes import variable
from constrainit.doctor.treatments._remedy import Changed
from constrainit.model import walk


def of_one_sign(problem, evidence, found):
    """The magnitudes of the start, as the constraint leaves them: no sum of them is near zero."""
    paths = {finding.weight for finding in found}
    divided = {m.record.path for m in evidence.constraints if m.sums and m.record.path in paths}
    codes, names = [], []
    for record in walk(problem.model):
        if record.path not in divided:
            continue
        start = ops.convert_to_tensor(record.constraint(ops.abs(record.value)))
        record.assign(ops.cast(start, record.dtype))
        codes.append(
            f"w = {variable(problem, record)}\nw.assign(w.constraint(keras.ops.abs(w)))"
        )  # fmt: skip
        names.append(record.path)
    if not names:
        return None
    return Changed(
        f"{', '.join(names[:3])} starts with the magnitudes of its weights, and inside",
        code="\n".join(codes),
    )
