"""Remedies for flags that keep weights from being trained, and moving statistics from moving."""

import keras
from keras import ops

from constrainit._words import listed
from constrainit.doctor._identities import switch_on
from constrainit.doctor.rules.cw405_constant_output import frozen_zeros
from constrainit.doctor.treatments._layers import changed_layers
from constrainit.doctor.treatments._pastes import assigned, holder
from constrainit.doctor.treatments._remedy import Changed, with_other
from constrainit.doctor.treatments._written import layers_code


def model_switched_on(problem, evidence, found):
    """The model is trainable, and of its layers those that were, or the last one."""
    codes = []
    for one in evidence.frozen:
        if one.rest:
            for layer in one.layers:
                layer.trainable = True
                codes.append(f"model.get_layer({layer.name!r}).trainable = True")
            continue
        one.model.trainable = True
        # TensorFlow passes on to the layers only a flag that changes.
        for layer in one.layers:
            layer.trainable = True
        for layer in one.frozen:
            layer.trainable = False
        named = "model" if one.model is problem.model else f"model.get_layer({one.model.name!r})"
        codes.append(f"{named}.trainable = True\n{_loop(one, named)}")
    names = ", ".join(
        repr(name)
        for one in evidence.frozen
        for name in ([one.model.name] if one.meant else [layer.name for layer in one.layers])
    )
    were = ", with the layers that were" if evidence.frozen[0].meant else ""
    return Changed(
        f"{names} {'are' if ', ' in names else 'is'} trainable{were}",
        with_other(problem),
        "\n".join([*codes, "# then model.compile(...) again"]),
    )


def zeros_trained(problem, evidence, found):
    """Matrices of zeros that are not trained, drawn at random, in layers that are trainable."""
    layers = {finding.layer for finding in found}
    zeros = [one for name in layers for one in frozen_zeros(evidence, name)]
    starts, codes = [], []
    for index, record in enumerate(zeros):
        start = keras.initializers.GlorotUniform(problem.seed + index)
        record.assign(ops.cast(start(record.shape, record.dtype), record.dtype))
        starts.append((record, f"keras.initializers.GlorotUniform({problem.seed + index})"))
        record.layer.trainable = True
        codes.append(f"{holder(problem, record)}.trainable = True")
    if not zeros:
        return None
    names = ", ".join(record.path for record, _ in starts)
    codes = [*dict.fromkeys(codes), assigned(problem, starts), "# then model.compile(...) again"]
    return Changed(
        f"{names} drawn at random, in a layer that is trainable",
        with_other(problem),
        "\n".join(codes),
    )


def normalizations_trained(problem, evidence, found):
    """Normalizations that were frozen when new are trained, and use the statistics of a batch."""
    made = evidence.identities
    if made is None:
        return None
    switch_on(made.layers)
    names = tuple(layer.name for layer in made.layers)
    norms = [
        one for one in problem.model.layers if isinstance(one, keras.layers.BatchNormalization)
    ]
    code = f"for name in {names}:\n    model.get_layer(name).trainable = True\n"
    if {one.name for one in norms} == set(names):
        code = (
            "for layer in model.layers:\n"
            "    if isinstance(layer, keras.layers.BatchNormalization):\n"
            "        layer.trainable = True\n"
        )
    return Changed(
        f"{listed([repr(name) for name in names[:3]])}{' and others' if names[3:] else ''} trained",
        with_other(problem),
        f"{code}# or leave out trainable=False where they are made; then model.compile(...) again",
    )


_USUAL = 0.9
"""A momentum with which statistics settle within thirty steps."""


def statistics_sooner(problem, evidence, found):
    """A smaller momentum for the moving statistics that take too many steps."""
    slow = {one.layer for one in evidence.moving.norms if one.momentum > _USUAL}
    changed = changed_layers(problem, lambda layer: layer.name in slow, momentum=_USUAL)
    return Changed(
        f"momentum={_USUAL} in {changed}",
        with_other(problem),
        layers_code(problem.model, slow, f"keras.layers.BatchNormalization(momentum={_USUAL})"),
    )


def _loop(one, named):
    """The loop that leaves the other layers as they were."""
    if not one.meant and len(one.layers) > 1:
        ends = tuple(layer.name for layer in one.layers)
        return f"for layer in {named}.layers:\n    layer.trainable = layer.name in {ends}"
    if not one.meant:
        at = one.model.layers.index(one.layers[0])
        return f"for layer in {named}.layers:\n    layer.trainable = layer is {named}.layers[{at}]"
    kept = ", ".join(repr(layer.name) for layer in one.frozen)
    return f"for layer in {named}.layers:\n    layer.trainable = layer.name not in ({kept},)"
