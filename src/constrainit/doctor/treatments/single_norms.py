"""A remedy for layers that normalize a single number: less its own mean it is always zero."""

import math

import keras

from constrainit._words import listed
from constrainit.doctor.treatments._configs import config_of, each
from constrainit.doctor.treatments._remedy import Changed
from constrainit.doctor.treatments.models import made_from


def without_them(problem, evidence, found):
    """The model without its layer normalizations over a single number, all of them.

    Another one further on would take away what the first one lets through.
    """
    names = [layer.name for layer in problem.model._flatten_layers() if _is_of_one(layer)]
    if not {finding.layer for finding in found} & set(names):
        return None
    config, changed = config_of(problem.model), []

    def edit(part):
        own = part["config"]
        if part.get("class_name") != "LayerNormalization" or own.get("name") not in names:
            return
        changed.append(own["name"])
        kept = {key: part[key] for key in ("name", "inbound_nodes") if key in part}
        identity = keras.layers.Identity(name=own["name"], dtype=own.get("dtype"))
        part.clear()
        part.update({**keras.saving.serialize_keras_object(identity), **kept})

    each(config, edit)
    if not changed:
        return None
    return Changed(
        f"without {listed(changed)}, over a single number",
        made_from(problem, config),
        f"# without layers.LayerNormalization: {', '.join(changed)}",
    )


def _is_of_one(layer):
    """Whether the axes that a layer normalizes over have one entry."""
    if not isinstance(layer, keras.layers.LayerNormalization) or not layer.built:
        return False
    shape = (layer.get_build_config() or {}).get("input_shape")
    axes = layer.axis if isinstance(layer.axis, (list, tuple)) else [layer.axis]
    return bool(shape) and math.prod(shape[axis] or 0 for axis in axes) == 1
