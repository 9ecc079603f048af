"""A bound on what a config may make while Keras loads it."""

import contextlib
import math
from collections.abc import Iterator

import keras

from constrainit.doctor._limits import BATCH, COPIES, FREE, ArchiveError, refuse, shown


@contextlib.contextmanager
def rationed(stored: int) -> Iterator[None]:
    """A context in which no more weights can be made than a file with `stored` bytes of them needs.

    Keras makes the weights that a config asks for before it looks whether the file has them: a
    config of a few bytes could ask for any number. Every variable is counted before it is made.

    Raises:
        ArchiveError: The ration is used up.
    """
    left, refused = COPIES * stored + FREE, []
    make = keras.Variable.__init__

    def counted(self, *given, **named):
        nonlocal left
        shape = named.get("shape", given[1] if len(given) > 1 else None)
        if shape is not None:
            left -= math.prod(abs(size) for size in shape) * 4
            if left < 0:
                refused.append(tuple(shape))
                raise ArchiveError("too many weights")
        return make(self, *given, **named)

    keras.Variable.__init__ = counted
    try:
        yield
    except Exception:
        # Keras wraps what a layer raises in an error of its own.
        if not refused:
            raise
    finally:
        keras.Variable.__init__ = make
    if refused:
        refuse(
            f"asks for a weight of the shape {refused[0]}, with which its config makes far more "
            f"weights than the {shown(stored)} that it holds"
        )


def check_activations(model: keras.Model, max_size: int) -> None:
    """Raises ArchiveError if a tensor between the layers would not fit for a batch of `BATCH`."""
    for layer in model._flatten_layers():
        for node in getattr(layer, "_inbound_nodes", []):
            for tensor in node.output_tensors:
                count = BATCH * 4 * math.prod(size or 1 for size in tensor.shape[1:])
                if count > max_size:
                    refuse(
                        f"has a layer {layer.name!r} whose output of the shape "
                        f"{tuple(tensor.shape)} would take {shown(count)}, "
                        f"more than {shown(max_size)} (--max-size)"
                    )
