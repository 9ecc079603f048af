"""Constraints of the user's own: what they do when they are called again, and on what they gave."""

import functools
import time

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor.treatments._meaning import meant_set
from constrainit.model import walk

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(32, 4)).astype("float32")
Y = X[:, :1].copy()

registered = keras.saving.register_keras_serializable("test_doctor_own_constraints")


def sequential(*parts, optimizer=None, shape=(4,)):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(shape), *parts])
    model.compile(optimizer or keras.optimizers.SGD(0.01), "mse")
    return model


def counted(report):
    return [finding for finding in report.findings if finding.counts]


@registered
class NoBias(keras.constraints.Constraint):
    """A bias that is held at zero."""

    def __call__(self, w):
        return ops.zeros_like(w)


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize(("argument", "level"), [("bias", "info"), ("kernel", "warning")])
def test_a_bias_that_is_held_at_zero_is_a_note(argument, level):
    """As if there was none, which may be meant; a kernel of zeros is not."""
    own = {f"{argument}_constraint": NoBias(), "kernel_initializer": "ones"}
    if argument == "kernel":
        own["kernel_initializer"] = "zeros"
    report = ci.diagnose(sequential(layers.Dense(1, **own)), X, Y)
    assert [f.level for f in report.findings if f.code == "CW212"] == [level], str(report)


@registered
class Bjorck(keras.constraints.Constraint):
    """Newton's iteration for the orthogonal factor, which diverges from far outside."""

    def __call__(self, w):
        for _ in range(3):
            w = 1.5 * w - 0.5 * ops.matmul(w, ops.matmul(ops.transpose(w), w))
        return w


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize("scale", [4.0, 1.0])
def test_an_iteration_that_diverges(scale):
    """It is named where the start is too far outside, and the set that it means is tried."""
    start = keras.initializers.Orthogonal(scale, seed=0)
    dense = layers.Dense(8, kernel_initializer=start, kernel_constraint=Bjorck())
    model = sequential(dense, layers.Dense(1), shape=(8,))
    x = DRAWS.normal(size=(32, 8)).astype("float32")
    found = counted(ci.diagnose(model, x, x[:, :1]))
    if scale == 1.0:
        assert found == []
        return
    first, *others = found
    assert first.code == "CW204"
    assert "larger at each call" in first.message
    assert first.treatment.healed
    assert "ci.Orthogonal()" in first.treatment.code
    assert all(other.cause for other in others)


@registered
class Shrunk(keras.constraints.Constraint):
    """A step towards zero, as a penalty would take it, and with every update."""

    def __call__(self, w):
        return ops.sign(w) * ops.maximum(ops.abs(w) - 0.02, 0.0)


@registered
class Half(keras.constraints.Constraint):
    """Half of the way to the units of norm one."""

    def __call__(self, w):
        norm = ops.sqrt(ops.sum(ops.square(w), axis=0, keepdims=True))
        return 0.5 * (w + w / norm)


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize(("constraint", "fades"), [(Shrunk(), True), (Half(), False)])
@pytest.mark.usefixtures("_without_treatments")
def test_a_weight_that_each_call_makes_smaller(constraint, fades):
    """To zero, by as much each time; what comes to a norm of one falls by less and less."""
    start = keras.initializers.RandomNormal(stddev=1.0, seed=0)
    dense = layers.Dense(3, kernel_initializer=start, kernel_constraint=constraint)
    first = counted(ci.diagnose(sequential(dense), X, X[:, :3], steps=2))[0]
    assert first.code == "CW205"
    assert ("and on towards zero" in first.message) == fades
    assert ("kernel_regularizer" in first.fix) == fades


@registered
class Allocation(keras.constraints.Constraint):
    """Shares, and then bounds: the bounds break the sum."""

    def __call__(self, w):
        w = ops.maximum(w, 1e-3)
        return ops.clip(w / ops.sum(w, axis=0, keepdims=True), 0.05, 0.4)


@pytest.mark.in_turns(every=16)
def test_two_sets_one_after_the_other():
    """At the start nothing is cut off; after the steps the sum is lost, and both sets are tried."""
    dense = layers.Dense(
        1, kernel_initializer=keras.initializers.Constant(0.25), kernel_constraint=Allocation()
    )
    target = X @ np.float32([[0.9], [0.1], [0.0], [0.0]])
    report = ci.diagnose(sequential(dense, optimizer=keras.optimizers.SGD(0.3)), X, target)
    first = counted(report)[0]
    assert first.code == "CW205"
    assert "after the steps, though not at the start" in first.message
    assert first.treatment.healed
    assert "ci.Box(lower=0.05, upper=0.4)" in first.treatment.code
    assert "ci.Simplex(total=1.0" in first.treatment.code


