"""Combinators where they meet an optimizer: when they act, and what is saved of them."""
# ruff: noqa: E501  (whole messages, each on its line)

import re

import keras
import numpy as np
import pytest
from conftest import array, same_bits, tensor
from keras import layers

import constrainit as ci
from constrainit.initializers import Feasible

X = np.ones((8, 4), "float32")
Y = np.zeros((8, 3), "float32")


def model(constraint, start, optimizer=None, **named):
    """One layer whose kernel starts at `start` and, without an optimizer, stays but for the set."""
    made = keras.Sequential([
        keras.Input((4,)),
        layers.Dense(3, kernel_constraint=constraint, use_bias=False,
                     kernel_initializer=keras.initializers.Constant(start)),
    ])  # fmt: skip
    made.compile(optimizer or keras.optimizers.SGD(0.0, **named), "mse")
    return made


def path(made):
    """The first weight after each of four compiled steps."""
    seen = []
    for _ in range(4):
        made.train_on_batch(X, Y)
        seen.append(float(array(made.layers[-1].kernel)[0, 0]))
    return seen


# How far, and when


@pytest.mark.parametrize("fused", [False, True])
def test_relaxed_moves_by_its_rate(fused):
    """The distance from the set is halved at each step; in a compiled step too."""
    made = model(ci.Relaxed(ci.Box(0.0, 1.0), 0.5), 9.0)
    if fused:
        made.compile(keras.optimizers.SGD(0.0), "mse", jit_compile=fused and _can_fuse())
    assert path(made) == [5.0, 3.0, 2.0, 1.5]


def _can_fuse():
    return keras.backend.backend() != "torch"


def test_relaxed_waits_for_accumulated_gradients():
    """Keras calls a constraint at each micro-batch; the weight moves only where it is updated."""
    made = model(ci.Relaxed(ci.Box(0.0, 1.0), 0.5), 9.0, gradient_accumulation_steps=2)
    assert path(made) == [9.0, 5.0, 5.0, 3.0]


def test_every_acts_at_its_steps():
    """Between its turns the weight is left outside; the count goes on over epochs."""
    made = model(ci.Every(ci.Box(0.0, 1.0), 3), 9.0)
    assert path(made) == [9.0, 9.0, 1.0, 1.0]
    made.layers[-1].kernel.assign(np.full((4, 3), 9.0))
    assert path(made) == [9.0, 1.0, 1.0, 1.0]


def test_every_counts_updates():
    """With gradient accumulation a step is a change of the weights, not a micro-batch."""
    made = model(ci.Every(ci.Box(0.0, 1.0), 2), 9.0, gradient_accumulation_steps=2)
    assert path(made) == [9.0, 9.0, 9.0, 1.0]


def test_every_goes_on_after_loading(tmp_path):
    """The count is saved with the optimizer: after two steps and a reload one is left of three."""
    made = model(ci.Every(ci.Box(0.0, 1.0), 3), 9.0)
    made.fit(X[:4], Y[:4], batch_size=2, verbose=0)
    made.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert repr(loaded.layers[-1].kernel.constraint) == repr(made.layers[-1].kernel.constraint)
    assert path(loaded) == [1.0, 1.0, 1.0, 1.0]


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "bfloat16"])
def test_other_dtypes(policy):
    """Behind the loss scaling of float16 and in bfloat16 weights the steps are the same."""
    small = ci.Box(0.0, 0.125)
    keras.config.set_dtype_policy(policy)
    try:
        every = path(model(ci.Every(small, 3), 0.25))
        relaxed = path(model(ci.Relaxed(small, 0.5), 0.25))
        skipped = path(model(ci.Every(small, 3), 1e4))
    finally:
        keras.config.set_dtype_policy("float32")
    assert every == [0.25, 0.25, 0.125, 0.125]
    assert relaxed == [0.1875, 0.15625, 0.140625, 0.1328125]
    # A step that float16 skips, for gradients that are no numbers, is none.
    assert (skipped[2] == 0.125) == (policy != "mixed_float16")


def test_in_a_loop_of_ones_own():
    """A compiled custom loop counts as `fit` does; a call by hand acts at once."""
    every, w = ci.Every(ci.Box(0.0, 1.0), 2), keras.Variable(np.float32([9.0]))
    w.constraint = every
    optimizer = keras.optimizers.SGD(0.0)
    optimizer.build([w])
    zero = tensor([0.0])

    def step():
        optimizer.apply([zero], [w])

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        step = tf.function(step)
    seen = []
    for _ in range(3):
        step()
        seen.append(float(array(w)[0]))
    assert seen == [9.0, 1.0, 1.0]
    assert array(every(tensor([9.0]))).tolist() == [1.0]


