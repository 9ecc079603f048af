"""Reports made by hand: what their forms show can be tested without running a model."""

from types import SimpleNamespace

from constrainit.doctor import Finding, Report, Treatment
from constrainit.doctor._evidence import ConstraintEvidence, Evidence
from constrainit.doctor._frames import Source
from constrainit.doctor._statistics import Numbers, Output
from constrainit.model import WeightRecord

HOSTILE = '<script>alert("1")</script>\'&\n\x1b[31mred\x9b2J\u202etxet'
"""What a name in a file from elsewhere may be."""


def weight(layer, name="kernel", shape=(4, 3)):
    variable = SimpleNamespace(shape=shape, dtype="float32", constraint=None, trainable=True)
    path = f"model/{layer}/{name}"
    return WeightRecord(path, path, SimpleNamespace(name=layer), variable, (0,))


def constrained(layer, low=-0.5, high=0.5):
    before = Numbers(low, high, 1.5, 0, 12, (1, 2, 3, 3, 2, 1))
    after = Numbers(max(low, 0.0), high, 1.0, 0, 12, (6, 0, 0, 3, 2, 1))
    return ConstraintEvidence(
        weight(layer), f"the set of {layer}", False, before, after,
        violation=max(-low, 0.0), share_moved=0.5, jump=0.7, update=1e-3, step=0.7,
    )  # fmt: skip


def output(layer, deviation=1.0, gradient=0.1, **more):
    numbers = {"mean": 0.0, "lowest": -1.0, "highest": 1.0, "peak": 1.0, "nonfinite": 0.0} | more
    return Output(
        layer, "Dense", deviation=deviation, saturated=None, dead=0.0, spread=1.0,
        gradient=gradient, **numbers,
    )  # fmt: skip


def environment(model="model", assumed=(), target=""):
    return {
        "constrainit": "0.1.0", "keras": "3.15.1", "backend": "jax", "backend_version": "0.10.2",
        "python": "3.11.0", "numpy": "2.4.6", "seed": 0, "batch": [[8, 4]], "loss": "mse",
        "model": model, "model_class": "Sequential", "weights": 30, "assumed": list(assumed),
        "target": target,
    }  # fmt: skip


def sick(name="first", file="train.py", target="model.keras"):
    """A cause with a healed treatment and a consequence, an error in the user's file, and a note.

    Every text that may come from a model or a user's file holds `name`.
    """
    path = weight(name).path
    cause = Finding(
        "CW101", "infeasible-start", "warning", "first forward", name, path,
        f"starts outside its set ({name})", f"start {name} inside", {"violation": 0.5},
        treatment=Treatment(
            f"{name} starts inside", {"violation": 0.5, "share_moved": 0.25},
            {"violation": 0.0, "share_moved": 0.0}, True, code=f"ci.prepare({name!r})",
        ),
    )  # fmt: skip
    consequence = Finding(
        "CW102", "start-jump", "warning", "first step", name, path, f"jumps ({name})",
        "start inside the set", {"step": 0.7}, cause=f"CW101 {path}",
        treatment=Treatment(f"{name} starts inside", {"step": 0.7}, {"step": 0.001}, True),
    )  # fmt: skip
    error = Finding(
        "CW201", "constraint-raises", "error", "constraints", "second", weight("second").path,
        f"its constraint raises ValueError: {name}", "mend it", {"exception": name},
        source=Source(file, 10, "__call__", f"return keras.backend.abs({name})"),
        treatment=Treatment(
            "an edit", {"exception": name}, {"exception": name}, False,
            diff=f"--- {file}\n+++ {file}\n@@ -1 +1 @@\n-old({name})\n+new({name})\n",
        ),
    )  # fmt: skip
    note = Finding(
        "CW404", "exploding-signal", "info", "forward", "", "", "grows", "start less", {}
    )
    evidence = Evidence(
        constraints=[constrained(name), constrained("second", low=0.1)],
        outputs=[output(name), output("second", 1e-3, 1e-6), output("third", float("nan"), None)],
        outputs_after=[output(name, 0.5), output("second", 1e-4), output("third", 0.0)],
        loss=2.5, loss_after=float("inf"), losses=[2.5, float("inf")],
    )  # fmt: skip
    return Report(environment(f"model of {name}", [f"inputs of {name}"], target), evidence,
                  (error, cause, consequence, note))  # fmt: skip


def healthy():
    """A report in which nothing is found."""
    evidence = Evidence(
        constraints=[constrained("first", low=0.1)], outputs=[output("first"), output("second")],
        outputs_after=[output("first"), output("second")], loss=2.5, loss_after=2.4,
    )  # fmt: skip
    return Report(environment(), evidence, ())