@registered
class Noted(keras.constraints.Constraint):
    """Notes how often and when it was called, and does the same at every call."""

    def __init__(self):
        self.calls, self.last, self.times = 0, 0.0, []

    def __call__(self, w):
        self.calls += 1
        self.last = time.perf_counter()
        self.times.append(self.last)
        return ops.clip(w, -1, 1)

    def get_config(self):
        return {}


@registered
class AtTimes(Noted):
    """Acts at every hundredth call only."""

    def __call__(self, w):
        self.calls += 1
        return ops.clip(w, -1, 1) if self.calls % 100 == 0 else w


@pytest.mark.parametrize(("constraint", "depends"), [(Noted(), False), (AtTimes(), True)])
@pytest.mark.usefixtures("_without_treatments")
def test_what_is_merely_noted_is_no_count(constraint, depends):
    """A number that a constraint keeps matters where its results depend on it."""
    report = ci.diagnose(sequential(layers.Dense(2, kernel_constraint=constraint)), X, X[:, :2])
    assert [f.code for f in report.findings if f.code == "CW207"] == ["CW207"] * depends


@registered
class Capped(keras.constraints.Constraint):
    """No weight above 0.4, and then shares, which may be larger again; of zeros there are none."""

    def __call__(self, w):
        w = ops.clip(w, 0, 0.4)
        return w / ops.sum(w, axis=0, keepdims=True)


@pytest.mark.in_turns(every=16)
def test_the_cap_of_shares_is_in_the_cure():
    """The paste keeps it, where the constraint itself does not, and the report says so."""
    dense = layers.Dense(3, kernel_initializer="zeros", kernel_constraint=Capped(), name="shares")
    model = sequential(dense, layers.Dense(1))
    first = counted(ci.diagnose(model, X, Y))[0]
    assert first.code == "CW204"
    assert first.treatment.healed
    assert "does not keep its own cap of 0.4" in first.treatment.change
    exec(first.treatment.code, {"ci": ci, "model": model})
    kernel = ops.convert_to_numpy(dense.kernel)
    assert kernel.max() <= 0.4
    assert np.allclose(kernel.sum(axis=0), 1.0)


@pytest.mark.in_turns(every=16)
def test_a_constraint_of_keras_that_takes_its_time():
    """`MinMaxNorm` with a rate is meant to move its own result, at the start and later."""
    band = keras.constraints.MinMaxNorm(0.5, 1.0, rate=0.1)
    start = keras.initializers.RandomNormal(stddev=0.8, seed=0)
    dense = layers.Dense(6, kernel_initializer=start, kernel_constraint=band)
    assert "CW205" not in {
        f.code for f in ci.diagnose(sequential(dense), X, X[:, [0] * 6]).findings
    }


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize(
    "band",
    [keras.constraints.MinMaxNorm(0.5, 1.0, rate=0.1), ci.Relaxed(ci.NormRange(0.5, 1.0), 0.1)],
    ids=["of Keras", "Relaxed"],
)
def test_what_takes_its_time_is_not_stuck(band):
    """That a first step leaves it outside is meant, and no vector of zeros."""
    start = keras.initializers.RandomNormal(stddev=2.0, seed=0)
    dense = layers.Dense(6, kernel_initializer=start, kernel_constraint=band)
    found = {f.code: f for f in ci.diagnose(sequential(dense), X, X[:, [0] * 6]).findings}
    assert "CW210" not in found
    assert "zero vector" not in found["CW101"].message
    assert found["CW101"].level == "info"


@registered
class Predicts(keras.constraints.Constraint):
    """Filters that predict their centre, set to -1, from the rest, divided by its sum."""

    def __call__(self, w):
        rest = np.ones((3, 3, 1, 1), "float32")
        rest[1, 1] = 0.0
        rest = ops.convert_to_tensor(rest)
        w = ops.convert_to_tensor(w) * rest
        return w / ops.sum(w, axis=(0, 1), keepdims=True) - (1.0 - rest)


@registered
class ToFirst(keras.constraints.Constraint):
    """Shares of the first row, of which some start near zero."""

    def __call__(self, w):
        return w / w[:1]