def test_two_optimizers_do_not_mix():
    """Each weight follows the count of the optimizer that changes it."""
    first, second = (keras.Variable(np.float32([9.0])) for _ in range(2))
    for w in (first, second):
        w.constraint = ci.Every(ci.Box(0.0, 1.0), 2)
    one, other = keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0)
    zero = tensor([0.0])
    one.apply([zero], [first])
    other.apply([zero], [second])
    assert float(array(second)[0]) == 9.0
    one.apply([zero], [first])
    assert (float(array(first)[0]), float(array(second)[0])) == (1.0, 9.0)


def test_paced_sets_nest():
    """The outer one decides when the inner one acts."""
    made = model(ci.Every(ci.Relaxed(ci.Box(0.0, 1.0), 0.5), 2), 9.0)
    assert path(made) == [9.0, 5.0, 5.0, 3.0]
    made = model(ci.Relaxed(ci.Every(ci.Box(0.0, 1.0), 2), 0.5), 9.0)
    assert path(made) == [9.0, 5.0, 5.0, 3.0]


def test_relaxed_leaves_members_alone(rng):
    """Inside nothing moves, to the bit; a NaN stays."""
    slow = ci.Relaxed(ci.UnitNorm(), 0.3)
    member = slow.project(tensor(rng.normal(size=(6, 4))))
    assert same_bits(array(slow(member)), array(member))
    hurt = array(member)
    hurt[0, 0] = np.nan
    assert np.isnan(array(slow(tensor(hurt)))[0, 0])
    assert np.isfinite(
        array(ci.Relaxed(ci.MaxNorm(1.0, axis=0), 0.5)(tensor([[2e38], [1e38]])))
    ).all()


@pytest.mark.parametrize("a_set", [ci.Relaxed(ci.UnitNorm(), 0.1), ci.Every(ci.UnitNorm(), 9)])
def test_model_helpers_see_the_set(a_set):
    """`check` measures the distance from the set, `project` goes all the way, starts are inside."""
    made = model(a_set, 9.0)
    assert ci.check(made).rows[0].violation > 1
    ci.project(made)
    assert ci.check(made).ok
    layer = layers.Dense(3, **ci.constrained(kernel=a_set))
    layer.build((None, 4))
    assert ci.check(layer).ok
    assert layer.kernel.constraint.set.axis == [0]


@pytest.mark.parametrize(
    "make",
    [
        lambda inner: ci.Blocks(inner, 2),
        lambda inner: ci.Product([None, inner]),
        lambda inner: ci.Masked(inner, [[1], [0]]),
        lambda inner: ci.Intersection([ci.NonNegative(), inner]),
    ],
)
def test_pace_is_not_lost_inside_of_another_set(make):
    """A set that would only project onto a paced one refuses it and says what to write."""
    with pytest.raises(ValueError, match=r"Received: .*\. Put `Every` around `\w+`\."):
        make(ci.Every(ci.Box(-1, 1), 2))


# Products


def test_product_in_training(tmp_path):
    """Blocks of inputs obey their own sets in training and after loading; the free one moves."""
    a_set = ci.Product([ci.NonNegative(), None, ci.UnitNorm(axis=0)], [1, 1, 2], axis=0)
    made = keras.Sequential([keras.Input((4,)), layers.Dense(3, **ci.constrained(kernel=a_set))])
    made.compile(keras.optimizers.SGD(0.5), "mse")
    before = array(made.layers[0].kernel)
    made.fit(X, Y - 5.0, batch_size=2, verbose=0)
    made.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    loaded.fit(X, Y + 5.0, batch_size=2, verbose=0)
    assert ci.check(loaded).ok
    after = array(loaded.layers[0].kernel)
    assert (after[0] >= 0).all()
    assert (after[1] != before[1]).all()
    np.testing.assert_allclose(np.linalg.norm(after[2:], axis=0), 1.0, rtol=1e-6)


def test_product_of_inputs_shares_the_scale():
    """Blocks of inputs add up: together they have the variance or the sum of one whole kernel."""
    wide = ci.Product([ci.Box(-9.0, 9.0), None], [20, 60], axis=0)
    free = array(wide.initializer(0)((80, 4000)))
    for block in (free[:20], free[20:]):
        np.testing.assert_allclose(block.var(), 2 / (80 + 4000), rtol=0.03)
    signed = ci.Product([ci.NonNegative(), ci.NonNegative()], [20, 60], axis=0)
    np.testing.assert_allclose(array(signed.initializer(0)((80, 16))).sum(0), 1.0, rtol=1e-5)


