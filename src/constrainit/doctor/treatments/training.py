"""Remedies for the optimizer: its learning rate, its epsilon, its averages."""

from dataclasses import replace

import keras

from constrainit.doctor._own_optimizer import inner_of
from constrainit.doctor._replayed import begin
from constrainit.doctor._schedules import schedule_of
from constrainit.doctor.rules._symptoms import diverges
from constrainit.doctor.treatments._compile_code import compile_code
from constrainit.doctor.treatments._remedy import Changed, with_other
from constrainit.doctor.treatments._written import UnwritableError, Written, made_with

_EPSILON = 1e-3

_LARGE = 30.0
"""A first step of so many times the norm of a weight; a thousandth of it moves it by 3 %."""

_COUNTS = ("decay_steps", "first_decay_steps", "warmup_steps", "boundaries")
"""The arguments of schedules that count steps."""

_BATCHES = 100
"""So many batches an epoch of the usual size has."""


def lower_rate(factor):
    """The learning rate times a factor."""

    def apply(problem, evidence, found):
        rate = evidence.rate
        if rate is None:
            return None
        if evidence.own is not None and not evidence.own.as_usual:
            other = with_other(problem)
            other.factor_of_own = factor
            return _of_rate(problem, rate, factor, other)
        # Another model, made by a remedy before this one, has none yet.
        if problem.optimizer is None:
            problem.set_optimizer()
        return _of_rate(problem, rate, factor, problem.with_rate(rate * factor))

    return apply


def within_the_set(problem, evidence, found):
    """The learning rate with which a step goes a hundredth of the width of a set."""
    seen = evidence.wide_steps
    return seen and lower_rate(seen.lower / seen.rate)(problem, evidence, found)


def from_the_start(problem, evidence, found):
    """The lower rate with which a model trains whose steps have failed, from where they began."""
    trial = evidence.trials.get("start")
    if trial is None:
        return None
    rate = trial.numbers["rate"]
    other = begin(problem, rate)
    said = f"training from the start with {trial.change}"
    return Changed(said, other, _at_rate(problem, rate))


def far_lower_rate(factor):
    """As `lower_rate`, where with a thousandth of the rate a step would still be a large one."""
    lower = lower_rate(factor)

    def apply(problem, evidence, found):
        moved = [made.moved for made in evidence.gradients if made.moved is not None]
        return lower(problem, evidence, found) if max(moved, default=0.0) > _LARGE else None

    return apply


def higher_rate(problem, evidence, found):
    """The learning rate that trains in as many steps, or no clip where that is what slows them."""
    clip = evidence.slow.clip
    if clip:
        said = f"{' and '.join(clip)} left out"
        return _other_optimizer(problem, said, **dict.fromkeys(clip))
    return lower_rate(evidence.slow.factor)(problem, evidence, found)


def _of_rate(problem, rate, factor, other):
    said = f"a learning rate of {rate * factor:.3g} in place of {rate:.3g}"
    return Changed(said, other, _at_rate(problem, rate * factor))


def along_the_gradient(problem, evidence, found):
    """Steps of SGD that are as long as those of the optimizer, which moves all entries alike."""
    if evidence.alike is None:
        return None
    rate = evidence.alike.rate
    other = _scaling_as(problem.optimizer, keras.optimizers.SGD(rate))
    return Changed(
        f"steps of SGD of the same length, with a rate of {rate:g}",
        with_other(problem, optimizer=other),
        compile_code(problem, other),
    )


def steady_rate(problem, evidence, found):
    """The largest rate of a schedule for all steps."""
    peak = max(evidence.rates)
    return Changed(
        f"a learning rate of {peak:.3g} at every step",
        problem.with_rate(peak),
        f"{_at_rate(problem, peak)}  # or a schedule with more decay_steps",
    )


