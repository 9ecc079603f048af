"""Every wrong argument is answered by an error that says what was wrong and what came."""
# ruff: noqa: E501  (whole messages, each on its line)

import inspect
import re

import keras
import numpy as np
import pytest
from conftest import tensor, whole_messages

import constrainit as ci
from constrainit._patterns import nearest
from constrainit.log import MlflowSink

FINITE = "must be a finite number. Received:"
POSITIVE = "must be positive and finite. Received:"
AXIS = "must be None, an integer, or a list of different integers. Received:"
AXIS_HINT = r" `None` means: the axes that feed one unit of the layer\."
NAN, INF = float("nan"), float("inf")
DENSE = keras.layers.Dense(2)
DENSE.build((None, 3))


class NoCall(keras.constraints.Constraint):
    """A user's constraint with the method under the wrong name."""

    def call(self, w):
        return w


def axis_errors(make, owner):
    """What every set with an axis says of a wrong one."""
    wrong = [("0", "'0'"), (1.0, "1.0"), ([], "[]"), ([0, 0], "[0, 0]"), (True, "True")]
    wrong += [([0, 1.5], "[0, 1.5]"), (["a"], "['a']")]
    return [
        (lambda value=value: make(value), f"`axis` of `{owner}` {AXIS} axis={re.escape(shown)}."
         + AXIS_HINT)
        for value, shown in wrong
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "write"),
    [
        (lambda a_set: ci.constrained(a_set), "**constrained(kernel=NonNegative())"),
        (
            lambda a_set: ci.Reparametrized(keras.layers.Dense(2), a_set),
            "Reparametrized(layer, kernel=NonNegative())",
        ),
    ],
)
def test_a_set_without_the_name_of_a_weight(make, write):
    """The message is the call as it is to be written."""
    with pytest.raises(ValueError, match="must be told which weight") as raised:
        make(ci.NonNegative())
    assert f"Received: NonNegative() without a name. Write {write} where" in str(raised.value)


def test_a_layer_in_the_place_of_its_arguments():
    """The message says where the arguments go, and what is for a model that there is."""
    message = r"Write Dense\(\.\.\., \*\*constrained\(kernel=\.\.\.\)\), or constrain\(model"
    with pytest.raises(ValueError, match=f"Received: the layer 'd'. {message}"):
        ci.constrained(keras.layers.Dense(2, name="d"), kernel=ci.NonNegative())  # type: ignore
    with pytest.raises(ValueError, match=f"Received: the class Dense. {message}"):
        ci.constrained(keras.layers.Dense, 2, kernel=ci.NonNegative())  # type: ignore


ENTRIES = "must hold finite numbers, and None where it is open. Received:"
OPEN = r" Use None for an open side\."
ZERO = r" For weights that may be 0 use NonNegative\(\)\."

