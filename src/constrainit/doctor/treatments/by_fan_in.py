"""A remedy for kernels drawn too large or small: all of them anew, by laws of the fan-in."""

import keras

from constrainit._words import listed
from constrainit.doctor.treatments._pastes import assigned
from constrainit.doctor.treatments._remedy import Changed
from constrainit.doctor.treatments.starts import start_at
from constrainit.model import walk

_ONE_SIDED = ("relu", "relu6", "leaky_relu", "elu", "gelu", "silu", "softplus")
"""Half of what comes in is lost there, which draws for them make up for."""

_HE, _GLOROT = ("he_normal", "HeNormal"), ("glorot_uniform", "GlorotUniform")


def drawn_by_fan_in(problem, evidence, found):
    """The kernels that a finding names, drawn with a deviation that their size asks.

    All of them at once: with one that is left the signal grows, or fades, still.
    """
    paths = {
        path
        for finding in found
        for path in finding.evidence.get("kernels" if finding.code == "CW404" else "drawn", ())
    }
    starts, laws = [], {}
    for index, record in enumerate(walk(problem.model)):
        if record.path not in paths:
            continue
        law, kind = _HE if _is_one_sided(record.layer) else _GLOROT
        draw = getattr(keras.initializers, kind)(seed=problem.seed + index)
        start_at(record, draw(record.shape, record.dtype))
        starts.append((record, f"keras.initializers.{kind}({problem.seed + index})"))
        laws.setdefault(law, []).append(record)
    if not starts:
        return None
    told = "; ".join(
        f"{listed([record.path for record in records])} drawn by {law}"
        for law, records in laws.items()
    )
    lines = [f"# {_layers(records)}\nkernel_initializer={law!r}" for law, records in laws.items()]
    behind = f"# or, of the model as it is\n{assigned(problem, starts)}"
    return Changed(told, code="\n".join([*lines, behind]))


def _is_one_sided(layer):
    activation = getattr(layer, "activation", None)
    return getattr(activation, "__name__", "") in _ONE_SIDED


def _layers(records):
    return ", ".join(dict.fromkeys(repr(record.layer.name) for record in records))
