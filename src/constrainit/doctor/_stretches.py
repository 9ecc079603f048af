"""Layers of a functional model that follow one another and feed nothing else."""

from typing import Any

import keras


def stretches(model: keras.Model) -> list[list[str]]:
    """The names of layers of each stretch between a fork, a merge, an input and an output.

    A layer that is called twice ends a stretch: it has more than one place in the model. A model
    of the user's own has none, as who feeds whom is in its code.
    """
    found = []
    for one in (model, *model._flatten_layers(include_self=False)):
        # A sequential model holds the graph of its layers.
        graph = getattr(one, "_functional", None) or one
        if hasattr(graph, "operations"):
            found += _of_graph(graph)
    return found


def _of_graph(model: Any) -> list[list[str]]:
    feeds: dict[Any, list[Any]] = {}
    fed_by = {}
    for layer in model.operations:
        nodes = [node for node in layer._inbound_nodes if not node.is_input]
        sources = [parent.operation for node in nodes for parent in node.parent_nodes]
        for source in sources:
            feeds.setdefault(source, []).append(layer)
        if len(nodes) == 1 and len(sources) == 1:
            fed_by[layer] = sources[0]
    alone = {layer for layer, source in fed_by.items() if len(feeds[source]) == 1}
    begins = [layer for layer in fed_by if layer not in alone or fed_by[layer] not in fed_by]
    found = []
    for layer in begins:
        stretch = [layer]
        while len(feeds.get(layer, ())) == 1 and feeds[layer][0] in alone:
            layer = feeds[layer][0]
            stretch.append(layer)
        found.append([one.name for one in stretch])
    return found