@pytest.mark.in_turns(every=16)
def test_a_quotient_by_sums_that_leaves_the_centre_out():
    """What overflows by the weights that it makes follows from it; a start of one sign mends it."""
    draws = np.random.default_rng(0)
    start = 0.2 * draws.normal(size=(3, 3, 1, 32))
    # The sum of the first filter, but for its centre, is next to none.
    start[0, 0, 0, 0] -= start[..., 0].sum() - start[1, 1, 0, 0] - 2e-3
    conv = layers.Conv2D(
        32, 3, use_bias=False, kernel_constraint=Predicts(),
        kernel_initializer=lambda shape, dtype=None: ops.convert_to_tensor(start, dtype),
    )  # fmt: skip
    model = sequential(
        conv, layers.Conv2D(8, 2, activation="relu"), layers.Flatten(), layers.Dense(1),
        shape=(6, 6, 1),
    )  # fmt: skip
    x = draws.random((16, 6, 6, 1)).astype("float32")
    first, *others = counted(ci.diagnose(model, x, x[:, 0, 0] + x[:, 1, 1]))
    assert first.code == "CW211"
    assert "but for entries that it sets itself" in first.message
    assert first.evidence["least_sum_share"] < 0.1
    assert first.treatment.healed
    codes = {f.code for f in others}
    assert codes >= {"CW101", "CW102"}
    assert codes & {"CW401", "CW501", "CW502", "CW505"}
    assert {f.cause for f in others} == {f"CW211 {first.weight}"}
    exec(first.treatment.code, {"keras": keras, "model": model})
    rest = np.delete(np.reshape(conv.kernel, (9, 32)), 4, axis=0)
    assert rest.min() >= 0
    assert np.allclose(rest.sum(axis=0), 1.0)


def of_sum_one(w):
    return w / ops.sum(w, axis=0, keepdims=True)


@pytest.mark.parametrize("units", [1, 3])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_shares_whose_sum_is_below_zero(units, sign):
    """All signs turn round at the first step, which a start outside does not tell."""
    start = np.random.default_rng(0).uniform(-0.2, 0.6, size=(4, units)) + 0.1
    dense = layers.Dense(
        units, use_bias=False, kernel_constraint=of_sum_one,
        kernel_initializer=lambda shape, dtype=None: ops.convert_to_tensor(sign * start, dtype),
    )  # fmt: skip
    report = ci.diagnose(sequential(dense), X, X @ np.full((4, units), 0.25, "float32"))
    found = counted(report)
    if sign > 0:
        assert "CW211" not in {f.code for f in found}, str(report)
        return
    first = found[0]
    assert first.code == "CW211", str(report)
    assert "turns all signs there round" in first.message
    assert first.evidence["below_zero"] == units
    assert first.treatment.healed, str(report)
    jumps = [f for f in found if f.code in ("CW101", "CW102")]
    assert jumps, str(report)
    assert {f.cause for f in jumps} == {f"CW211 {first.weight}"}, str(report)


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_overflows_follows_from_a_weight_that_is_blown_up(seed):
    """It comes behind the start of that weight, and no rate is blamed for it."""
    draws = np.random.default_rng(seed)
    starts = [draws.normal(size=shape) / 3 for shape in ((4, 32), (32, 8), (8, 1))]
    # Of what the shares are taken of, one is near zero, and the others are not.
    starts[0][0] = np.where(np.arange(32) == 5, 1e-3, np.sign(starts[0][0]) * 0.5)
    dense, *others = (
        layers.Dense(
            start.shape[1], use_bias=False, kernel_constraint=constraint,
            kernel_initializer=lambda shape, dtype=None, start=start: ops.cast(start, dtype),
        )
        for start, constraint in zip(starts, (ToFirst(), None, None), strict=True)
    )  # fmt: skip
    model = sequential(dense, *others, optimizer=keras.optimizers.SGD(0.1))
    found = counted(ci.diagnose(model, X, Y))
    assert "CW601" not in {f.code for f in found}
    first = next(f for f in found if not f.cause)
    assert (first.code, first.layer) == ("CW101", dense.name)
    broken = [f for f in found if f.code in ("CW401", "CW501", "CW502", "CW505")]
    assert broken
    assert {f.cause for f in broken} == {f"CW101 {first.weight}"}


@registered
class Drawn(keras.constraints.Constraint):
    """Norms of a class of the user's own, which goes part of the way to them."""

    def __init__(self, rate):
        self.rate = rate

    def __call__(self, w):
        norm = ops.sqrt(ops.sum(ops.square(w), axis=0, keepdims=True))
        return w * (1 - self.rate + self.rate * ops.clip(norm, 0.5, 1.0) / norm)

    def get_config(self):
        return {"rate": self.rate}


