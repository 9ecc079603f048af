"""Remedies for targets that the last layers do not reach: a free bias, or a layer behind them."""

import keras

from constrainit._words import listed
from constrainit.doctor.treatments._configs import config_of, each
from constrainit.doctor.treatments._remedy import Changed
from constrainit.doctor.treatments._written import layers_code
from constrainit.doctor.treatments.models import in_place, made_from
from constrainit.model import walk


def freed_bias(problem, evidence, found):
    """A free bias in the last layers, where one is bound, or no bound of another weight is named.

    A layer that has none by its argument, and a kernel whose bound is too narrow, needs that wider.
    """
    constrained = {record.layer.name for record in walk(problem.model) if _is_bound_bias(record)}
    meant = [f for f in found if not f.weight or f.layer in constrained]
    return bias_at_the_end(problem, evidence, meant) if meant else None


def _is_bound_bias(record):
    return record.variable.name == "bias" and record.constraint is not None


def bias_at_the_end(problem, evidence, found):
    """A free bias in the last layers, so that their outputs can reach the targets."""
    # Logits that are bounded for each example are told apart no better by what is the same for all.
    meant = [f for f in found if f.code == "CW605" and "apart" not in f.evidence]
    names, changed, kinds = {f.layer for f in meant}, [], []

    def edit(part):
        own = part["config"]
        kept = own.get("use_bias") is False or own.get("bias_constraint") is not None
        if own.get("name") in names and kept:
            own["use_bias"], own["bias_constraint"] = True, None
            changed.append(own["name"])
            kinds.append(part["class_name"])

    config = config_of(problem.model)
    each(config, edit)
    made = made_from(problem, config)
    for layer in made.model._flatten_layers():
        # A recurrence keeps it in its cell.
        for variable in layer.variables if layer.name in changed else ():
            if variable.name == "bias":
                variable.constraint = None
    code = f"keras.layers.{kinds[-1]}(..., use_bias=True, bias_constraint=None)" if kinds else ""
    code = layers_code(made.model, changed, code)
    text = f"{listed(changed)} with a bias that is free"
    return Changed(text, made, code) if changed else None


def scaled_at_the_end(problem, evidence, found):
    """A dense layer behind an output that is bounded whatever the weights are."""
    places = [made for made in evidence.losses_of if made.reaches]
    if not places or getattr(problem.model, "_functional", problem.model) is None:
        return None
    made = made_from(problem, config_of(problem.model))
    outputs = keras.tree.flatten(made.model.outputs)
    if len(outputs) != 1 or len(outputs[0].shape) < 2:
        return None
    units = outputs[0].shape[-1]
    model = keras.Model(made.model.inputs, keras.layers.Dense(units, name="scaled")(outputs[0]))
    return Changed(
        f"a Dense({units}) behind {places[0].layer!r}",
        in_place(problem, model),
        f"outputs = keras.layers.Dense({units})(outputs)  # behind {places[0].layer!r}",
    )