WRONG = [
    # call, the whole message
    (lambda: ci.Positive(0), f"`minimum` of `Positive` {POSITIVE} minimum=0.{ZERO}"),
    (lambda: ci.Positive(-1.0), f"`minimum` of `Positive` {POSITIVE} minimum=-1.0.{ZERO}"),
    (lambda: ci.Positive(NAN), f"`minimum` of `Positive` {FINITE} minimum=nan.{ZERO}"),
    (lambda: ci.Positive("a"), f"`minimum` of `Positive` {FINITE} minimum='a'.{ZERO}"),
    (lambda: ci.Box(), "`lower` of `Box` must be a number where upper is None. Received: lower=None."),
    (lambda: ci.Box(1, 0), "`lower` of `Box` must be below upper=0. Received: lower=1."),
    (lambda: ci.Box(1, 1.0), "`lower` of `Box` must be below upper=1.0. Received: lower=1."),
    (lambda: ci.Box(-INF, 1), f"`lower` of `Box` {FINITE} lower=-inf.{OPEN}"),
    (lambda: ci.Box(0, INF), f"`upper` of `Box` {FINITE} upper=inf.{OPEN}"),
    (lambda: ci.Box(0, NAN), f"`upper` of `Box` {FINITE} upper=nan.{OPEN}"),
    (lambda: ci.Box(True, 2), f"`lower` of `Box` {FINITE} lower=True.{OPEN}"),
    (lambda: ci.Box(0, [NAN]), rf"`upper` of `Box` {ENTRIES} upper=\[nan\].{OPEN}"),
    (lambda: ci.Box([1, "a"]), rf"`lower` of `Box` {ENTRIES} lower=\[1, 'a'\].{OPEN}"),
    (lambda: ci.Box([True]), rf"`lower` of `Box` {ENTRIES} lower=\[True\].{OPEN}"),
    (lambda: ci.Box([]), rf"`lower` of `Box` {ENTRIES} lower=\[\].{OPEN}"),
    (lambda: ci.Box([INF]), rf"`lower` of `Box` {ENTRIES} lower=\[inf\].{OPEN}"),
    (lambda: ci.Box(upper=[-INF]), rf"`upper` of `Box` {ENTRIES} upper=\[-inf\].{OPEN}"),
    (lambda: ci.Box([[1], [1, 2]]),
     r"`lower` of `Box` must hold lists of one length. Received: lower=\[\[1\], \[1, 2\]\]."),
    (lambda: ci.Box([None, -INF]),
     r"`lower` of `Box` must be a number where upper is None. Received: lower=\[None, -inf\]."),
    (lambda: ci.Box([0, 1], [1, 1]),
     r"`lower` of `Box` must be below upper in each entry. Received: lower=1.0 and upper=1.0 at \(1,\). "
     r"For entries of given values use Fixed\(mask, values\)."),
    (lambda: ci.Box([0, 1], [1, 2, 3]),
     r"`lower` and `upper` of `Box` must broadcast to one another. Received: shapes \(2,\) and \(3,\)."),
    (lambda: ci.Box([0, 1], 2).project(np.ones((2, 3), "float32")),
     r"`lower` of `Box` must broadcast to the weight. Received: shape \(2,\) for a weight of shape \(2, 3\)."),
    (lambda: ci.Box([1e5, 0]).project(tensor([1.0, 2.0], "float16")),
     r"`Box` holds no float16 number at \(0,\) of its bounds, between 100000.0 and inf. Widen them or "
     "use a wider dtype."),
    (lambda: ci.Box([0, 1]) & ci.Box([1, 2, 3]),
     r"`sets` of `Intersection` must have bounds that broadcast to one weight. Received: sets=.* "
     r"Their shapes are \(2,\), \(3,\)."),
    (lambda: ci.Box([0, 1]) & ci.Box(upper=[1, 0]),
     r"`sets` of `Intersection` must have a weight in common. Received: sets=.*\. None at \(1,\) is both "
     r"at least 1 \(.*\) and at most 0 \(.*\)."),
    (lambda: ci.Mapped(ci.Box([0, 1]), "exp"),
     r"`set` of `Mapped` must have several smooth maps: be bounds, one pair for all entries. Received: "
     r"set=Box\(lower=\[0.0, 1.0\], upper=None\). Of every other set write the set itself."),
    (lambda: ci.MaxNorm(0.0), f"`radius` of `MaxNorm` {POSITIVE} radius=0.0."),
    (lambda: ci.MaxNorm(INF), f"`radius` of `MaxNorm` {FINITE} radius=inf."),
    (lambda: ci.MaxNorm(None), f"`radius` of `MaxNorm` {FINITE} radius=None."),
    (lambda: ci.NormRange(-0.5, 1.0),
     r"`lower` of `NormRange` must lie in \[0, upper=1.0\]. Received: lower=-0.5."),
    (lambda: ci.NormRange(2, 1), r"`lower` of `NormRange` must lie in \[0, upper=1\]. Received: lower=2."),
    (lambda: ci.NormRange(0, 0), f"`upper` of `NormRange` {POSITIVE} upper=0."),
    (lambda: ci.NormRange(NAN, 1.0), f"`lower` of `NormRange` {FINITE} lower=nan."),
    (lambda: ci.Simplex(0), f"`total` of `Simplex` {POSITIVE} total=0."),
    (lambda: ci.Simplex(-1.0), f"`total` of `Simplex` {POSITIVE} total=-1.0."),
    (lambda: ci.SumTo(INF), f"`total` of `SumTo` {FINITE} total=inf."),
    (lambda: ci.SumTo("1"), f"`total` of `SumTo` {FINITE} total='1'."),
    *axis_errors(lambda a: ci.MaxNorm(1.0, axis=a), "MaxNorm"),
    *axis_errors(lambda a: ci.UnitNorm(axis=a), "UnitNorm"),
    *axis_errors(lambda a: ci.NormRange(0.5, 1.0, axis=a), "NormRange"),
    *axis_errors(lambda a: ci.Simplex(axis=a), "Simplex"),
    *axis_errors(lambda a: ci.SumTo(axis=a), "SumTo"),
    *axis_errors(lambda a: ci.Orthogonal(axis=a), "Orthogonal"),
    (lambda: ci.Masked(ci.UnitNorm(), [0, 2]),
     r"`mask` of `Masked` must hold booleans, or 0 and 1, in lists of one length. Received: mask=\[0, 2\]."),
    (lambda: ci.Masked(ci.UnitNorm(), [0.5]),
     r"`mask` of `Masked` must hold booleans, or 0 and 1, in lists of one length. Received: mask=\[0.5\]."),
    (lambda: ci.Masked(ci.UnitNorm(), []),
     r"`mask` of `Masked` must hold booleans, or 0 and 1, in lists of one length. Received: mask=\[\]."),
    (lambda: ci.Masked(ci.UnitNorm(), [[1], [1, 0]]), r"`mask` of `Masked` must .* mask=\[\[1\], \[1, 0\]\]."),
    (lambda: ci.Masked(ci.Orthogonal(), [1]),
     r"`set` of `Masked` must have a projection under a mask. Received: set=Orthogonal\(axis=None\). "
     r"Bounds, norms, sums and Symmetric\(\) have one."),
    (lambda: ci.Blocks(ci.UnitNorm(), 0),
     "`count` of `Blocks` must be an integer of at least 1. Received: count=0."),
    (lambda: ci.Blocks(ci.UnitNorm(), 2.0),
     "`count` of `Blocks` must be an integer of at least 1. Received: count=2.0."),
    (lambda: ci.Blocks(ci.UnitNorm(), 2, axis=None),
     "`axis` of `Blocks` must be an integer. Received: axis=None."),
    (lambda: ci.Intersection([ci.NonNegative()]),
     r"`sets` of `Intersection` must be a list of at least two sets. Received: sets=\[NonNegative\(\)\]."),
    (lambda: ci.Intersection(ci.NonNegative()),
     r"`sets` of `Intersection` must be a list of at least two sets. Received: sets=NonNegative\(\)."),
    (lambda: ci.UnitNorm() & ci.Box(0, 1),
     r"`sets` of `Intersection` must be convex, each of them. Received: sets=\[UnitNorm\(axis=None\), "
     r"Box\(lower=0.0, upper=1.0\)\]. UnitNorm\(axis=None\) is not: alternating projections would "
     r"not find the nearest point."),
    (lambda: ci.Box(0, 1) & ci.Box(2, 3),
     r"`sets` of `Intersection` must have a weight in common. Received: "
     r"sets=\[Box\(lower=0.0, upper=1.0\), Box\(lower=2.0, upper=3.0\)\]. None is both at least 2 "
     r"\(every weight in \[2, 3\]\) and at most 1 \(every weight in \[0, 1\]\)."),
    (lambda: ci.Simplex() & ci.Box(2, 3),
     r"`sets` of `Intersection` must have a weight in common. Received: sets=.*\. Weights within the "
     "bounds have a sum of at least 2, which has to be 1."),
    (lambda: ci.Box(upper=-1) & ci.Simplex(),
     r".*\. Weights within the bounds have a sum of at most -1, which has to be 1."),
    (lambda: ci.L1Ball(1) & ci.Positive(3), r".*\. None is both at least 3 \(.*\) and at most 1 \(.*\)."),
    (lambda: ci.Custom(3), "`function` of `Custom` must be callable. Received: 3."),
    (lambda: ci.Custom(NoCall()),
     "`function` of `Custom` must define `__call__`. Received: <.*NoCall.*>, whose class leaves it "
     "undefined, so that Keras never changes a weight. Rename its method to `__call__`."),
    (lambda: ci.as_set(NoCall()), "`function` of `Custom` must define `__call__`. .*"),
    (lambda: ci.as_set(3),
     "`x` of `as_set` must be a set, a constraint of Keras or its name, or a callable. Received: x=3."),
    (lambda: ci.as_set(None), "`x` of `as_set` must be .* or a callable. Received: x=None."),
    (lambda: ci.as_set(ci.UnitNorm), r"`x` of `as_set` must be .* or a callable. Received: x=<class .*>. Write UnitNorm\(...\)."),
    (lambda: ci.as_set("nonneg"),
     "`x` of `as_set` must be a set, a constraint of Keras or its name, or a callable. Received: "
     "x='nonneg'. The names of Keras are 'non_neg', 'max_norm', 'unit_norm' and 'min_max_norm'. "
     r"Write the set itself, NonNegative\(...\)."),
    (lambda: ci.NonNegative() & 3, "`sets` of `Intersection` must be .*"),
    (lambda: ci.UnitNorm().initializer("a"),
     "`seed` of `UnitNorm.initializer` must be None, an integer of at least 0 or a keras.random.SeedGenerator. "
     "Received: seed='a'."),
    (lambda: ci.UnitNorm().initializer(1.5), "`seed` of `UnitNorm.initializer` must be .* seed=1.5."),
    (lambda: ci.UnitNorm().initializer(True), "`seed` of `UnitNorm.initializer` must be .* seed=True."),
    # Shapes that the set has no members of
    (lambda: ci.UnitNorm(axis=2).project(np.ones((2, 3), "float32")),
     r"`axis` of `UnitNorm` must name different axes of the weight. Received: axis=2 for a weight of "
     r"shape \(2, 3\)."),
    (lambda: ci.Simplex(axis=[0, -2]).project(np.ones((2, 3), "float32")),
     r"`axis` of `Simplex` must name different axes of the weight. Received: axis=\[0, -2\] for a "
     r"weight of shape \(2, 3\)."),
    (lambda: ci.Orthogonal(axis=3).project(np.ones((2, 3), "float32")),
     r"`axis` of `Orthogonal` must name different axes of the weight. Received: axis=3 for a weight of "
     r"shape \(2, 3\)."),
    (lambda: ci.Orthogonal().project(np.ones(3, "float32")),
     r"`Orthogonal` needs a weight with rows and columns. Received: shape=\(3,\) with axis=None. "
     r"For a vector use UnitNorm\(\)."),
    (lambda: ci.Orthogonal(axis=[0, 1]).violation(np.ones((2, 3), "float32")),
     r"`Orthogonal` needs a weight with rows and columns. Received: shape=\(2, 3\) with .*"),
    (lambda: ci.Symmetric().project(np.ones((2, 3), "float32")),
     r"`Symmetric` needs a weight whose last two axes have one size. Received: shape=\(2, 3\)."),
    (lambda: ci.Symmetric().initializer()((4,)), "`Symmetric` needs a weight whose last two axes .*"),
    (lambda: ci.Symmetric().project(np.ones((2, 8), "float32")),
     r"`Symmetric` needs .* Received: shape=\(2, 8\). For 4 square matrices beside each other, such "
     r"as the gates of a recurrence, write Blocks\(Symmetric\(\), 4\)."),
    (lambda: ci.SpecialOrthogonal().project(np.ones((2, 8), "float32")),
     r"`SpecialOrthogonal` needs .* write Blocks\(SpecialOrthogonal\(axis=None\), 4\)."),
    (lambda: ci.Blocks(ci.UnitNorm(), 2).project(np.ones((2, 3), "float32")),
     r"`Blocks` must cut axis -1 of the weight into 2 equal blocks. Received: shape=\(2, 3\)."),
    (lambda: ci.Blocks(ci.UnitNorm(), 2, axis=2).project(np.ones((2, 4), "float32")),
     r"`Blocks` must cut axis 2 of the weight into 2 equal blocks. Received: shape=\(2, 4\)."),
    (lambda: ci.Blocks(ci.Symmetric(), 2).project(np.ones((2, 6), "float32")),
     "`Symmetric` needs a weight whose last two axes have one size. .*"),
    (lambda: ci.Masked(ci.UnitNorm(), [[1, 0]]).project(np.ones((2, 3), "float32")),
     r"`mask` of `Masked` must broadcast to the weight. Received: shape \(1, 2\) for a "
     r"weight of shape \(2, 3\)."),
    (lambda: ci.Masked(ci.UnitNorm(), [[[1]]]).project(np.ones((2, 3), "float32")),
     "`mask` of `Masked` must broadcast to the weight. .*"),
    (lambda: (ci.NonNegative() & ci.MaxNorm(1.0, axis=4)).project(np.ones((2, 3), "float32")),
     "`axis` of `MaxNorm` must name different axes of the weight. .*"),
    *[
        (lambda one=one, shape=shape: one.violation(np.ones(shape, "float32")),
         rf"`w` of `{type(one).__name__}` must hold at least one weight. Received: shape={re.escape(str(shape))}.")
        for one in (ci.L1Ball(1.0), ci.NonNegative(), ci.TopK(1), ci.UnitNorm() & ci.NonNegative())
        for shape in ((0,), (0, 3))
    ],
    (lambda: ci.Box(0, 1).initializer()((2, 0)),
     r"`shape` of `Box.initializer` must hold at least one weight. Received: shape=\(2, 0\)."),
    # Dtypes
    (lambda: ci.UnitNorm().project([1, 2]),
     r"`w` of `UnitNorm` must be of a float dtype \(float16, bfloat16, float32, float64\). Received: "
     r"dtype=int32."),
    (lambda: ci.UnitNorm().violation(np.ones(3, "bool")), "`w` of `UnitNorm` must be .* dtype=bool."),
    (lambda: ci.UnitNorm().initializer()((3,), dtype="int32"),
     "`dtype` of `UnitNorm.initializer` must be 'float16', 'bfloat16', 'float32' or 'float64'. Received: dtype='int32'..*"),
    (lambda: ci.Box(lower=1e5).project(tensor([1.0], "float16")),
     r"`Box\(lower=100000.0, upper=None\)` holds no float16 number. Widen it or use a wider dtype."),
    (lambda: ci.Box(upper=-1e5).project(tensor([1.0], "float16")),
     r"`Box\(lower=None, upper=-100000.0\)` holds no float16 number. .*"),
    (lambda: ci.Box(1.001, 1.002).project(tensor([1.0], "bfloat16")),
     r"`Box\(lower=1.001, upper=1.002\)` holds no bfloat16 number. .*"),
    # Functions of the user
    (lambda: ci.Custom(lambda w: w[:1]).project(np.ones(3, "float32")),
     r"`function` of `Custom` must keep the shape of the weight. Received: <lambda> turned \(3,\) "
     r"into \(1,\)."),
]  # fmt: skip


