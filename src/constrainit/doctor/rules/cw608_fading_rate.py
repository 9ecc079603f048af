"""CW608 fading-rate."""

from constrainit.doctor.rules._rule import Rule, percent

_LEAST = 1e-3


def fades(rates):
    """Whether the rates of a schedule are nothing after twenty steps, and stay so."""
    peak = max(map(abs, rates[:21]), default=0.0)
    return peak > 0 and max(map(abs, rates[20:])) <= _LEAST * peak


class FadingRate(Rule):
    """A schedule takes the learning rate to nothing within twenty steps.

    Schedules count steps, not epochs: `decay_steps=1` decays at each batch. Training stops before
    the first epoch is over, at whatever loss it has reached.

    Example:
        rate = keras.optimizers.schedules.ExponentialDecay(1e-3, decay_steps=1, decay_rate=0.5)
        model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
        model.compile(keras.optimizers.Adam(rate), "mse")
        model

    Use instead:
        rate = keras.optimizers.schedules.ExponentialDecay(1e-3, decay_steps=1000, decay_rate=0.5)
        model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
        model.compile(keras.optimizers.Adam(rate), "mse")
        model

    Known limits:
        Reported where the rate falls below a thousandth of its largest in twenty steps and is no
        higher after 40, 100 and 1000; one that takes longer is tried, see CW613. Callbacks that set
        the rate are not seen.

    Source:
        `keras.optimizers.schedules`: `decay_steps` are optimizer steps. The rates are those that
        the schedule itself gives.
    """

    code, name, stage = "CW608", "fading-rate", "training"
    numbers = ("rate", "rate_after")

    def find(self, evidence):
        rates = evidence.rates
        if not fades(rates):
            return
        peak = max(map(abs, rates[:21]))
        gone = next(i for i, rate in enumerate(rates) if rate and rate == max(rates[:21]))
        step = next(i for i in range(gone, 21) if abs(rates[i]) <= _LEAST * peak)
        yield self.made(
            f"the schedule takes the learning rate from {peak:.3g} to {rates[step]:.3g} in {step} "
            f"steps ({percent(rates[20] / peak)} of it is left after 20): nothing moves any more",
            "schedules count optimizer steps, not epochs: decay_steps is the number of batches of "
            "an epoch, times the epochs that the decay should take",
            {"rate": peak, "rate_after": rates[20]},
        )  # fmt: skip
