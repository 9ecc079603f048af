"""A plan as a page that a person reads."""

import math
import textwrap

from constrainit._words import beside, share

_WIDTH = 100


def page(plan) -> str:
    """The plan in words and numbers."""
    deep = plan.depth > 1
    stack = f"a stack of {plan.depth} such layers, each " if deep else ""
    lines = [
        f"The start of a layer of {plan.fan_out} units with {plan.fan_in} inputs each and "
        f"{plan.activation}",
        f"place    {stack}fed by {_source(plan.inputs)}",
        f"set      {plan.set}",
        f"verdict  {_verdict(plan)}",
        "",
        f"kernel   {plan.law}",
        f"         a weight is {_exact(plan.weight_mean, plan.weight_deviation)} +- "
        f"{plan.weight_deviation:.4g}; a unit's sum is "
        f"{_exact(plan.column_sum, plan.column_norm)}, its norm {plan.column_norm:.4g}",
        f"         effective inputs {_exact(plan.effective_inputs, 1.0)}: (sum / norm) squared, "
        "how many inputs a unit adds up in effect",
        f"bias     starts at {_exact(plan.bias, plan.deviation)}",
        f"scale    {_scale(plan.output_scale)}",
        "",
        "What comes of it, over the data, for one unit before its activation:",
        f"signal   wanted: mean {beside(plan.mean, plan.deviation)}, standard deviation "
        f"{plan.deviation:.3g}",
    ]
    if deep:
        lines += [
            "         predicted standard deviation at layer " + ", ".join(_depths(plan)),
            f"gradient at the first layer {plan.gradient_ratio:.3g} times that at the last (1: all "
            f"layers learn alike){_range(plan)}",
            "         variance per layer: of what tells inputs apart times "
            f"{plan.forward_gain:.3g}, of the gradient times {plan.backward_gain:.3g}",
        ]
    lines += [
        "features inputs are told apart "
        + _by_dtype(plan.feature_depth, "up to layer", "any", "at every depth"),
        "overflow " + _by_dtype(plan.overflow_depth, "from layer", "none", "never"),
        "compare  "
        + (
            f"a Glorot draw that is projected would jump by {share(plan.jump, 'its norm')}"
            if math.isfinite(plan.jump)
            else "how far a projected Glorot draw would jump is not known"
        ),
        "         a first step of Adam at 1e-3 moves an entry by "
        f"{100 * plan.adam_step:.3g} % of its scale",
    ]
    for title, items in (
        ("can not be had", plan.warnings),
        ("why", plan.reasons),
        ("exact: theorems, or true of each draw", plan.exact),
        ("approximate: what the predictions rest on", plan.heuristic),
    ):
        if items:
            lines += ["", title]
            lines += [_item(item) for item in items]
    return "\n".join(line.rstrip() for line in lines)


def _exact(number, size):
    return beside(number, size, digits=4)


def _verdict(plan):
    through = f"{plan.depth} layers" if plan.depth > 1 else "the layer"
    if plan.ok:
        return f"signal and gradient are predicted to keep their size through {through}"
    many = f"{len(plan.warnings)} things" if len(plan.warnings) > 1 else "something"
    return f"{many} can not be had, see below"


def _source(inputs):
    return "data" if inputs == "data" else f"the outputs of {inputs}"


def _scale(scale):
    return "1: the weights have it" if scale == 1 else f"the output is multiplied by {scale:.4g}"


def _range(plan):
    low, high = plan.gradient_range
    return f"; {low:.3g} to {high:.3g} in 95 of 100 batches of 512" if low < high else ""


def _depths(plan):
    wanted = sorted({1, 2, 5, 10, 20, 50, 100, plan.depth})
    return [f"{d}: {plan.deviations[d - 1]:.3g}" for d in wanted if d <= plan.depth]


def _by_dtype(depths, where, endless, never):
    if all(map(math.isinf, depths.values())):
        return never
    shown = [
        f"{endless if math.isinf(depth) else f'{depth:.1f}'} ({name})"
        for name, depth in depths.items()
    ]
    return f"{where} {', '.join(shown)}"


def _item(text):
    return textwrap.fill(
        text, _WIDTH, initial_indent="  - ", subsequent_indent="    ", break_on_hyphens=False
    )
