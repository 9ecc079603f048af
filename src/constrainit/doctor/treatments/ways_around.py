"""Remedies for layers that make all places of an example alike, or mix up its axes or steps."""

from constrainit._words import listed
from constrainit.doctor._backwards import in_order
from constrainit.doctor._levelled import with_what_it_is_given
from constrainit.doctor._reshaped import permuting
from constrainit.doctor.treatments._remedy import Changed, with_other


def around_each(problem, evidence, found):
    """What each of the layers is given is added to what it gives, where that has its shape."""
    made = evidence.levelled
    if made is None or not any("within" in finding.evidence for finding in found):
        return None
    for layer in made.layers:
        vars(layer)["call"] = with_what_it_is_given(layer.call)
    kind = type(made.layers[0]).__name__
    return Changed(
        f"a way around {listed([layer.name for layer in made.layers])}",
        with_other(problem),
        f"# around each {kind} that gives the shape of x, and with all else that it is given\n"
        f"x = (x + {kind}(...)(x, ...)) / 2**0.5",
    )


def axes_exchanged(problem, evidence, found):
    """Two axes exchanged where a `Reshape` mixes them up."""
    made = evidence.reshaped
    vars(made.layer)["call"] = permuting(made.axes)
    name = made.layer.name
    return Changed(
        f"{name} exchanges the axes",
        with_other(problem),
        f"keras.layers.Permute({made.axes}, name={name!r})  # in place of the Reshape {name!r}",
    )


def steps_in_order(problem, evidence, found):
    """The steps of recurrences that go backwards in the order of the input."""
    made = evidence.backwards
    for layer in made.layers:
        vars(layer)["call"] = in_order(layer.call)
    names = [layer.name for layer in made.layers]
    return Changed(
        f"what {listed(names)} gives is turned along time",
        with_other(problem),
        "\n".join(f"x = keras.ops.flip(x, axis=1)  # of what {name!r} gives" for name in names),
    )
