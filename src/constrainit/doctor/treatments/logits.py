"""Remedies for logits that can not be far apart: a scale in front of the softmax."""

import keras

from constrainit.doctor.rules.cw605_target_out_of_reach import scale_for
from constrainit.doctor.treatments._configs import config_of, each
from constrainit.doctor.treatments._remedy import Changed, with_other
from constrainit.doctor.treatments.models import made_from
from constrainit.layers import OutputScale


def scaled_logits(problem, evidence, found):
    """A scale in front of the softmax of logits that are bounded."""
    wanted = {f.layer: scale_for(f.evidence["apart"]) for f in found if "apart" in f.evidence}
    config, changed = config_of(problem.model), []

    def edit(part):
        own = part["config"]
        if own.get("name") in wanted and isinstance(own.get("activation"), str):
            scale = wanted[own["name"]]
            scaled = OutputScale(own["activation"], scale=scale)
            own["activation"] = keras.saving.serialize_keras_object(scaled)
            changed.append((own["name"], own["activation"], scale))

    each(config, edit)
    if not changed:
        return _scaled_in_call(problem, wanted)
    name, _, scale = changed[0]
    return Changed(
        f"the logits of {name} times {scale:g}", made_from(problem, config, exact=True),
        f"keras.layers.Dense(..., activation=ci.OutputScale('softmax', scale={scale:g}))",
    )  # fmt: skip


def _scaled_in_call(problem, wanted):
    """The same in the `call` of the last layers, of the user's own, that give logits."""
    last = [one for one in problem.model._flatten_layers() if one.name in wanted]
    for layer in last:
        vars(layer)["call"] = _times(layer.call, wanted[layer.name])
    if not last:
        return None
    name, scale = last[0].name, wanted[last[0].name]
    code = f"return {scale:g} * logits  # in call of {type(last[0]).__name__}"
    return Changed(f"the logits of {name} times {scale:g}", with_other(problem), code)


def _times(call, scale):
    def scaled(inputs, *args, **kwargs):
        return scale * call(inputs, *args, **kwargs)

    return scaled
