"""CW706 state-not-saved."""

import numpy as np

from constrainit.doctor.rules._rule import Rule


class StateNotSaved(Rule):
    """An array that a layer draws for itself is no weight, and another one once it is loaded.

    A saved model holds configs and the values of variables. A random mask or permutation that
    `build` draws by NumPy and keeps as a plain attribute is in neither: the layer of the loaded
    model draws again, and the trained weights meet a connectivity that they were not trained with.

    Example:
        class Sparse(layers.Layer):
            def build(self, shape):
                self.kernel = self.add_weight(shape=(shape[-1], 8), name="kernel")
                self.mask = (np.random.rand(shape[-1], 8) < 0.3).astype("float32")
            def call(self, x):
                return ops.matmul(x, self.kernel * self.mask)
        [Sparse(), layers.Dense(1)]

    Use instead:
        class Sparse(layers.Layer):
            def build(self, shape):
                self.kernel = self.add_weight(shape=(shape[-1], 8), name="kernel")
                mask = (np.random.rand(shape[-1], 8) < 0.3).astype("float32")
                self.mask = self.add_weight(
                    shape=mask.shape, name="mask", trainable=False, initializer="zeros"
                )
                self.mask.assign(mask)
            def call(self, x):
                return ops.matmul(x, self.kernel * self.mask)
        [Sparse(), layers.Dense(1)]

    Known limits:
        Compared are arrays, tensors, and numbers that the class itself sets, with those of a layer
        that is made from the config, built and given the values of the variables, as Keras loads
        one. Nothing is said where they do not matter for what is predicted, of what only a call
        sets, of layers with more than 10 million weights, of models whose steps are dear, or where
        a layer can not be made so.

    Source:
        keras-team/keras#4875 (other results after loading), llm-random#15 (masks drawn in a layer).
        The outputs are those with the arrays of the second layer in place of the first one's.
    """

    code, name, stage = "CW706", "state-not-saved", "save and load"
    numbers = ("moved", "varies")

    def find(self, evidence):
        for made in evidence.drawn_anew:
            names = list(made.values)
            several = len(names) > 1
            which = " and ".join(map(repr, names))
            spread = f", where they vary by {made.spread:.3g}" if made.spread > 0 else ""
            yield self.made(
                f"its {which} {'are' if several else 'is'} no weight{'s' * several}, and not the "
                "same in a layer that is made from the config and built: where the model is saved "
                f"and loaded, its outputs move by up to {made.apart:.3g}{spread}, and no error "
                "tells",
                f"make {'them weights' if several else 'it a weight'} that no step trains, which "
                f"a file holds: {'; '.join(as_weight(n, v) for n, v in made.values.items())}",
                {"moved": made.apart, "varies": made.spread},
                layer=made.layer.name,
                source=made.source,
            )


def as_weight(name: str, value: object) -> str:
    """The statement that keeps an array as a weight, with its start left open."""
    return f"self.{name} = {made_weight(name, value, str(np.shape(value)), '...')}"  # pyright: ignore


def made_weight(name: str, value: object, shape: str, start: str, indent: str = "") -> str:
    """A call that makes a weight of an array.

    Args:
        name: The attribute.
        value: The array.
        shape: Its shape, as it is written.
        start: What makes it, as it is written.
        indent: What stands in front of each line; all is one line where nothing does.
    """
    kind = str(getattr(value, "dtype", "float32")).rpartition(".")[2]
    dtype = "" if "float" in kind else f'dtype="{kind}", '
    inside = f'name="{name}", shape={shape}, {dtype}trainable=False, initializer={start}'
    inside = f"\n{indent}    {inside}\n{indent}" if indent else inside
    return f"self.add_weight({inside})"