test_message = whole_messages(WRONG)


def test_unfinished_set():
    """A subclass that forgot its projection is told which method to define."""

    class Unfinished(ci.ConstraintSet):
        pass

    with pytest.raises(TypeError, match=r"`Unfinished` must define `_nearest\("):
        Unfinished().project(np.ones(2, "float32"))


def test_faults_of_a_function_are_not_swallowed():
    """An exception in the user's function comes out as it is."""

    def broken(w):
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        ci.Custom(broken).project(np.ones(2, "float32"))


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_nan_of_a_function_is_not_hidden(wrong):
    """What a user's function makes of a weight is shown, be it no number."""
    image = ci.Custom(lambda w: w * wrong).project(np.ones(2, "float32"))
    assert not np.isfinite(keras.ops.convert_to_numpy(image)).any()


def test_bounds_beyond_the_dtype_saturate():
    """A bound that the dtype can not reach is its largest number; one that it rounds to 0 is not 0."""
    wide, small = ci.Box(-1e10, 1e10), ci.Positive(1e-12)
    w = tensor([np.inf, -np.inf, 5.0, 0.0, -1.0], "float16")
    assert keras.ops.convert_to_numpy(wide.project(w)).tolist()[:3] == [65504.0, -65504.0, 5.0]
    assert (keras.ops.convert_to_numpy(small.project(w))[1:] > 0).all()