LATE = {
    "of Keras": lambda rate: keras.constraints.MinMaxNorm(0.5, 1.0, rate=rate),
    "Relaxed": lambda rate: ci.Relaxed(ci.NormRange(0.5, 1.0), rate),
    "own": Drawn,
}


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize("name", LATE)
def test_what_takes_its_time_is_late(name):
    """How far outside it stays, and for how long, is told; the start is what mends it."""

    def diagnosed(rate, deviation, steps=20):
        start = keras.initializers.RandomNormal(stddev=deviation, seed=0)
        dense = layers.Dense(6, kernel_initializer=start, kernel_constraint=LATE[name](rate))
        report = ci.diagnose(sequential(dense), X, X[:, [0] * 6], steps=steps)
        return next(f for f in report.findings if f.code == "CW101")

    late = diagnosed(0.01, 2.0)
    assert late.counts
    assert "goes 1 % of the way at each step" in late.message
    # The norms fall from about 4 to 1: 0.99 ** 20 of the rest are left after the look.
    assert late.evidence["rate"] == pytest.approx(0.01, rel=1e-3)
    assert 0.6 < late.evidence["outside_after"] < 0.8
    assert 450 < late.evidence["steps_left"] < 600
    assert name == "own" or late.treatment.healed
    for soon in (diagnosed(0.2, 2.0), diagnosed(0.2, 2.0, steps=1), diagnosed(0.01, 0.55)):
        assert "of the way at each step. After" not in soon.message


@pytest.mark.in_turns(every=16)
def test_slow_rate_along_other_axes():
    """The axes of a unit are given to the set that the constraint of Keras draws near."""
    conv = layers.Conv2D(6, 3, kernel_constraint=keras.constraints.MinMaxNorm(0.5, 1.0, rate=0.1))
    x = np.random.default_rng(0).normal(size=(8, 6, 6, 4)).astype("float32")
    model = sequential(conv, layers.Flatten(), layers.Dense(1), shape=(6, 6, 4))
    found = {f.code: f for f in ci.diagnose(model, x, x[:, 0, 0, :1]).findings}
    assert found["CW301"].treatment.healed
    assert (
        "ci.Relaxed(set=ci.NormRange(lower=0.5, upper=1.0, axis=[0, 1, 2]), rate=0.1)"
        in found["CW301"].treatment.code
    )


@registered
class Softmax(keras.constraints.Constraint):
    """A smooth map in place of a projection: it makes any weights more alike at each call."""

    def __call__(self, w):
        return ops.softmax(w, axis=0)


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize(("constraint", "code"), [(Softmax(), "CW212"), (ci.Simplex(axis=0), None)])
def test_weights_that_are_pulled_to_the_same_ones(constraint, code):
    """The steps of Adam are all alike here, which a projection takes back without a fault.

    So that it is no cure of them, but of a softmax.
    """
    equal = keras.initializers.Constant(0.25)
    dense = layers.Dense(1, use_bias=False, kernel_initializer=equal, kernel_constraint=constraint)
    x = np.abs(X) + 1
    target = 9 * x.sum(axis=1, keepdims=True)
    found = counted(
        ci.diagnose(sequential(dense, optimizer=keras.optimizers.Adam(0.01)), x, target)
    )
    assert [f.code for f in found if f.code == "CW212"] == ([] if code is None else [code])
    if code:
        assert "pulls every weight to the same one" in found[0].message
        assert "ci.Simplex(total=1.0" in found[0].treatment.code
        assert not found[0].treatment.healed
        model = sequential(dense, optimizer=keras.optimizers.Adam(0.01))
        other = counted(ci.diagnose(model, X, 9 * X[:, :1]))
        assert [f.treatment.healed for f in other if f.code == "CW212"] == [True]


@registered
class Largest(keras.constraints.Constraint):
    """The largest weight of each unit alone."""

    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        size = ops.abs(w)
        return ops.where(size >= ops.max(size, axis=0, keepdims=True), w, ops.zeros_like(w))


@registered
class Wide(keras.constraints.Constraint):
    def __call__(self, w):
        return ops.clip(w, -9.0, 9.0)


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize(("constraint", "outside"), [(Largest(), True), (Wide(), False)])
def test_averages_of_what_no_set_is_known_of(constraint, outside):
    """The mean of weights of which one each is not zero has more of them; wide bounds hold it."""
    keras.utils.set_random_seed(0)
    dense = layers.Dense(8, kernel_initializer="ones", kernel_constraint=constraint)
    dense.build((4,))
    dense.kernel.assign(np.eye(4, 8, dtype="float32") + np.eye(4, 8, 4, dtype="float32"))
    optimizer = keras.optimizers.SGD(2.0, use_ema=True, ema_momentum=0.9)
    report = ci.diagnose(
        sequential(dense, optimizer=optimizer), X, np.roll(X, 1, axis=1)[:, [0, 1, 2, 3] * 2]
    )
    found = [f for f in report.findings if f.code == "CW303"]
    assert bool(found) == outside, str(report)
    assert all(f.treatment is not None and f.treatment.healed for f in found)


@registered
class Floor(keras.constraints.Constraint):
    """A class without `get_config`, of which a copy has the defaults."""

    def __init__(self, lower=0.0):
        self.lower = lower

    def __call__(self, w):
        return ops.maximum(w, self.lower)