def test_blocks_are_a_product():
    """`Blocks(set, n)` is the product of `n` times the set."""
    w = tensor(np.random.default_rng(0).normal(size=(4, 6)))
    for axis in (0, 1):
        blocks = ci.Blocks(ci.UnitNorm(axis=0), 2, axis)
        product = ci.Product([ci.UnitNorm(axis=0)] * 2, axis=axis)
        assert same_bits(array(blocks.project(w)), array(product.project(w)))
        assert same_bits(
            array(blocks.initializer(1)((4, 6))), array(product.initializer(1)((4, 6)))
        )


@pytest.mark.parametrize("other", [ci.Box(0.0, 1.0), ci.Convex(), ci.Concave()], ids=repr)
def test_an_order_is_drawn_as_one_wherever_it_stands(other):
    """Its regression would leave little but the mean of another draw, and of some units nothing."""
    for both in (ci.Monotone() & other, other & ci.Monotone()):
        w = array(both.initializer(0)((16, 32)))
        assert np.ptp(w, axis=0).min() > 0.3 * np.ptp(w, axis=0).max() > 0.1


def test_plan_of_a_product_is_what_is_drawn():
    """Sum and norm that a plan measures are those of the draws, to three errors."""
    a_set = ci.Product([ci.NonNegative(), None], [16, 48], axis=0)
    start = Feasible(a_set, activation="tanh", depth=3).over(a_set, (0,)).start((64, 64))
    draws = [
        array(Feasible(a_set, seed, activation="tanh", depth=3).over(a_set, (0,))((64, 64)))
        for seed in range(24)
    ]
    w = np.stack(draws)
    for statistic, found in (
        (w.sum(axis=1).mean(axis=1), start.law.total),
        (np.square(w).sum(axis=1).mean(axis=1), start.law.norm**2),
    ):
        # What the plan measured is itself one draw.
        error = statistic.std(ddof=1) * np.sqrt(1 + 1 / 24)
        assert abs(statistic.mean() - found) <= 3.5 * error + 1e-6


def test_doctor_takes_a_paced_set_for_what_it_is(rng):
    """A start outside is found; that the constraint goes part of the way is not called a fault."""
    x = rng.normal(size=(16, 4)).astype("float32")
    for a_set in (ci.Relaxed(ci.Box(0.0, 1.0), 0.5), ci.Every(ci.Box(0.0, 1.0), 3)):
        report = ci.diagnose(model(a_set, -0.5), x, x[:, :3])
        assert {finding.code for finding in report.findings} <= {"CW101", "CW102", "CW105"}


@pytest.mark.parametrize(
    ("a_set", "said"),
    [
        (ci.Simplex() & ci.Box(0, 0.1),
         "5 weights of at most 0.1 have a sum of at most 0.5, which has to be 1"),
        (ci.SumTo(-3.0) & ci.MaxAbs(0.5),
         "5 weights of at least -0.5 have a sum of at least -2.5, which has to be -3"),
        (ci.Simplex() & ci.Box([[0.5]] * 3 + [[0.0]] * 2),
         "5 weights within their bounds have a sum of at least 1.5, which has to be 1"),
        (ci.Halfspace(None, 1) & ci.Box(lower=0.5), "sum of at least 2.5, which may be 1 at most"),
        (ci.MaxNorm(1) & ci.Box(lower=0.5),
         "5 weights that obey the others have a norm of at least 1.11803, and it may be 1 at most"),
        (ci.L1Ball(1) & ci.Box(lower=0.5), "sum of magnitudes of at least 2.5, and it may be 1"),
        (ci.MaxNorm(1) & ci.Simplex(9), "norm of at least 4.02492, and it may be 1 at most"),
        (ci.Monotone(gap=1) & ci.Box(0, 1),
         "5 weights that differ by at least 1 each reach over 4, and the bounds are 1 apart"),
        (ci.Halfspace([1, 2, 0, -1, 0], -5) & ci.Box(-1, [[1.0]] * 5),
         "weights within the bounds have an inner product with [1, 2, 0, -1, 0] of at least -4, which may be -5 at most"),
        (ci.Affine([[1, 1, 0, 0, 0], [0, 1, 1, 1, 1]], [0, 9]) & ci.Box(-1, [[2.0]] * 5),
         "an inner product with [0, 1, 1, 1, 1] of at most 8, which has to be 9"),
        (ci.SpectralNorm(1) & ci.Box(lower=1), "the nearest that was found is 2.87 outside"),
    ],
)  # fmt: skip
def test_what_excludes_one_another_is_told_in_numbers(a_set, said):
    """Of a weight of five inputs; where it is not known, how near the nearest that was found is."""
    with pytest.raises(ValueError, match=f"in all of its sets: .*{re.escape(said)}"):
        a_set.initializer(1)((5, 3))