def test_good_arguments_of_other_types():
    """NumPy numbers and tuples are taken, and stored as plain Python."""
    assert ci.Box(np.float32(-1), np.int64(2)).get_config() == {"lower": -1.0, "upper": 2.0}
    assert ci.UnitNorm(axis=(0, 1)).get_config() == {"axis": [0, 1]}
    assert ci.UnitNorm(axis=np.int64(1)).get_config() == {"axis": 1}
    assert ci.Masked(ci.UnitNorm(), np.ones(3)).get_config()["mask"] == [True] * 3


def test_project_of_no_array():
    """What is no array of numbers is answered by the name of the argument, on every backend."""
    with pytest.raises(ValueError, match=r"`w` of `UnitNorm` must be"):
        ci.UnitNorm().project("abc")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ci.as_set("NonNegativ"), "Write the set itself, NonNegative(...)."),
        (lambda: ci.as_set([ci.NonNegative(), ci.MaxNorm(1.0)]),
         "For a weight in all of them write NonNegative() & MaxNorm(radius=1.0, axis=None)."),
        (lambda: ci.Blocks(3, ci.Orthogonal()), "`set` of `Blocks` must be a set, "),
        (lambda: ci.Masked(np.eye(2), ci.Simplex()), "`set` of `Masked` must be a set, "),
        (lambda: ci.NonNegative() & 3, "`sets` of `Intersection` must be a set, "),
        (lambda: ci.Every(3, 2), "`set` of `Every` must be a set"),
        (lambda: ci.Joint(ci.MaxNorm), "`set` of `Joint` must be a set, "),
        (lambda: ci.Joint(ci.Simplex(), np.ones(2)), "`axis` of `Joint` must be 0 or 1. Received: "),
        (lambda: ci.plan("unitnorm", 8), "`set` of `plan` must be a set, "),
        (lambda: ci.plan(ci.UnitNorm(), 8, depth=[3]),
         "`depth` of `plan` must be an integer of at least 1. Received: depth=[3]."),
        (lambda: ci.plan(ci.UnitNorm(), 8, bias=[1]),
         "`bias` of `plan` must be True or False. Received: bias=[1]."),
        (lambda: ci.plan(ci.UnitNorm(), 8, output_scale={}), "`output_scale` of `plan` must be"),
        (lambda: ci.OutputScale("rleu"),
         "`activation` of `OutputScale` must be the name of an activation of Keras, a callable or None. Received: activation='rleu'."),
        (lambda: ci.held(3, []), "`model` of `held` must be a Keras model or layer. Received: model=3."),
        (lambda: ci.held(DENSE, 3),
         "`values` of `held` must be a list with a tensor for each of `model.trainable_variables`. Received: values=3."),
        (lambda: ci.plan(ci.UnitNorm(), 8, activation="sigmod"),
         "`activation` of `plan` must be the name of an activation of Keras, or a callable. Received: activation='sigmod'. Write activation='sigmoid' instead."),
        (lambda: ci.WeightLog("run.db", sinks=[3]),
         "`sinks` of `WeightLog` must be sinks, such as TensorBoardSink(folder). Received: sinks=3."),
        (lambda: ci.WeightLog("run.db", sinks=[MlflowSink]),
         "`sinks` of `WeightLog` must be sinks, not classes of them: write WandbSink() in place of"),
    ],
)  # fmt: skip
def test_what_to_write_instead(make, words):
    """A guess at what was meant, and the argument of the one that was called."""
    with pytest.raises(ValueError, match=re.escape(words)):
        make()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ci.MaxNorm(max_value=2),
         "`MaxNorm` has no argument `max_value`. Received: max_value=2. Its arguments are (radius, axis=None). Write radius=2."),
        (lambda: ci.NormRange(0, max_value=2), "Write upper=2."),
        (lambda: ci.Box(low=0, high=1), "Write lower=0."),
        (lambda: ci.Simplex(totl=2), "Write total=2."),
        (lambda: ci.NonNegative(axis=0),
         "`NonNegative` has no argument `axis`. Received: axis=0. It takes none."),
        (lambda: ci.Masked(ci.UnitNorm()),
         "`Masked` must be given `mask`. Its arguments are (set, mask)."),
        (lambda: ci.MaxNorm(1, radius=2), "`MaxNorm` can not be made of (1, radius=2)"),
        (lambda: ci.UnitNorm(1, 2), "`UnitNorm` can not be made of (1, 2)"),
        (lambda: ci.Joint(ci.UnitNorm(), axes=1), "Write axis=1."),
        (lambda: ci.KeepFeasible(modus="warn"), "Write mode='warn'."),
        (lambda: ci.WeightLog(), "`WeightLog` must be given `path`."),
        (lambda: ci.StopAtFault(rollbacks=1), "Write roll_backs=1."),
        (lambda: ci.plan(ci.UnitNorm()), "`plan` must be given `fan_in`. Its arguments are (set, fan_in, "),
        (lambda: ci.constrain(DENSE), "`constrain` must be given `sets`. Its arguments are (model, sets)."),
        (lambda: ci.diagnose(DENSE, optimiser="sgd"), "Write optimizer='sgd'."),
        (lambda: ci.calibrate(DENSE, 1, 2), "`calibrate` can not be called with (<Dense"),
        (lambda: ci.project(layer=DENSE), "`project` has no argument `layer`."),
    ],
)  # fmt: skip
def test_names_of_arguments(make, words):
    """A set says what its arguments are called, and which one is meant by another's name."""
    with pytest.raises(TypeError, match=re.escape(words)):
        make()


