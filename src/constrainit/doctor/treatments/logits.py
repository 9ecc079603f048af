"""Remedies for logits that can not be far apart: a scale in front of the softmax."""

import keras

from constrainit.doctor.rules.cw605_target_out_of_reach import scale_for
from constrainit.doctor.treatments._configs import config_of, each
from constrainit.doctor.treatments._remedy import Changed, with_other
from constrainit.doctor.treatments._written import layers_code
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
    made = made_from(problem, config, exact=True)
    usual = f"keras.layers.Dense(..., activation=ci.OutputScale('softmax', scale={scale:g}))"
    code = layers_code(made.model, [one for one, *_ in changed], usual)
    return Changed(f"the logits of {name} times {scale:g}", made, code)


def _scaled_in_call(problem, wanted):
    """The same in front of a `Softmax`, or behind the `call` of a last layer that gives logits."""
    last = next((o for o in problem.model._flatten_layers() if o.name in wanted), None)
    if last is None:
        return None
    scale, kind = wanted[last.name], type(last).__name__
    if isinstance(last, keras.layers.Softmax):
        before, behind, code = scale, 1.0, f"keras.layers.Rescaling({scale:g})  # before Softmax"
    else:
        before, behind, code = 1.0, scale, f"return {scale:g} * logits  # in call of {kind}"
    vars(last)["call"] = _scaling(last.call, before, behind)
    return Changed(f"the logits of {last.name} times {scale:g}", with_other(problem), code)


def _scaling(call, before, behind):
    def scaled(inputs, *args, **kwargs):
        return behind * call(before * inputs, *args, **kwargs)

    return scaled
