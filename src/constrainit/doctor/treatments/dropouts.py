"""Remedies for layers that drop most of what they are given, or drown it in noise."""

from constrainit._words import listed
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor.treatments._pastes import variable
from constrainit.doctor.treatments._remedy import Changed, with_other
from constrainit.doctor.treatments._written import layer_code
from constrainit.doctor.treatments.starts import start_at


def what_is_kept(problem, evidence, found):
    """What layers keep as the rate that they drop."""
    if evidence.drops is None:
        return None
    codes = []
    for one in evidence.drops.places:
        rate = round(1 - one.rate, 6)
        vars(one.holder)[one.name] = rate
        kind = type(one.layer)
        own = kind.__module__.split(".")[0] != "keras"
        written = kind.__name__ if own else f"keras.layers.{kind.__name__}"
        given = f"{rate:g}" if one.argument == "rate" else f"..., {one.argument}={rate:g}"
        codes.append(layer_code(one.layer, f"{written}({given})"))
    rates = sorted({f"{1 - one.rate:.3g}" for one in evidence.drops.places})
    return Changed(
        f"a rate of {' and '.join(rates)}, what was kept",
        with_other(problem),
        "\n".join(dict.fromkeys(codes)),
    )


def quieter(problem, evidence, found):
    """The weights that scale random numbers, from the start that was seen to train."""
    made = evidence.loud_noise
    if made is None:
        return None
    for record in made.records:
        start_at(record, made.other(to_numpy(record.variable)))
    change = f"times {made.factor:g}" if made.factor != 1 else f"minus {-made.shift:g}"
    sign = "weight * " if made.factor != 1 else "weight - "
    lines = "".join(f"    {variable(problem, record)},\n" for record in made.records)
    return Changed(
        f"the start of {listed([record.path for record in made.records])} {change}",
        code=f"for weight in [\n{lines}]:\n    weight.assign({sign}"
        f"{made.factor if made.factor != 1 else -made.shift:g})",
    )
