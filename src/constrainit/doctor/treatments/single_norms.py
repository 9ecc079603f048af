"""A remedy for layers that normalize a single number: nothing of it is left but its sign."""

import keras

from constrainit._words import listed
from constrainit.doctor._erasing import is_of_one
from constrainit.doctor.treatments._configs import config_of, each
from constrainit.doctor.treatments._remedy import Changed, with_other
from constrainit.doctor.treatments.models import made_from


def without_them(problem, evidence, found):
    """The model without its normalizations over a single number, all of them.

    Another one further on would take away what the first one lets through.
    """
    layers = [layer for layer in problem.model._flatten_layers() if is_of_one(layer)]
    names = [layer.name for layer in layers]
    if not {finding.layer for finding in found} & set(names):
        return None
    kinds = {layer.name: type(layer).__name__ for layer in layers}
    return Changed(
        f"without {listed(names)}, over a single number",
        _without(problem, layers, kinds),
        "\n".join(
            f"keras.layers.Identity(name={name!r})  # in place of the {kind} {name!r}"
            for name, kind in kinds.items()
        ),
    )


def _without(problem, layers, kinds):
    """The problem with identities in place of layers; of a class of the user's own they stay."""
    changed = []

    def edit(part):
        own = part["config"]
        if kinds.get(own.get("name")) != part.get("class_name"):
            return
        changed.append(own["name"])
        kept = {key: part[key] for key in ("name", "inbound_nodes") if key in part}
        identity = keras.layers.Identity(name=own["name"], dtype=own.get("dtype"))
        part.clear()
        part.update({**keras.saving.serialize_keras_object(identity), **kept})

    try:
        config = config_of(problem.model)
        each(config, edit)
        if len(changed) == len(kinds):
            return made_from(problem, config)
    # A model of the user's own has no config, or one that does not tell its layers.
    except (ValueError, TypeError, NotImplementedError):
        pass
    for layer in layers:
        vars(layer)["call"] = _as_it_came
        for variable in layer.variables:
            variable.trainable = False
    return with_other(problem)


def _as_it_came(inputs, *args, **kwargs):
    """What a layer is given."""
    return inputs