@registered
class Ceiling(Floor):
    def get_config(self):
        return {"lower": self.lower}


@pytest.mark.parametrize(
    ("constraint", "level"), [(Floor(), "info"), (Floor(0.1), "warning"), (Ceiling(0.1), None)]
)
@pytest.mark.usefixtures("_without_treatments")
def test_an_argument_that_the_config_leaves_out(constraint, level):
    """A note where it has its default, as in a clone, whatever it was where that came from."""
    dense = layers.Dense(2, kernel_initializer="ones", kernel_constraint=constraint)
    report = ci.diagnose(sequential(dense), X, X[:, :2], steps=2)
    levels = [f.level for f in report.findings if f.code == "CW208"]
    assert levels == ([] if level is None else [level])
    if level == "info":
        assert "lower=0.0" in next(f for f in report.findings if f.code == "CW208").message


@registered
class Ordered(keras.constraints.Constraint):
    """Weights in order, which zeros are in either way."""

    def __init__(self, direction=1):
        self.direction = direction

    def __call__(self, w):
        return self.direction * ops.sort(self.direction * w, axis=0)


@registered
class Late(Floor):
    """A bound that acts from a size of weights on that is not met here."""

    def __init__(self, size=1e6):
        super().__init__(0.1)
        self.size = size

    def __call__(self, w):
        return ops.where(ops.max(ops.abs(w)) < self.size, w, ops.maximum(w, self.lower))


@pytest.mark.parametrize(
    ("constraint", "start", "level"),
    [
        (Ordered(-1), "zeros", "warning"),
        (Ordered(), "zeros", "info"),
        (Late(1e5), "ones", "warning"),
        (Late(), "ones", "info"),
    ],
)
@pytest.mark.usefixtures("_without_treatments")
def test_what_the_start_tells_nothing_of(constraint, start, level):
    """An argument that is lost makes no difference to the start, and does to other weights."""
    dense = layers.Dense(2, kernel_initializer=start, kernel_constraint=constraint)
    report = ci.diagnose(sequential(dense), X, X[:, :2], steps=2)
    [found] = [f for f in report.findings if f.code == "CW208"]
    assert found.level == level, str(report)


@pytest.mark.usefixtures("_without_treatments")
def test_an_argument_that_a_wrapper_has_lost():
    """Bidirectional makes both layers from the config of the one that it is given, at once."""
    inner = layers.GRU(2, kernel_constraint=Floor(0.1))
    model = sequential(layers.Bidirectional(inner, name="both"), shape=(3, 4))
    x = DRAWS.normal(size=(8, 3, 4)).astype("float32")
    found = [f for f in ci.diagnose(model, x, x[:, 0], steps=2).findings if f.code == "CW208"]
    [first] = found
    assert first.level == "warning"
    assert "Bidirectional 'both'" in first.message
    assert "lower=0.0" in first.message
    assert len(first.others) == 1
    assert "make the model anew" in first.fix


@registered
class EveryThird(keras.constraints.Constraint):
    """A projection at each third call, and nothing at the others."""

    def __init__(self):
        self.calls = 0

    def __call__(self, w):
        self.calls += 1
        return w / ops.norm(w, axis=0, keepdims=True) if self.calls % 3 == 0 else w

    def get_config(self):
        return {}


@pytest.mark.usefixtures("_without_treatments")
def test_a_constraint_that_acts_at_each_third_call():
    """Calls at another count are no leap, nor does it do nothing: that it counts is said alone."""
    start = keras.initializers.Orthogonal(seed=0)
    own = {"kernel_initializer": start, "kernel_constraint": EveryThird()}
    dense = layers.Dense(4, name="own", **own)
    report = ci.diagnose(sequential(dense, layers.Dense(1)), X, Y)
    level = "info" if keras.backend.backend() == "torch" else "warning"
    found = [(f.code, f.level) for f in report.findings if f.layer == "own"]
    assert found == [("CW207", level)], str(report)


@pytest.mark.in_turns(every=16)
@pytest.mark.usefixtures("_without_treatments")
def test_a_class_that_is_at_fault_is_told_of_once():
    """With the first of its weights, the number of the others, and each of them by name."""

    class Lost(keras.constraints.Constraint):
        def __call__(self, w):
            return ops.clip(w, -1, 1)

    parts = [layers.Dense(4, kernel_constraint=Lost(), name=f"d{i}") for i in range(4)]
    model = sequential(*parts, layers.Dense(1))
    first, *others = [f"{model.name}/d{i}/kernel" for i in range(4)]
    report = ci.diagnose(model, X, Y, steps=2)
    [found] = [f for f in report.findings if f.code == "CW208"]
    assert found.weight == first
    assert f"; so it is for {others[0]}, {others[1]} and 1 more" in found.message
    assert found.layers == {"d0", "d1", "d2", "d3"}
    [written] = [f for f in report.to_dict()["findings"] if f["code"] == "CW208"]
    assert written["others"] == others
    assert others[2] in report.to_sarif()