@pytest.mark.parametrize("other", [ci.MaxNorm(1.0), "non_neg", keras.constraints.NonNeg(), None])
def test_a_union_of_sets(other):
    """On either side of a set `|` says that there is none, and what to write."""
    said = r"There is no union of sets: .* write a & b; .*Product.*Masked.*constrain\(model"
    with pytest.raises(TypeError, match=rf"{said}") as raised:
        _ = ci.NonNegative() | other
    assert f"Received: NonNegative() | {other!r}." in str(raised.value)
    with pytest.raises(TypeError, match=said) as raised:
        _ = other | ci.NonNegative()
    assert f"Received: {other!r} | NonNegative()." in str(raised.value)


FUNCTIONS = [n for n in ci.__all__ if n[0].islower() and n != "constrained"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_names_of_arguments_of_functions(name):
    """Each says what it must be given, and has no other argument."""
    function = getattr(ci, name)
    first, *_ = [p.name for p in inspect.signature(function).parameters.values()]
    with pytest.raises(TypeError, match=rf"^`{name}` must be given `{first}`. Its arguments are"):
        function()
    with pytest.raises(TypeError, match=rf"^`{name}` has no argument `other`. Received: other=1"):
        function(other=1)


def test_names_of_arguments_of_an_own_set():
    """A set of the user's own says so, too; what its constructor raises by itself stays."""

    class _Own(ci.ConstraintSet):
        def __init__(self, bound):
            self.bound = bound + 0.0

    with pytest.raises(TypeError, match=r"`_Own` has no argument `radius`.* Write bound=1\."):
        _Own(radius=1)
    with pytest.raises(TypeError, match="unsupported operand"):
        _Own(None)


@pytest.mark.parametrize(
    ("made", "words"),
    [(None, "<lambda> returned None. Does it lack a `return`?"), ("a", "returned 'a'.")],
)
def test_function_that_returns_no_weight(made, words):
    """Nothing, or no number."""
    with pytest.raises(ValueError, match=re.escape(words)):
        ci.as_set(lambda w: made).project(np.ones((2, 2), "float32"))


@pytest.mark.parametrize(
    ("pattern", "near"),
    [
        ("*/kernal", "*/kernel"),
        ("encoder/*/kernl", "encoder/*/kernel"),
        ("encodr/*", "encoder/*"),
        ("m/encoder/dense/kernel/x", "m/encoder/dense/kernel"),
        ("kernl", "kernel"),
        ("nothing/like/it", ""),
    ],
)
def test_nearest_pattern(pattern, near):
    """What stands for any name stays in the pattern that is offered."""
    paths = ["m/encoder/dense/kernel", "m/encoder/dense/bias", "m/head/kernel"]
    assert nearest(pattern, paths) == near


def test_no_pattern_of_any_name():
    """What has no name of a weight or a layer in it is like no pattern that has one."""
    assert nearest("zz/*/*", ["d1/kernel", "d1/bias"]) == ""


def test_numpy_integers_are_integers():
    """A seed of `prepare` may come from an array."""
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(2, kernel_constraint="non_neg")]
    )
    ci.prepare(model, seed=np.int64(3))
    with pytest.raises(ValueError, match="`seed` of `prepare` must be None"):
        ci.prepare(model, seed=1.5)
    with pytest.raises(ValueError, match="`constrained` of `check` must be a pattern or a list"):
        ci.check(model, 3)


