"""CW414 fractional-index."""

from constrainit.doctor.rules._rule import Rule, percent


class FractionalIndex(Rule):
    """A table is asked for rows by fractions, of which only the whole part counts.

    An `Embedding` casts what it is given to whole numbers. Where all columns of a table of data
    were scaled, to 0..1 or to deviation one, with those that name a customer or a word among them,
    all of these read the same few rows. Nothing raises: the model trains as if it had no such
    input.

    Example:
        words = keras.Input((4,))
        h = layers.Flatten()(layers.Embedding(10, 3)(words))
        model = keras.Model(words, layers.Dense(1)(h))
        model.compile("sgd", "mse")
        ci.diagnose(model, np.arange(8).reshape(2, 4) / 7, np.ones((2, 1)))

    Use instead:
        words = keras.Input((4,))
        h = layers.Flatten()(layers.Embedding(10, 3)(words))
        model = keras.Model(words, layers.Dense(1)(h))
        model.compile("sgd", "mse")
        ci.diagnose(model, np.arange(8.0).reshape(2, 4), np.ones((2, 1)))

    Known limits:
        Looked at are `keras.layers.Embedding` and the whole-number inputs of a functional model
        that has one, where an array of the batch holds fractions. Whole numbers in a dtype of
        floats are in order. Numbers that were cast before the model is called are not seen.

    Source:
        `keras.layers.Embedding.call`, which casts to int32; asked about as embeddings that do not
        learn.
    """

    code, name, stage = "CW414", "fractional-index", "forward"
    numbers = ("share", "low", "high", "read")

    def find(self, evidence):
        for one in evidence.cut:
            of = f" of {one.rows}" if one.rows else ""
            what = "rows" if one.rows else "whole numbers"
            yield self.made(
                f"{percent(one.share)} of what it is given for whole numbers are fractions, in "
                f"[{one.low:.3g}, {one.high:.3g}], and are cut: {one.read} {what}{of} are left",
                "give the whole numbers themselves, and scale only columns of measurements; "
                "number names by StringLookup or IntegerLookup",
                {"share": one.share, "low": one.low, "high": one.high, "read": one.read},
                layer=one.layer,
            )  # fmt: skip