def test_one_axis_by_two_names_is_told_as_soon_as_the_shape_is_known():
    """And not after a search that finds nothing."""
    a_set = ci.Monotone(gap=0.1) & ci.Monotone("decreasing", axis=-2)
    a_set.check_shape((4, 5, 3))
    with pytest.raises(ValueError, match=r"a weight in common.* Along axis 0 none rises by at"):
        a_set.initializer(1)((5, 3))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: ci.Monotone(gap=0.1) & ci.Monotone("decreasing"),
         "Along axis 0 none rises by at least 0.1 from each weight to the next and falls by at least 0 as well."),
        (lambda: ci.Halfspace(None, -1) & ci.NonNegative(),
         "Weights within the bounds have a sum of at least 0, which may be -1 at most."),
        (lambda: ci.Halfspace([1, 0, 2], -1) & ci.NonNegative(),
         "Weights within the bounds have an inner product with [1, 0, 2] of at least 0, which may be -1 at most."),
        (lambda: ci.Affine([1, 1, 1], 7) & ci.MaxAbs(2),
         "an inner product with [1, 1, 1] of at most 6, which has to be 7."),
        (lambda: ci.Polyhedron([[1, 0, 0], [1, 1, 1]], [1, -7]) & ci.MaxAbs(2),
         "an inner product with [1, 1, 1] of at least -6, which may be -7 at most."),
        (lambda: ci.SumTo(-1.0) & ci.NonNegative(), "a sum of at least 0, which has to be -1."),
        (lambda: ci.SumTo(1.0) & ci.Box(upper=0), "a sum of at most 0, which has to be 1."),
        (lambda: ci.ZeroMean() & ci.SumTo(2.0), "No sum is 0 (each unit's weights of mean 0) and 2."),
        (lambda: ci.Simplex() & ci.Halfspace(None, 0.5),
         "No sum is 1 (each unit's weights non-negative and of sum 1) and 0.5 at most."),
    ],
)  # fmt: skip
def test_what_excludes_one_another_whatever_the_shape(make, said):
    """It is refused where the sets are joined."""
    with pytest.raises(ValueError, match=f"must have a weight in common.*{re.escape(said)}$"):
        make()


@pytest.mark.parametrize(
    ("a_set", "member"),
    [
        (ci.Monotone() & ci.Monotone("decreasing"), [[2.0], [2.0], [2.0]]),
        (ci.Monotone(gap=0.1) & ci.Monotone("decreasing", axis=1), [[1.0], [2.0], [3.0]]),
        (ci.Halfspace([1, -1, 0], -1) & ci.NonNegative(), [[0.0], [2.0], [0.0]]),
        (ci.Halfspace([-1, -1, 0], -1) & ci.NonNegative(), [[0.0], [2.0], [0.0]]),
        (ci.Affine([1, 0, 2], 6) & ci.MaxAbs(2), [[2.0], [0.0], [2.0]]),
        (ci.SumTo(1.0, axis=0) & ci.SumTo(3.0, axis=1), [[1.0, 1.0, 1.0]]),
        (ci.SumTo(0.0) & ci.NonNegative(), [[0.0], [0.0], [0.0]]),
        (ci.Halfspace(None, 0.5) & ci.Halfspace(None, -1.0), [[-1.0], [0.0], [0.0]]),
    ],
    ids=repr,
)
def test_what_does_not_exclude_one_another(a_set, member):
    """Sets that meet in something are joined: constants in order, the edge of a bound."""
    assert float(a_set.violation(tensor(member))) == 0


