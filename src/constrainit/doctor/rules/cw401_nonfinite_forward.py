"""CW401 nonfinite-forward."""

from constrainit.doctor.rules._rule import Rule, percent


class NonfiniteForward(Rule):
    """A layer's output is NaN or infinite, in the first forward pass or after the first step.

    The first layer in the order of execution is named; the ones behind it follow from it.
    """

    code, name, level = "CW401", "nonfinite-forward", "error"

    def find(self, evidence):
        for stage, outputs in (
            ("forward", evidence.outputs), ("second forward", evidence.outputs_after),
        ):  # fmt: skip
            for output in outputs:
                if output.nonfinite > 0:
                    yield self.made(
                        f"the output of {output.kind} {output.layer!r} is the first that is not "
                        f"finite: {percent(output.nonfinite)} of its entries are NaN or infinite",
                        "look at the domain of its operations: a logarithm, root, power or "
                        "quotient of a weight that its set allows to reach the bound",
                        {"nonfinite_share": output.nonfinite}, stage=stage, layer=output.layer,
                    )  # fmt: skip
                    return