def test_a_constructor_that_was_written_elsewhere():
    """It has no class in its name; that of the object is told."""

    def made(self, bound):
        self.bound = bound

    made.__qualname__ = "made"
    kind = type("_Late", (ci.MaxAbs,), {"__init__": made})
    with pytest.raises(TypeError, match=r"`_Late` must be given `bound`"):
        kind()


def test_arguments_without_their_stars():
    """Keras would take them for an activation, and not know how to parse a set."""
    arguments = ci.constrained(kernel=ci.NonNegative())
    with pytest.raises(TypeError, match=r"with two stars: Dense\(64, \*\*constrained\(...\)\)"):
        keras.layers.Dense(2, arguments)
    assert "kernel_constraint" in arguments
    assert keras.layers.Dense(2, **arguments).kernel_constraint == ci.NonNegative()


def test_a_layer_in_the_place_of_a_weight():
    """A pattern that is the name of a layer matches nothing: its weights are offered."""
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="mix")])
    with pytest.raises(ValueError, match=r"a weight. .* Write 'mix/kernel' or 'mix/\*'\.$"):
        ci.constrain(model, {"mix": ci.NonNegative()})
    alone = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, use_bias=False, name="mix")])
    with pytest.raises(ValueError, match=r"must match a weight. .* Write 'mix/kernel'\.$"):
        ci.constrain(alone, {"mix": ci.NonNegative()})


