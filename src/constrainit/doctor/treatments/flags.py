"""Remedies for flags that keep weights from being trained."""

from constrainit.doctor.treatments._remedy import Changed, with_other


def model_switched_on(problem, evidence, found):
    """The model is trainable, and of its layers those that were."""
    codes = []
    for one in evidence.frozen:
        one.model.trainable = True
        for layer in one.frozen:
            layer.trainable = False
        named = "model" if one.model is problem.model else f"model.get_layer({one.model.name!r})"
        kept = ", ".join(repr(layer.name) for layer in one.frozen)
        codes.append(
            f"{named}.trainable = True\nfor layer in {named}.layers:\n"
            f"    layer.trainable = layer.name not in ({kept},)"
        )
    names = ", ".join(repr(one.model.name) for one in evidence.frozen)
    return Changed(
        f"{names} is trainable, with the layers that were",
        with_other(problem),
        "\n".join([*codes, "# then model.compile(...) again"]),
    )