def test_sets_that_have_no_weight_in_common():
    """The distance from the set that a weight is furthest from, never zero; a draw is refused."""
    apart = ci.Simplex(axis=0) & ci.MaxAbs(0.2)
    w = tensor([[0.2], [0.2], [0.2]])
    assert np.isclose(float(apart.violation(w)), 0.4 / np.sqrt(3), rtol=1e-5)
    assert float(apart.violation(apart.project(tensor([[0.9], [0.1], [0.0]])))) > 0.1
    line = r"The set has no weight of shape \(3, 2\): none was found that .* Received: .*"
    for a_set in (apart, ci.Blocks(apart, 1, axis=1), ci.Relaxed(apart, 0.5)):
        with pytest.raises(ValueError, match=line):
            a_set.initializer(1)((3, 2))
    assert float(apart.violation(apart.initializer(1)((5, 1)))) == 0
    with pytest.warns(UserWarning, match=r"kernel' has no weight of shape \(3, 2\)"):
        made = keras.Sequential([keras.Input((3,)), layers.Dense(2, kernel_constraint=apart)])
    before = array(made.layers[-1].kernel).copy()
    with pytest.raises(ValueError, match=r"No weight was found for '.*kernel' that is in all of"):
        ci.project(made)
    assert same_bits(array(made.layers[-1].kernel), before)


def test_sets_that_have_zero_alone_in_common():
    """They are refused as such that have nothing; a cone that a draw falls behind is not."""
    only_zero = ci.NonNegative() & ci.ZeroMean()
    with pytest.raises(ValueError, match=r"The set of 'thin/kernel' has no weight .* zero"):
        layers.Dense(2, name="thin", **ci.constrained(kernel=only_zero)).build((None, 3))
    made = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    with pytest.raises(ValueError, match=r"in all of its sets, but zero\. Give one"):
        ci.constrain(made, {"*/kernel": only_zero})
    rising = ci.NonNegative() & ci.Monotone()
    assert (array(rising.project(-np.ones((3, 2)))) == 0).all()
    ci.constrain(made, {"*/kernel": rising})
    made.layers[0].kernel.assign(-np.ones((3, 2)))
    ci.prepare(made)
    assert ci.check(made).ok


def test_a_layer_names_the_weight_that_no_set_has():
    """The error of the draw does, and the warning of a start of Keras points at the user's line."""
    apart = ci.Simplex(axis=0) & ci.MaxAbs(0.2)
    line = r"The set of 'thin/kernel' has no weight of .* that is in all of its sets.*wider bound"
    with pytest.raises(ValueError, match=line):
        layers.Dense(2, name="thin", **ci.constrained(kernel=apart)).build((None, 3))
    with pytest.warns(UserWarning, match=r"thin/kernel' has no weight of shape") as told:
        keras.Sequential([keras.Input((3,)), layers.Dense(2, name="thin", kernel_constraint=apart)])
    assert {one.filename for one in told if "has no weight" in str(one.message)} == {__file__}
    layers.Dense(2, kernel_constraint=apart).build((None, 5))


@pytest.mark.parametrize("wrapped", [False, True])
def test_constrain_refuses_what_no_weight_obeys(wrapped):
    """Naming the weight; nothing is changed, and where the shape allows it the set is taken."""
    apart = ci.Simplex(axis=0) & ci.MaxAbs(0.2)
    a_set = ci.Relaxed(ci.Blocks(apart, 2, axis=1), 0.5) if wrapped else apart
    made = keras.Sequential([keras.Input((5,)), layers.Dense(4), layers.Dense(2)])
    first, last = (layer.kernel for layer in made.layers)
    line = rf"of '{last.path}' has no weight of shape \(4, 2\): none.*wider bound\. Received: "
    with pytest.raises(ValueError, match=line):
        ci.constrain(made, {"*/kernel": a_set})
    assert first.constraint is None
    assert last.constraint is None
    ci.constrain(made, {first.path: a_set})
    assert first.constraint is not None


def test_constrain_refuses_what_no_weights_obey_together():
    """The shape is that of the matrix which they make."""
    made = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    joint = ci.Joint(ci.Simplex(axis=0) & ci.MaxAbs(0.2))
    with pytest.raises(ValueError, match=r"kernel \+ .*bias' has no weight of shape \(4, 2\)"):
        ci.constrain(made, {("*/kernel", "*/bias"): joint})
    wide = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
    ci.constrain(wide, {("*/kernel", "*/bias"): joint})


def test_a_set_is_true():
    """Keras asks a constraint for its truth where it enables LoRA, and says what it then says."""
    for a_set in (ci.NonNegative(), ci.NonNegative() & ci.MaxNorm(1.0), ci.Joint(ci.Simplex())):
        assert bool(a_set)
    layer = layers.Dense(4, kernel_constraint=ci.NonNegative())
    layer.build((None, 3))
    with pytest.raises(ValueError, match="incompatible with kernel constraints"):
        layer.enable_lora(2)
