"""CW408 index-beyond-table."""

from constrainit.doctor.rules._rule import Rule


class IndexBeyondTable(Rule):
    """A table is asked for a row that it does not have.

    An `Embedding` of `n` rows has the indices 0 to n - 1. Words that are numbered from 1, since 0
    is for padding, need a row more. PyTorch and TensorFlow raise without a word on which index; JAX
    gives NaN for one that is too large, and the last rows for a negative one.

    Example:
        words = keras.Input((4,), dtype="int32")
        h = layers.Flatten()(layers.Embedding(10, 3)(words))
        model = keras.Model(words, layers.Dense(1)(h))
        model.compile("sgd", "mse")
        ci.diagnose(model, np.arange(8).reshape(2, 4) + 3, np.ones((2, 1)))

    Use instead:
        words = keras.Input((4,), dtype="int32")
        h = layers.Flatten()(layers.Embedding(11, 3)(words))
        model = keras.Model(words, layers.Dense(1)(h))
        model.compile("sgd", "mse")
        ci.diagnose(model, np.arange(8).reshape(2, 4) + 3, np.ones((2, 1)))

    Known limits:
        Looked at are `keras.layers.Embedding` outside of loops over time, and only where the model
        raises or is not finite at the start; a negative index on JAX, which fails at nothing, is
        not seen. A table of a layer of the user's own is told as what it raises.

    Source:
        `keras.layers.Embedding`: `input_dim` is the largest index plus one.
    """

    code, name, level, stage = "CW408", "index-beyond-table", "error", "forward"
    numbers = ("low", "high", "rows")

    def find(self, evidence):
        for table in evidence.beyond:
            fix = (
                f"give it input_dim={table.high + 1}: the largest index plus one"
                if table.low >= 0
                else "number what is looked up from zero; keep -1 for nothing out of the data"
            )
            yield self.made(
                f"it is asked for the rows {table.low} to {table.high}, and has {table.rows}, "
                f"which count from 0 to {table.rows - 1}",
                fix,
                {"low": table.low, "high": table.high, "rows": table.rows},
                layer=table.layer,
            )  # fmt: skip
