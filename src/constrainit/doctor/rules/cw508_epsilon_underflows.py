"""CW508 epsilon-underflows."""

import ml_dtypes

from constrainit.doctor.rules._rule import Rule

_FAR = 50.0


class EpsilonUnderflows(Rule):
    """What keeps an optimizer from dividing by zero is lost in the half precision of its numbers.

    Adam divides by the root of the mean square of a gradient, and adds an epsilon. In float16 the
    square of a gradient of a few thousandths is zero, and an epsilon of 1e-7 hardly a number: a
    step that should be as long as the learning rate is hundreds of times as long, or NaN.

    Example:
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((4,)), layers.Dense(1, dtype="float16")])
        model.compile(keras.optimizers.Adam(0.01), "mse")
        ci.diagnose(model, 0.01 * np.eye(4), 0.1 * np.ones((4, 1)))

    Use instead:
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((4,)), layers.Dense(1, dtype="mixed_float16")])
        model.compile(keras.optimizers.Adam(0.01), "mse")
        ci.diagnose(model, 0.01 * np.eye(4), 0.1 * np.ones((4, 1)))

    Known limits:
        Reported where a step is fifty times as long as the rate, or makes NaN of weights whose
        gradient is finite. A gradient that becomes so small only after the steps that are looked
        at is not seen.

    Source:
        keras-team/keras#11860 and #11832, chainer/chainer#6299. The least normal number of float16
        is 6.1e-5, and its least number 6e-8.
    """

    code, name, stage = "CW508", "epsilon-underflows", "training"
    numbers = ("times", "weights", "loss_after")

    def find(self, evidence):
        rate = max(map(abs, [evidence.rate or 0.0, *evidence.rates[:21]]))
        far = [
            made for made in evidence.gradients
            if _is_lost(evidence.epsilon, made.record.dtype) and made.stride > _FAR * rate
        ]  # fmt: skip
        if not far or not rate > 0:
            return
        times = max(made.stride for made in far) / rate
        dtype = far[0].record.dtype
        step = f"{times:.3g} times as long as the learning rate" if times < 1e30 else "not finite"
        yield self.made(
            f"a step is {step}, as the optimizer keeps its numbers in {dtype}: squares of small "
            f"gradients are zero there, and its epsilon={evidence.epsilon:.3g} is below the least "
            f"normal number {_least(dtype):.2g} (in {len(far)} weights, such as "
            f"{far[0].record.path})",
            'an epsilon of 1e-3 in the optimizer, or the dtype policy "mixed_float16", which keeps '
            "weights and the optimizer's numbers in float32",
            {"times": times, "weights": len(far), "loss_after": evidence.loss_after},
        )  # fmt: skip


def _least(dtype):
    return float(ml_dtypes.finfo(dtype).smallest_normal)


def _is_lost(epsilon, dtype):
    """Whether an epsilon has no place among the normal numbers of a narrow type."""
    return epsilon is not None and dtype == "float16" and epsilon < _least(dtype)