@pytest.fixture
def _without_treatments(monkeypatch):
    monkeypatch.setattr("constrainit.doctor._diagnose.treat", lambda *arguments: None)


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize("trainable", [True, False])
def test_a_weight_that_was_given_is_projected(trainable):
    """What is not trained can not be learnt again; what is, is drawn for its set."""
    dense = layers.Dense(3, kernel_constraint="non_neg", trainable=trainable)
    model = sequential(dense, layers.Dense(1))
    before = ops.convert_to_numpy(dense.kernel)
    said = ci.diagnose(model, X, Y, steps=2).findings[0]
    assert ("never to a weight that is not trained" in said.message) == (not trainable)
    (change, *_) = ci.prepare(model, seed=0)
    after = ops.convert_to_numpy(dense.kernel)
    assert change.how == ("drawn" if trainable else "projected")
    assert np.array_equal(after, np.maximum(before, 0)) == (not trainable)
    assert after.min() >= 0


@pytest.mark.in_turns(every=16)
def test_a_trained_model_is_moved_and_not_drawn_anew():
    """What it has learnt is in its weights; one that has not been trained is drawn."""
    model = sequential(layers.Dense(3), optimizer=keras.optimizers.SGD(0.01))
    for steps, said in ((0, "ci.prepare(model)"), (1, "ci.project(model)")):
        for _ in range(steps):
            model.train_on_batch(X, X[:, :3])
        model.layers[-1].kernel.assign(DRAWS.normal(size=(4, 3)))
        ci.constrain(model, {"*/kernel": ci.NonNegative()})
        first = ci.diagnose(model, X, X[:, :3]).findings[0]
        assert first.code == "CW101"
        assert first.treatment.code == said
        assert first.treatment.healed
        assert ("project" in first.fix) == bool(steps)


@registered
class Unit(keras.constraints.Constraint):
    """Without an epsilon: of zeros it makes NaN."""

    def __call__(self, w):
        return w / ops.sqrt(ops.sum(ops.square(w), axis=0, keepdims=True))


def test_a_weight_is_left_that_would_become_nan():
    """`prepare` says so; the model stays finite."""
    model = sequential(layers.Dense(3, kernel_initializer="zeros", kernel_constraint=Unit()))
    (change,) = ci.prepare(model)
    assert "left as it is: its constraint makes NaN" in str(change)
    assert not ops.convert_to_numpy(model.layers[-1].kernel).any()


@pytest.mark.in_turns(every=16)
def test_what_a_constraint_means_that_goes_part_of_the_way():
    """Where it ends tells the set, not what a first call gives."""
    model = sequential(layers.Dense(6, kernel_constraint=Half()))
    record = next(r for r in walk(model) if r.constraint is not None)
    assert meant_set(record) == ci.UnitNorm(axis=[0])


def test_an_optimizer_of_another_model():
    """It knows the weights that it was built for; a new one is tried."""
    adam = keras.optimizers.Adam(0.01)
    shared = layers.Dense(3, kernel_constraint=ci.MaxNorm(2.0))
    first = sequential(shared, optimizer=adam)
    assert ci.diagnose(first, X, X[:, :3]).ok
    first.fit(X, X[:, :3], verbose=0)
    assert ci.diagnose(first, X, X[:, :3]).ok
    second = sequential(shared, layers.Dense(1, name="end"), optimizer=adam)
    found = counted(ci.diagnose(second, X, Y))
    assert [f.code for f in found] == ["CW611"]
    assert found[0].weight.endswith("end/kernel")
    assert found[0].treatment.healed
    assert "keras.optimizers.Adam(learning_rate=" in found[0].treatment.code


@registered
class Pruned(keras.constraints.Constraint):
    """Small weights become zero, and then each unit has a norm of one: of zeros there is none."""

    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        w = ops.where(ops.abs(w) < 0.3, ops.zeros_like(w), w)
        return w / ops.sum(ops.abs(w), axis=0, keepdims=True)


