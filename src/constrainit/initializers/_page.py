"""A plan as a page that a person reads."""

import math
import textwrap

_WIDTH = 100


def page(plan) -> str:
    """The plan in words and numbers."""
    deep = plan.depth > 1
    stack = f" in a stack of {plan.depth}" if deep else ""
    lines = [
        f"A layer of {plan.fan_out} units with {plan.fan_in} inputs each and {plan.activation}"
        f"{stack}, fed by {_source(plan.inputs)}",
        f"set      {plan.set}",
        f"kernel   {plan.law}",
        f"         a weight is {plan.weight_mean:.4g} +- {plan.weight_deviation:.4g}; a unit's sum "
        f"is {plan.column_sum:.4g}, its norm {plan.column_norm:.4g}, "
        f"effective inputs {plan.effective_inputs:.4g}",
        f"bias     {plan.bias:.4g}",
        f"scale    {_scale(plan.output_scale)}",
        "",
        f"signal   wanted: mean {plan.mean:.3g}, deviation {plan.deviation:.3g} before the "
        "activation",
    ]
    if deep:
        lines += [
            "         predicted deviation at depth " + ", ".join(_depths(plan)),
            f"gradient at the first layer {plan.gradient_ratio:.3g} times that at the last"
            + _range(plan),
            f"per layer the variance of features is multiplied by {plan.forward_gain:.3g}, that of "
            f"gradients by {plan.backward_gain:.3g}",
        ]
    lines += [
        "features lost to rounding at depth " + _by_dtype(plan.feature_depth, "never"),
        "overflow at depth " + _by_dtype(plan.overflow_depth, "never"),
        f"a Glorot draw that is projected would jump by {100 * plan.jump:.3g} % of its norm"
        if math.isfinite(plan.jump)
        else "how far a projected Glorot draw would jump is not known",
        f"a first step of Adam at 1e-3 moves an entry by {100 * plan.adam_step:.3g} % of its scale",
    ]
    for title, items in (
        ("can not be had", plan.warnings),
        ("why", plan.reasons),
        ("exact", plan.exact),
        ("approximate", plan.heuristic),
    ):
        if items:
            lines += ["", title]
            lines += [_item(item) for item in items]
    return "\n".join(line.rstrip() for line in lines)


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


def _by_dtype(depths, never):
    values = [never if math.isinf(d) else f"{d:.1f}" for d in depths.values()]
    if set(values) == {never}:
        return never
    return ", ".join(f"{v} ({name})" for name, v in zip(depths, values, strict=True))


def _item(text):
    return textwrap.fill(
        text, _WIDTH, initial_indent="  - ", subsequent_indent="    ", break_on_hyphens=False
    )
