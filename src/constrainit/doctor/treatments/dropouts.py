"""Remedies for layers that drop most of what they are given."""

from constrainit.doctor.treatments._remedy import Changed, with_other
from constrainit.doctor.treatments._written import layer_code


def what_is_kept(problem, evidence, found):
    """What layers keep as the rate that they drop."""
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