@pytest.mark.usefixtures("_without_treatments")
def test_a_constraint_that_makes_nan_of_a_later_weight():
    """It is named before the layer whose output is the first that is not finite."""
    dense = layers.Dense(16, activation="tanh", kernel_constraint=Pruned(), name="p")
    keras.utils.set_random_seed(0)
    model = sequential(dense, layers.Dense(1), optimizer=keras.optimizers.SGD(0.0), shape=(4,))
    # A first call gives three of 0.274, and one less, which the next one takes for small.
    dense.kernel.assign(np.float32([[0.5], [0.5], [0.5], [0.325]]) * np.ones((1, 16)))
    first, *others = counted(ci.diagnose(model, X, Y))
    assert first.code == "CW204"
    assert "from a finite weight of" in first.message
    assert all(f.cause for f in others if f.code == "CW401")


@pytest.mark.in_turns(every=16)
def test_what_is_to_paste_fits_the_model_under_another_name():
    """The name of a model is another one in each session, and in a file."""
    equal = keras.initializers.Constant(0.25)

    def made():
        dense = layers.Dense(1, kernel_initializer=equal, kernel_constraint=Softmax(), name="mix")
        return sequential(dense, optimizer=keras.optimizers.Adam(0.01))

    x = np.abs(X) + 1
    first = counted(ci.diagnose(made(), x, 9 * x.sum(axis=1, keepdims=True)))[0]
    assert "{'mix/kernel': ci.Simplex(" in first.treatment.code
    model = made()
    exec(first.treatment.code, {"ci": ci, "model": model})
    assert isinstance(model.layers[-1].kernel.constraint, ci.Simplex)


def square_only(w):
    return ops.qr(w)[0]


@registered
class Lifted(keras.constraints.Constraint):
    def __call__(self, w):
        return ops.relu(w) + 0.01

    def get_config(self):
        return {}


@registered
class Lost(Lifted):
    def __call__(self, w):
        return ops.abs(w) / ops.sum(ops.abs(w), axis=1)


@registered
class Kept(Lifted):
    def __call__(self, w):
        return ops.abs(w) / ops.sqrt(ops.sum(ops.abs(w), 1, keepdims=True))


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize(
    ("constraint", "units", "code", "end"),
    [
        (square_only, 6, "CW202", "return a tensor of the shape that came in"),
        (Lifted(), 4, "CW205", "for which the constraint changes nothing"),
        (Lost(), 4, "CW205", "; check keepdims=True and the axis"),
        (Kept(), 4, "CW205", "; check the axis"),
    ],
    ids=["Q of a wide kernel", "no reduction", "loses its axis", "keeps it"],
)
def test_reductions_are_advised_of_where_there_are_any(constraint, units, code, end):
    """The source of the constraint tells."""
    model = sequential(layers.Dense(units, kernel_constraint=constraint), layers.Dense(1))
    found = next(f for f in ci.diagnose(model, X, Y, steps=2).findings if f.code == code)
    assert found.fix.endswith(end)


@registered
class AlongFirst(keras.constraints.Constraint):
    def __init__(self, axis=0):
        self.axis = axis

    def __call__(self, w):
        norms = ops.sqrt(ops.sum(ops.square(w), axis=self.axis, keepdims=True))
        return w * ops.clip(norms, 0.0, 0.2) / (norms + 1e-7)

    def get_config(self):
        return {"axis": self.axis}


@pytest.mark.in_turns(every=16)
def test_a_start_outside_is_not_mended_where_the_axis_is_wrong():
    """Whatever starts inside of it, the set is not the one that is meant."""
    start = keras.initializers.RandomNormal(stddev=0.5, seed=0)
    parts = [
        layers.Conv2D(4, 3, kernel_initializer=start, kernel_constraint=AlongFirst())
        for _ in range(2)
    ]
    model = sequential(*parts, layers.Flatten(), layers.Dense(1), shape=(6, 6, 1))
    images = DRAWS.normal(size=(16, 6, 6, 1)).astype("float32")
    found = counted(ci.diagnose(model, images, images[:, 0, 0], steps=2))
    axes = [f for f in found if f.code == "CW301"]
    assert [f.evidence["axis"] for f in axes] == [[0], [0]]
    starts = [f for f in found if f.code in ("CW101", "CW102")]
    assert {f.code for f in starts} == {"CW101", "CW102"}
    for finding in starts:
        assert finding.cause == f"CW301 {finding.weight}"
        assert finding.treatment is None


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize("axis", [0, 1])
def test_norms_of_rows_are_told_where_the_start_is_outside(axis):
    """They may be meant; if not, they are what is to be changed first."""
    start = keras.initializers.RandomNormal(stddev=0.5, seed=0)
    dense = layers.Dense(6, kernel_initializer=start, kernel_constraint=AlongFirst(axis))
    found = ci.diagnose(sequential(dense, layers.Dense(1)), X, Y, steps=2).findings
    first = next(f for f in found if f.code == "CW101")
    assert ("works along axis [1], while a unit" in first.message) == (axis == 1)
    assert first.fix.endswith("if it is to hold for each unit, write axis=[0]") == (axis == 1)


