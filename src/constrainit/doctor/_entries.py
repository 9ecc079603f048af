"""The gradients at what enters and what leaves the layers of the user's own."""

from typing import Any

from constrainit.doctor._evidence import EntryEvidence


def entries(problem: Any, stepped: Any, outputs: list[Any]) -> list[EntryEvidence]:
    """For each layer of the user's own: the gradients at what enters and what leaves it."""
    entering: dict[str, list[Any]] = {}
    recording = problem.recording
    for index, ((layer, place), signal) in enumerate(
        zip(recording.watched, stepped.signals, strict=True)
    ):
        if place is None and index not in recording.unwatched:
            norm = 0.0 if signal is None else float(signal) / problem.loss_scale
            entering.setdefault(layer, []).append(norm)
    found = []
    for layer, norms in entering.items():
        of_layer = [o for o in outputs if o.layer == layer]
        leaves = max((o.gradient or 0.0 for o in of_layer), default=0.0)
        kind = of_layer[0].kind if of_layer else ""
        swapped = recording.is_swapped(layer)
        stops = recording.says(layer, "stop_gradient") and not swapped
        found.append(EntryEvidence(layer, kind, max(norms), leaves, stops, swapped))
    return found