@pytest.mark.parametrize(
    ("pattern", "shown", "written"),
    [
        ("part", ["part_0", "part_1", "part_2", "part_3", "part_4", "part_5"], "part_*/*"),
        ("par_3", ["part_0", "part_1", "part_2", "part_3", "part_4"], "part_3/*"),
        ("prat_7", ["part_0", "part_1", "part_2", "part_3", "part_7"], "part_7/*"),
        (
            "prt/kernal",
            ["part_0", "part_1", "part_2", "part_3", "part_4", "part_5"],
            "part_0/kernel",
        ),
        ("*/kernal", [], "*/kernel"),
        ("qqq", ["part_0", "part_1", "part_2"], ""),
    ],
)
def test_patterns_that_match_nothing(pattern, shown, written):
    """Of many paths some are told, in the order of the model, and a pattern that matches."""
    parts = [keras.layers.Dense(2, name=f"part_{i}") for i in range(12)]
    model = keras.Sequential([keras.Input((3,)), *parts], name="m")
    with pytest.raises(ValueError, match="must match a weight") as raised:
        ci.constrain(model, {pattern: ci.NonNegative()})
    said = str(raised.value)
    told = re.findall(r"'m/(part_\d+)/(\w+)'", said)
    order = [(f"part_{i}", name) for i in range(12) for name in ("kernel", "bias")]
    assert told == [one for one in order if one in told]
    assert len(told) == 6
    assert "and 18 more." in said
    assert [*dict.fromkeys(name for name, _ in told)] == shown or not shown
    assert said.endswith(f" Write {written!r}." if written else "more.")
    if written:
        ci.constrain(model, {written: ci.NonNegative()})


