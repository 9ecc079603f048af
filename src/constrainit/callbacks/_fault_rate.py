"""The learning rate that a roll-back lowers: a number, or a schedule."""

from typing import Any

import keras
from keras import ops

from constrainit.callbacks._log_hub import carried

Schedule = keras.optimizers.schedules.LearningRateSchedule


@keras.saving.register_keras_serializable("constrainit")
class Slowed(Schedule):
    """A schedule times a factor, which `StopAtFault` lowers while `fit` runs.

    Args:
        schedule: The schedule.
        factor: What each of its rates is multiplied by.
    """

    def __init__(self, schedule: Any, factor: float = 1.0):
        self.schedule, self.factor = schedule, float(factor)
        self.variable: Any = None

    def __call__(self, step: Any) -> Any:
        """The rate at a step."""
        rate = ops.convert_to_tensor(self.schedule(step))
        # A compiled step has the number of the day it was compiled; a variable it reads.
        factor = self.factor if self.variable is None else self.variable
        return rate * ops.cast(factor, rate.dtype)

    def set(self, factor: float) -> None:
        """Changes the factor, also of steps that have been compiled with `variable`."""
        self.factor = factor
        if self.variable is not None:
            self.variable.assign(factor)

    def get_config(self) -> dict[str, Any]:
        """The schedule and the factor as it is."""
        schedule = keras.optimizers.schedules.serialize(self.schedule)
        return {"schedule": schedule, "factor": self.factor}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Slowed":
        """The opposite of `get_config`."""
        schedule = keras.optimizers.schedules.deserialize(config["schedule"])
        return cls(schedule, config["factor"])


def slowed(optimizer: Any) -> Slowed:
    """The schedule of an optimizer, with a factor that its compiled steps can carry."""
    made = Slowed(optimizer._learning_rate)
    made.variable = carried(optimizer, (), "float32", "slowing", fill=1)
    return made


def check(optimizer: Any) -> None:
    """Refuses what can not be lowered.

    Raises:
        ValueError: The learning rate is neither a number nor a schedule of Keras.
    """
    rate = optimizer._learning_rate
    if not isinstance(rate, (keras.Variable, Schedule)):
        raise ValueError(
            "`roll_backs` of `StopAtFault` lowers the learning rate, which must be a number or a "
            "`keras.optimizers.schedules.LearningRateSchedule`. Write a subclass of that in place "
            f"of a function, or `roll_backs=0`. Received: learning_rate={rate!r} of "
            f"{optimizer.name!r}."
        )


class Rates:
    """The learning rates of optimizers, by how much roll-backs have lowered them.

    A callback such as `LearningRateScheduler` may set a rate by the number of the epoch, as if it
    had not been lowered: a rate that is higher than it was left is lowered again.

    Args:
        flags: What looks at the optimizers.
        factor: What a roll-back multiplies by.
    """

    def __init__(self, flags: Any, factor: float):
        self._flags, self._factor = list(flags), factor
        self._share = 1.0
        self._left: list[float] | None = None

    def lower(self) -> None:
        """A roll-back."""
        self._share *= self._factor
        for one in self._flags:
            if one.slowing is not None:
                one.slowing.set(self._share)
            else:
                _multiply(one.optimizer, self._factor)

    def leave(self) -> None:
        """An epoch ends."""
        if self._share < 1.0:
            self._left = [_rate(one) for one in self._flags]

    @property
    def wait(self) -> bool:
        """Whether an epoch has begun since, and rates were lowered before."""
        return self._left is not None

    def take_up(self) -> None:
        """The first step of an epoch is about to be taken."""
        if self._left is None:
            return
        for one, left in zip(self._flags, self._left, strict=True):
            if one.slowing is None and _rate(one) > left:
                _multiply(one.optimizer, self._share)
        self._left = None


def _rate(one):
    if one.slowing is not None:
        return 0.0
    return float(ops.convert_to_numpy(one.optimizer._learning_rate.value))


def _multiply(optimizer, factor):
    rate = optimizer._learning_rate
    rate.assign(rate.value * factor)
