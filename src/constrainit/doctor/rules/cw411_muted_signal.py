"""CW411 muted-signal."""

from constrainit.doctor.rules._rule import Rule

_MUTED, _SHARE, _SHRUNK = 1e-3, 0.1, 0.5

_BACK = 0.5
"""What varies by this share of what it did has come back."""


class MutedSignal(Rule):
    """The first step all but silences the model: a constraint makes weights far smaller.

    The set of a weight holds only numbers that are too small for the signal, such as a clip to 0.01
    of a scale that starts at one. Each layer passes on a hundredth of what it is given. The loss
    may stay what it is, as near to nothing is learnt, and a start inside the set is no cure: it
    begins where the first step leads.

    Example:
        def clip(w):
            return ops.clip(w, -1e-3, 1e-3)

        [layers.Dense(8, kernel_constraint=clip), layers.Dense(1, kernel_constraint=clip)]

    Use instead:
        def clip(w):
            return ops.clip(w, -1.0, 1.0)

        [layers.Dense(8, kernel_constraint=clip), layers.Dense(1, kernel_constraint=clip)]

    Known limits:
        Reported if the output of the model varies over the batch by less than a thousandth of what
        it did before the first step, and after the steps by less than half. Named is the first
        layer with a constrained weight that loses half of its norm, behind which nine tenths of the
        signal are gone. Dead units and constant outputs have their own rules, and a start that
        varies by more than a thousand is meant to become smaller. Where less is lost, a model whose
        steps are cheap is trained: a constraint with one bound that leaves each unit less than a
        tenth of its norm (a half, of a recurrent kernel, by which a state is multiplied once for
        each step of a series) is reported where a bound of the size of the start takes three tenths
        off a positive loss in 100 steps, and five times what the given one does from a start
        inside. A constraint that divides a whole matrix by the norm of all its entries, where the
        largest singular value was meant, makes n equal ones 1/sqrt(n) as large: reported where
        layers leave less than a tenth together, the model learns nothing of its targets in 100
        steps from a start inside, and does with the same bound on the largest singular value.

    Source:
        A critic whose weights are clipped to 0.01 (Arjovsky et al., Wasserstein GAN, 2017) with the
        scales of its normalizations. The bound is that by which a cure is told from a silence.
    """

    code, name, stage = "CW411", "muted-signal", "second forward"
    numbers = (
        "factor", "left", "loss_bounded", "loss_inside", "loss_with_a_wider_bound", "spread",
        "spread_after",
    )  # fmt: skip

    def find(self, evidence):
        known = {made.record.path: made for made in evidence.constraints}
        for one in evidence.tight:
            made = known[one.record.path]
            yield self.at_weight(
                made,
                f"its constraint ({made.text}) holds weights {one.factor:.3g} times smaller than "
                "it starts with, too small for the signal: from a start inside the loss goes "
                f"from {one.loss[0]:.4g} to {one.loss[1]:.4g} in {one.steps} steps, and from "
                f"{one.loss_wide[0]:.4g} to {one.loss_wide[1]:.4g} with a bound of that size",
                f"give a bound of the size of the weights, in place of {one.bound}",
                {
                    "factor": one.factor, "loss_inside": one.loss[1],
                    "loss_with_a_wider_bound": one.loss_wide[1],
                },
                stage="training",
            )  # fmt: skip
        for one in evidence.whole_norms:
            yield self._of_all_entries(known[one.record.path], one, len(evidence.whole_norms))
        if not evidence.tight and not evidence.whole_norms:
            yield from self._silenced(evidence)

    def _of_all_entries(self, made, one, layers):
        """A finding where one number bounds all singular values of a matrix together."""
        alike = min(one.record.shape)
        each = f" in each of {layers} layers" if layers > 1 else ""
        return self.at_weight(
            made,
            f"its constraint ({made.text}) scales the whole matrix by one number, so that the norm "
            f"of all of its entries is {one.norm:g}: that bounds all singular values together, and "
            f"{alike} of them that are alike are 1/sqrt({alike}) of it, {one.left:.3g}. By so much "
            f"the signal shrinks{each}: from a start inside, the model learns nothing of its "
            f"targets in {one.steps} steps (loss {one.loss[0]:.4g} to {one.loss[1]:.4g}); with the "
            f"largest singular value bounded by {one.norm:g} the loss comes from "
            f"{one.loss_bounded[0]:.4g} down to {one.loss_bounded[1]:.4g}",
            f"bound the largest singular value, constrainit.SpectralNorm({one.norm:g}), by which "
            "the layer's Lipschitz constant is bounded as well; or the norm of each unit, "
            "constrainit.MaxNorm or UnitNorm",
            {"left": one.left, "loss_inside": one.loss[1], "loss_bounded": one.loss_bounded[1]},
            stage="training",
        )  # fmt: skip

    def _silenced(self, evidence):
        """The first layer whose weight its constraint makes so small that nothing is left."""
        before, after = evidence.outputs, evidence.outputs_after
        names = [output.layer for output in before]
        if not before or names != [output.layer for output in after] or not evidence.varies:
            return
        if any(one.nonfinite or one.peak > 1 / _MUTED for one in (*before, *after)):
            return
        if any((one.dead or 0) >= 0.5 for one in after):
            return
        pairs = zip(before, after, strict=True)
        left = [now.spread / then.spread if then.spread > 0 else 1.0 for then, now in pairs]
        if not 0 < left[-1] < _MUTED or _comes_back(evidence):
            return
        for made in _in_order(evidence.constraints, names):
            place = names.index(made.record.layer.name)
            kept = left[place] / (left[place - 1] if place else 1.0)
            if kept > _SHARE:
                continue
            now = made.after_step.norm / made.start.norm
            yield self.at_weight(
                made,
                f"its constraint ({made.text}) makes it {now:.2g} times as large in the first "
                f"step, and what {made.record.layer.name!r} gives varies by "
                f"{after[place].spread:.2g} in place of {before[place].spread:.2g}; what the model "
                f"gives, by {after[-1].spread:.2g} in place of {before[-1].spread:.2g}",
                "leave scales of a normalization without a constraint; give kernels a set that "
                "holds weights of the usual size, or their signal back by constrainit.OutputScale",
                {"spread": before[-1].spread, "spread_after": after[-1].spread},
            )  # fmt: skip
            return


def _comes_back(evidence):
    """Whether what the model gives varies again after the steps, as once a weight leaves zero."""
    last = evidence.outputs_last
    same = bool(last) and last[-1].layer == evidence.outputs[-1].layer
    return same and last[-1].spread >= _BACK * evidence.outputs[-1].spread


def _in_order(constraints, names):
    """The weights that their constraint has made small, in the order of their layers."""
    small = [
        made for made in constraints
        if made.after_step is not None and made.record.layer.name in names
        and made.after_step.norm < _SHRUNK * made.start.norm
    ]  # fmt: skip
    return sorted(small, key=lambda made: names.index(made.record.layer.name))