def test_a_name_like_none_is_told_where_the_names_are():
    """A name that is like none of the sets."""
    with pytest.raises(ValueError, match=r"are listed by `constrainit sets`\.$"):
        ci.constrained(kernel="zzz")


class Own(keras.layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight(shape=shape[-1:], name="scale")


LACKING = [
    (keras.layers.Dense, (2,), "embeddings", "kernel', 'bias'.* Write kernel_constraint="),
    (keras.layers.Embedding, (5, 2), "kernel", "for 'embeddings'.*constrained\\(embeddings="),
    (keras.layers.MultiHeadAttention, (2, 3), "query", "for 'kernel', 'bias'.* constrain\\(model"),
    (keras.layers.LSTM, (2,), "recurent_kernel", "'recurrent', 'bias'.* Write recurrent_cons"),
    (keras.layers.BatchNormalization, (), "kernel", "for 'beta', 'gamma'"),
    (keras.layers.ReLU, (), "kernel", "no constraint.*of this kind has no weights"),
    (Own, (), "scale", "no constraint.*Give it to `add_weight` in the class"),
    (
        keras.layers.Bidirectional,
        (keras.layers.GRU(2),),
        "recurrent",
        r"Give it to the layer inside, Bidirectional\(Inner\(..., \*\*constrained\(...\)\)\), or to a built",
    ),
    (
        keras.layers.TimeDistributed,
        (keras.layers.Dense(2),),
        "kernel",
        "Give it to the layer inside",
    ),
    (keras.layers.RNN, (keras.layers.GRUCell(2),), "kernel", "Give it to the cell inside, RNN"),
    (
        ci.Reparametrized,
        (keras.layers.Dense(2),),
        "kernel",
        "under the name of its weight.*Write Reparametrized.layer, kernel=a_set",
    ),
    (keras.layers.Dropout, (0.1,), "kernel", "A layer of this kind has no weights"),
    (keras.layers.Concatenate, (), "kernel", "A layer of this kind has no weights"),
    (keras.layers.Normalization, (), "mean", "no constraint.*Give it to a built model"),
]


@pytest.mark.parametrize(("kind", "given", "name", "message"), LACKING)
def test_a_set_for_a_weight_that_a_layer_lacks(kind, given, name, message):
    """One sentence names the weights that the layer has, in place of objects in a dictionary."""
    with pytest.raises(ValueError, match=f"`{kind.__name__}` takes .*{message}"):
        kind(*given, **{f"{name}_constraint": ci.NonNegative()})


def test_layers_are_made_as_ever():
    """What Keras reads off the constructor of a layer stays: configs, and its own errors."""
    made = Own(name="mine", dtype="float16")
    again = Own.from_config(made.get_config())
    assert again.get_config() == made.get_config()
    assert inspect.getfullargspec(keras.layers.Layer.__init__).varargs is None
    with pytest.raises(ValueError, match="Unrecognized keyword arguments"):
        keras.layers.Dense(2, kernle=3)