def at_least(w, low):
    return ops.maximum(w, low)


class Unusual(keras.constraints.Constraint):
    """Gives no config, and refuses to be copied."""

    def __call__(self, w):
        return ops.maximum(w, 0.0)

    def get_config(self):
        return None

    def __copy__(self):
        raise RuntimeError("This is the only one.")


@pytest.mark.parametrize(
    "constraint", [functools.partial(at_least, low=0.0), Unusual()], ids=["partial", "unusual"]
)
def test_a_constraint_that_can_not_be_made_anew(constraint):
    """What two layers share is looked at all the same, and found not to be saved."""
    dense = [layers.Dense(4, kernel_constraint=constraint) for _ in range(2)]
    report = ci.diagnose(sequential(*dense, layers.Dense(1)), X, Y)
    assert {"CW101", "CW208"} <= {f.code for f in report.findings}, str(report)
    assert not {"CW201", "CW207"} & {f.code for f in report.findings}, str(report)


@registered
class Shares(keras.constraints.Constraint):
    """Each row sums to one."""

    def __call__(self, w):
        w = ops.maximum(w, 1e-6)
        return w / ops.sum(w, axis=1, keepdims=True)


class Mixed(layers.Layer):
    """A mean of three inputs for each feature, with weights that start at `start`."""

    def __init__(self, start, **kwargs):
        super().__init__(**kwargs)
        self.start = start

    def build(self, shape):
        constant = keras.initializers.Constant(self.start)
        self.w = self.add_weight(
            shape=shape[1:], initializer=constant, constraint=Shares(), name="w"
        )

    def call(self, x):
        return ops.sum(x * self.w, axis=1)

    def compute_output_shape(self, shape):
        return shape[0], shape[2]


@pytest.mark.in_turns(every=16)
def test_a_start_that_sums_to_one_along_another_axis_tells_which_is_meant():
    """The sums of a start at random, or of one that is inside, tell nothing."""

    def told(start):
        model = sequential(Mixed(start), shape=(3, 5))
        x = DRAWS.normal(size=(32, 3, 5)).astype("float32")
        report = ci.diagnose(model, x, x.mean(axis=1))
        return [one for one in counted(report) if one.code == "CW301"]

    (first,) = told(1 / 3)
    assert first.treatment.healed
    assert "axis=0" in first.treatment.diff
    assert not told(0.2)
    assert not told(0.5)


@registered
class Rising(keras.constraints.Constraint):
    """Weights that rise, which rise more at each call."""

    def __call__(self, w):
        return ops.cumsum(ops.relu(w), axis=0)


@registered
class RisingToOne(keras.constraints.Constraint):
    def __call__(self, w):
        return ops.clip(ops.cumsum(ops.relu(w), axis=0), 0.0, 1.0)


@registered
class CappedShares(keras.constraints.Constraint):
    def __call__(self, w):
        return ops.minimum(ops.softmax(w, axis=0), 0.3)


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize("constraint", [Rising, RisingToOne, CappedShares])
def test_a_set_that_leaves_out_the_point_of_a_constraint_is_no_cure(constraint):
    """Non-negative weights hold all that rise, and bounds all capped shares, but not only these.

    A cure holds the order, too.
    """
    x = np.tile(X, 2)
    model = sequential(layers.Dense(1, kernel_constraint=constraint(), name="own"), shape=(8,))
    report = ci.diagnose(model, x, Y)
    found = [f for f in counted(report) if f.code == "CW205"]
    assert found, str(report)
    healed = [f.treatment.code for f in found if f.treatment and f.treatment.healed]
    capped = "ci.Simplex(total=1.0, axis=[0]) & ci.Box(lower=0.0, upper=0.3)"
    meant = capped if constraint is CappedShares else "ci.Monotone("
    assert all(meant in code for code in healed), str(report)


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize(
    ("written", "says"),
    [
        (lambda w: ops.sum(w, dim=0), "write axis in place of dim"),
        (lambda w: ops.norm(w, axis=0, keepdim=True), "write keepdims in place of keepdim"),
        (lambda w: ops.clip(w, min=0.0, max=1.0), "write x_m"),
        (lambda w: ops.clip(w, 0.0), "keras.ops.maximum(w, lower)"),
        (lambda w: ops.normalise(w, axis=0), "write keras.ops.normalize"),
    ],
    ids=["axis", "keepdims", "bounds", "one bound", "function"],
)
def test_names_of_other_libraries(written, says):
    """The fix is the name that keras.ops knows."""
    report = ci.diagnose(sequential(layers.Dense(2, kernel_constraint=written)), X, Y)
    found = next(f for f in report.findings if f.code == "CW201")
    assert says in found.fix, str(report)
