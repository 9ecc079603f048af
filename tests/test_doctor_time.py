"""What a diagnosis takes: threads, and how often the same steps are taken."""

import keras
import numpy as np
import pytest
from keras import layers

import constrainit as ci
from constrainit.doctor import _problem
from constrainit.doctor._probe import probe
from constrainit.doctor._problem import Problem
from constrainit.doctor._state import borrowed
from constrainit.doctor.treatments import _budget, _farther
from constrainit.doctor.treatments._budget import Budget, work_of
from constrainit.doctor.treatments._farther import Course, Farther
from constrainit.doctor.treatments._remedy import Remedy
from constrainit.doctor.treatments.training import lower_rate

RNG = np.random.default_rng(0)
SEQUENCES = RNG.normal(size=(32, 12, 3)).astype("float32")
SUMS = SEQUENCES[:, :, 0].sum(1, keepdims=True)

on_torch = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="only PyTorch shares small operations among threads"
)


NOTED = []
"""What `Counted` notes: a list of its own would be as before when the doctor is done."""


class Counted(layers.Layer):
    """Notes how many threads PyTorch has whenever a step has come to it."""

    def call(self, x):
        import torch

        NOTED.append(torch.get_num_threads())
        return x


@pytest.fixture
def two_threads():
    """PyTorch has two threads, however many processors there are."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    NOTED.clear()
    yield
    torch.set_num_threads(before)


def recurrence(*last, rate=0.01):
    """A recurrence on sequences, with a constraint, and its learning rate."""
    kept = keras.constraints.MaxNorm(3.0)
    memory = layers.LSTM(8, kernel_constraint=kept)
    model = keras.Sequential([keras.Input((12, 3)), memory, layers.Dense(1), *last])
    model.compile(keras.optimizers.SGD(rate), "mse")
    return model


@on_torch
def test_small_operations_are_computed_by_one_thread(two_threads):
    """The steps of a recurrence are, from the second one on; then there are as many as before."""
    import torch

    assert ci.diagnose(recurrence(Counted()), SEQUENCES, SUMS).ok
    assert torch.get_num_threads() == 2
    assert NOTED[-20:] == [1] * 20


@on_torch
def test_large_operations_keep_their_threads(two_threads):
    """A few large products are shared among threads as ever."""
    dense = [layers.Dense(900), layers.Dense(900)]
    model = keras.Sequential([keras.Input((900,)), *dense, Counted()])
    model.compile("sgd", "mse")
    ci.diagnose(model, np.ones((16, 900), "float32"), np.ones((16, 900), "float32"))
    assert set(NOTED) == {2}


@pytest.fixture
def farther():
    """Longer trainings of a recurrence, as treatments ask for them, and what was tried."""
    model = recurrence(rate=0.5)
    problem = Problem(model, SEQUENCES, SUMS, None, None, 0)
    with borrowed(model) as put_back:
        evidence = probe(problem)
        put_back()
        yield Farther(problem, evidence, Budget(problem))


def test_an_untreated_training_is_taken_once(farther, monkeypatch):
    """A longer one tells how a shorter one goes, to the bit; a change to the model is its own."""
    alone = Farther(farther.problem, farther.evidence, farther.budget).untreated(25)
    whole = farther.untreated(40)
    monkeypatch.setattr(_farther, "seen", None)
    assert farther.untreated(40) == whole
    assert farther.untreated(25) == alone
    assert len(alone.losses) == 26
    assert alone.losses == whole.losses[:26]


def test_a_fault_behind_the_end_is_none():
    """What is not finite at a later step is not known of a shorter training."""
    course = Course([1.0, 2.0, 3.0, float("inf")], 3)
    assert course.up_to(3) == course
    assert course.up_to(2) == Course([1.0, 2.0, 3.0], None)


def test_a_treated_training_is_taken_once(farther):
    """Several questions are asked of one; that of another change or length is another one."""
    slower, slowest = (Remedy(("CW505",), lower_rate(factor)) for factor in (0.1, 0.01))
    first = farther.treated(slower, [], 25)
    assert farther.treated(slower, [], 25) is first
    assert len(farther.treated(slower, [], 30).evidence.losses) == 31
    assert farther.treated(slowest, [], 25).changed.change.startswith("a learning rate of 0.005")


def backwards(monkeypatch, model):
    """What the doctor says of a model that counts as large, and how often it goes backward."""
    import torch

    taken, grad = [], torch.autograd.grad
    monkeypatch.setattr(_problem, "_STEPS", ((20, 0), (5, 0), (1, np.inf)))
    monkeypatch.setattr(
        torch.autograd, "grad", lambda *given, **named: taken.append(1) or grad(*given, **named)
    )
    return ci.diagnose(model, SEQUENCES, SUMS), len(taken)


op_by_op = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="JAX compiles a step, TensorFlow has a tape"
)


@op_by_op
def test_a_single_step_of_a_healthy_model_goes_backward_once(monkeypatch):
    """After it only the loss is asked for: going backward takes twice the time of that."""
    report, count = backwards(monkeypatch, recurrence())
    found = report.to_dict()
    assert report.ok
    assert count == 1
    assert 0 < found["loss_after_first_step"] < found["loss"]


@op_by_op
@pytest.mark.parametrize(
    ("start", "rate", "ok"), [("zeros", 0.01, True), ("glorot_uniform", 1e4, False)]
)
def test_a_single_step_that_asks_for_more_goes_backward_again(monkeypatch, start, rate, ok):
    """Where a weight has no gradient yet, as behind a factor of zero, or where the loss grows."""
    last = layers.Dense(1, kernel_initializer=start)
    report, count = backwards(monkeypatch, recurrence(last, rate=rate))
    assert count >= 2
    assert report.ok is ok


def said(report):
    """What a report says was assumed, as one text."""
    return "\n".join(report.environment["assumed"])


@on_torch
def test_what_a_cure_is_followed_for_where_steps_are_dear(monkeypatch):
    """A training to compare with is of fewer steps where each is more work, and that is said."""
    whole = ci.diagnose(recurrence(rate=10.0), SEQUENCES, SUMS)
    assert whole.findings[0].code == "CW601"
    assert "was followed" not in said(whole)
    monkeypatch.setattr(_budget, "_LONGER", 1000)
    report = ci.diagnose(recurrence(rate=10.0), SEQUENCES, SUMS)
    assert [f.code for f in report.findings] == [f.code for f in whole.findings]
    assert "what heals was followed for 40 steps in place of 200, as one step takes" in said(report)


@on_torch
def test_what_is_not_tried_for_lack_of_time(monkeypatch):
    """It is said, what it would have changed too, and no cure is claimed of it."""
    monkeypatch.setattr(_budget, "_ALL", 1)
    report = ci.diagnose(recurrence(rate=10.0), SEQUENCES, SUMS)
    assert report.findings[0].code != "CW601"
    assert not any(f.treatment is not None and f.treatment.healed for f in report.findings)
    assert "not tried for lack of time, as one step takes" in said(report)
    assert "a learning rate of 1 in place of 10; a learning rate of 0.1 in place" in said(report)


def test_the_work_of_a_step(farther):
    """Operations, each of them for more with larger kernels; those of tables look rows up."""
    problem = farther.problem
    problem.operations = 100
    kernel = 8 * 32 * len(SEQUENCES)
    assert work_of(problem) == 100 * (1 + kernel / 1e6)
    table = keras.Sequential([keras.Input((4,)), layers.Embedding(1000, 50), layers.Dense(1)])
    looked_up = Problem(table, np.zeros((10, 4)), np.zeros((10, 4, 1)), None, None, 0)
    looked_up.operations = 100
    assert work_of(looked_up) == 100 * (1 + 50 * 10 / 1e6)
