"""CW306 computed-once."""

import math

from constrainit.doctor.rules._rule import Rule

_FREED = "backward through the graph a second time"
"""How PyTorch says that a pass needs what an earlier one has used up."""

_MOVED = "has been modified by an inplace operation"
"""How it says so where the weight has been moved since."""


class ComputedOnce(Rule):
    """A tensor is computed from a weight when a layer or a graph is built, and kept in its place.

    `build` runs once. What it computes of a weight, such as a positive rate by a softplus, is a
    number of that moment: `call` goes on with it, whatever becomes of the weight. On JAX and
    TensorFlow the weight gets no gradient and nothing warns; on PyTorch the second step of `fit`
    fails, as the first backward pass has freed what the tensor was computed with, or the weight
    moves and changes nothing.

    The graph of a functional model keeps such tensors, too: a layer that is called on plain numbers
    there, such as positions by `Embedding(n, d)(ops.arange(n))`, gives a constant, and is not even
    a layer of the model.

    Example:
        class Decay(layers.Layer):
            def build(self, shape):
                self.raw = self.add_weight(shape=(4,), name="raw")
                self.rate = ops.softplus(self.raw)
            def call(self, x):
                return x * self.rate
        [Decay(), layers.Dense(1)]

    Use instead:
        class Decay(layers.Layer):
            def build(self, shape):
                self.raw = self.add_weight(shape=(4,), name="raw")
            def call(self, x):
                return x * ops.softplus(self.raw)
        [Decay(), layers.Dense(1)]

    Known limits:
        Only float tensors that are attributes of the user's own layers are looked at, not those in
        lists. From which weight one was computed the tensor itself says on PyTorch; on JAX and
        TensorFlow the source of the class is read, which is not there in an interactive session.
        Where the outputs depend otherwise, too, on each weight that a tensor was computed from, it
        may be kept on purpose, and one that is not trained may be computed with once: neither is
        reported, but for a tensor through which PyTorch would go back at a later step, or one that
        is something else in a layer that is loaded. On PyTorch a view, such as a transpose, is the
        memory of the weight itself, and changes with it: that is a note. What is made by
        `stop_gradient` is meant to stay. In a graph,
        only PyTorch knows of a tensor that it was computed; elsewhere only weights of the model
        itself and their transposes are recognized, before they have been trained.

    Source:
        keras-team/keras-core#566 (the error on PyTorch). The outputs are those with other values of
        the tensor, and of the weight.
    """

    code, name, stage = "CW306", "computed-once", "forward"
    numbers = ("weights", "numbers")
    # Where the code of this page is run it has no source.
    backends = ("torch",)

    def find(self, evidence):
        failed = any(is_of_graph(fault) for fault in evidence.faults.values())
        for made in evidence.computed:
            if made.live and not failed:
                yield self._is_view(made)
                continue
            first = (made.lost or made.records)[0]
            several = "s" if len(made.records) > 1 else ""
            stays = "; PyTorch fails at the second step, as the first has freed what it was made of"
            yield self.made(
                f"its {made.name!r} is no weight but a tensor, computed once from "
                f"{_named(made.records)}: the outputs depend on it as it was then, and "
                f"{_otherwise(made)}{_loaded(made)}{stays if failed else ''}",
                f"compute it in call, from the weight{several}, and do not keep it as "
                f"self.{made.name}{_unless(made)}",
                {"weights": len(made.records)},
                layer=made.holder.name, weight=first.path, source=made.source,
                level="error" if failed else "warning",
            )  # fmt: skip
        for made in evidence.graph_constants:
            yield self._in_graph(made)

    def _is_view(self, made):
        """What is told of a tensor that is the memory of a weight, as a transpose on PyTorch."""
        return self.made(
            f"its {made.name!r} is no weight but a view of {_named(made.records)}, taken once: on "
            "PyTorch it is the same memory, and changes with the weight; on JAX and TensorFlow it "
            "would stay what it was when it was taken",
            f"compute it in call, and do not keep it as self.{made.name}",
            {"weights": len(made.records)},
            layer=made.holder.name, weight=made.records[0].path, source=made.source, level="info",
        )  # fmt: skip

    def _in_graph(self, made):
        """What is told of a tensor in the graph of a functional model."""
        shape = " x ".join(map(str, made.shape)) or "one number"
        which = _named(made.records) or "weights of a layer that the model does not hold"
        stays = "; fit fails at its second step, unless nothing is kept for the way back"
        return self.made(
            f"the model's graph gives {made.operation!r} a tensor ({shape}) that was computed from "
            f"{which} once, when the graph was built: no step changes it"
            f"{stays if made.way_back else ''}",
            "compute it at each call: in the `call` of a layer that keeps the inner one, such as "
            "`return x + self.positions(ops.arange(n))`",
            {"numbers": math.prod(made.shape)},
            layer=made.operation, weight=made.records[0].path if made.records else "",
        )  # fmt: skip


def _named(records):
    return ", ".join(record.path for record in records)


def _otherwise(made):
    """How the outputs depend on the weights that a tensor was computed from."""
    if not made.lost:
        return "on what becomes of the weights only where they are used otherwise"
    weight = "the weight" if len(made.records) == 1 else _named(made.lost)
    return f"not on {weight}, which training moves for nothing or not at all"


def _unless(made):
    """What else may have been meant."""
    return "; if it is to stay, keep it as a weight that no step trains" if made.reloaded else ""


def _loaded(made):
    """What comes of it in a file, where that is something else."""
    if not made.reloaded:
        return ""
    return (
        "; a layer that is loaded computes it from its own start, before it has these weights, and "
        f"the outputs move by up to {made.reloaded:.3g}"
    )


def is_freed(fault):
    """Whether PyTorch has failed as something was computed once for several steps."""
    return _FREED in fault.message


def is_of_graph(fault):
    """Whether PyTorch can not go back through what was computed at an earlier step."""
    return is_freed(fault) or is_moved(fault)


def is_moved(fault):
    """Whether PyTorch has failed as something has changed since it was computed with."""
    return _MOVED in fault.message