def longer_schedule(problem, evidence, found):
    """A schedule that counts steps as if its numbers were epochs; else its largest rate."""
    schedule, peak = schedule_of(problem.optimizer), evidence.end.rate
    config = schedule.get_config()
    counts = {name: config[name] for name in _COUNTS if config.get(name)}
    if not counts:
        return Changed(
            f"a learning rate of {peak:.3g} at every step",
            problem.with_rate(peak),
            _at_rate(problem, peak),
        )
    longer = {name: _times(value, _BATCHES) for name, value in counts.items()}
    other = type(schedule).from_config({**config, **longer})
    made = _other_optimizer(
        problem, f"{', '.join(counts)} {_BATCHES} times as large", learning_rate=other
    )
    own = inner_of(problem.optimizer)
    try:
        counted = made_with(
            schedule, (), **{name: _written(value) for name, value in counts.items()}
        )
        stepped = Written(made_with(own, (), learning_rate=Written("schedule")))
    except UnwritableError:
        return made
    code = (
        "batches = -(-len(x) // 32)  # those of an epoch, by the batch_size of fit\n"
        f"schedule = {counted}\n{compile_code(problem, stepped)}"
    )
    return replace(made, code=code)


def _at_rate(problem, rate):
    """What gives the optimizer of a problem a rate: a schedule can not be set."""
    if schedule_of(problem.optimizer) is None:
        return f"model.optimizer.learning_rate = {rate:.3g}"
    own = inner_of(problem.optimizer)
    config = {**own.get_config(), "learning_rate": float(f"{rate:.3g}")}
    return compile_code(problem, type(own).from_config(config))


def _times(count, factor):
    return [factor * one for one in count] if isinstance(count, (list, tuple)) else factor * count


def _written(count):
    if isinstance(count, (list, tuple)):
        return Written(f"[batches * epoch for epoch in {list(count)}]")
    return Written(f"batches * {count}")


def larger_epsilon(problem, evidence, found):
    """An optimizer whose epsilon is a number that half precision holds."""
    return _other_optimizer(
        problem, f"an epsilon of {_EPSILON:g} in place of {evidence.epsilon:.3g}", epsilon=_EPSILON
    )


def average_at_the_end(problem, evidence, found):
    """An optimizer that does not overwrite the weights by their average between the steps."""
    said = "the average does not overwrite the weights as they are trained"
    return _other_optimizer(problem, said, ema_overwrite_frequency=None)


def new_optimizer(problem, evidence, found):
    """An optimizer of the same settings that has not been built yet."""
    return _other_optimizer(problem, "a new optimizer with the same settings")


_KEPT = """class Kept({base}):
    def apply(self, grads, trainable_variables=None):
        given = None if trainable_variables is None else list(trainable_variables)
        super().apply(grads, given)
        for variable in self._trainable_variables if given is None else given:
            if variable.constraint is not None:
                variable.assign(variable.constraint(variable))
"""


def running_constraints(problem, evidence, found):
    """An optimizer that runs the constraints once the user's own has stepped."""
    own = inner_of(problem.given_optimizer or problem.model.optimizer)
    base = type(own).__name__
    text, made = _KEPT.format(base=base), {base: type(own)}
    exec(text, made)
    other = made["Kept"].from_config(own.get_config())
    return Changed(
        f"the constraints are run when {base} has stepped",
        with_other(problem, optimizer=other),
        compile_code(problem, other, f"{text}\n"),
    )


def _other_optimizer(problem, said, **changed):
    # What another change has made has taken no step yet.
    if problem.optimizer is None:
        problem.set_optimizer()
    own = inner_of(problem.optimizer)
    other = _scaling_as(problem.optimizer, type(own).from_config({**own.get_config(), **changed}))
    return Changed(said, with_other(problem, optimizer=other), compile_code(problem, other))


def _scaling_as(optimizer, other):
    """An optimizer with the loss scale, in float16, that is around another one, if there is."""
    if inner_of(optimizer) is optimizer:
        return other
    scale, growth = optimizer.initial_scale, optimizer.dynamic_growth_steps
    return type(optimizer)(other, initial_scale=scale, dynamic_growth_steps=growth)


def projected_averages(problem, evidence, found):
    """The averages that the optimizer keeps, projected as the callback does."""
    problem.projects_averages = True
    return Changed(
        "the averages are projected before they take the place of the weights",
        code="model.fit(..., callbacks=[ci.KeepFeasible()])",
    )


def is_better(evidence):
    """Whether a trial trains: finite, and lower at the end than at the start."""
    losses = evidence.losses
    return (
        evidence.fault_step is None
        and len(losses) > 1
        and losses[-1] < losses[0]
        and not diverges(evidence)
    )
