"""Another loss in place of one of a model's: with what else the model was compiled with."""

import keras
import numpy as np
import pytest
from keras import ops

import constrainit as ci
from constrainit.doctor._diagnose import examine
from constrainit.doctor._fix import write_fixed
from constrainit.doctor._losses_at import loss_now
from constrainit.doctor._problem import Problem
from constrainit.doctor.treatments._losses import pasted, with_losses

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(48, 6)).astype("float32")
LABELS = np.argmax(X[:, :3], axis=1).astype("int32")
SIZES = np.abs(X[:, :1])


def of_two(sizes, labels, form="dict", **compiled):
    """A model of two outputs, whose names are not in their order."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,))
    inner = keras.layers.Dense(8, "relu", **ci.constrained(kernel=ci.MaxNorm(3)))(inputs)
    outputs = {
        "size": keras.layers.Dense(1, name="size")(inner),
        "kind": keras.layers.Dense(3, name="kind")(inner),
    }
    losses, weights = {"kind": labels, "size": sizes}, {"kind": 0.5, "size": 4.0}
    if form == "list":
        losses, weights = [sizes, labels], [4.0, 0.5]
    model = keras.Model(inputs, outputs if form == "named" else list(outputs.values()))
    model.compile(keras.optimizers.Adam(0.01), losses, loss_weights=weights, **compiled)
    return model, {"size": SIZES, "kind": LABELS} if form == "named" else [SIZES, LABELS]


def of_logits(given):
    return keras.losses.SparseCategoricalCrossentropy(from_logits=given)


@pytest.mark.parametrize("form", ["dict", "list", "named"])
def test_each_output_keeps_its_loss_and_weight(form):
    """The losses of the treated copy are those of a model that a person has mended."""
    model, y = of_two("mse", of_logits(False), form)
    problem = Problem(model, X, y, None, None, 0)
    problem.set_loss()
    places = [at for at, one in enumerate(problem.losses()) if "sparse" in str(one.name)]
    others = [of_logits(True) if at in places else o for at, o in enumerate(problem.losses())]
    treated = with_losses(problem, others)
    treated.set_loss()
    mended, _ = of_two("mse", of_logits(True), form)
    mended.set_weights(model.get_weights())
    wanted = Problem(mended, X, y, None, None, 0)
    wanted.set_loss()
    assert loss_now(treated) == pytest.approx(loss_now(wanted), rel=1e-6)
    # What is made from that keeps the weights, too.
    again = with_losses(treated, list(treated.losses()))
    again.set_loss()
    assert loss_now(again) == pytest.approx(loss_now(wanted), rel=1e-6)
    assert loss_now(problem) != pytest.approx(loss_now(wanted), rel=1e-3)


@pytest.mark.parametrize("weight", [None, 3.0])
def test_one_loss_of_all_outputs(weight):
    """There is one for each output then, and as many weights."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,))
    outputs = [keras.layers.Dense(1, name=name)(inputs) for name in ("b", "a")]
    model = keras.Model(inputs, outputs)
    model.compile("sgd", "mse", loss_weights=weight)
    problem = Problem(model, X, [SIZES, SIZES], None, None, 0)
    problem.set_loss()
    treated = with_losses(problem, list(problem.losses()))
    treated.set_loss()
    assert loss_now(treated) == pytest.approx(loss_now(problem), rel=1e-6)


def test_what_is_pasted_names_all_arguments(tmp_path):
    """The code compiles the model as it was, but for the one loss; so is the file of `--fix`."""
    given = {"metrics": {"size": ["mae"], "kind": ["accuracy"]}, "run_eagerly": True}
    model, y = of_two("mse", of_logits(False), **given)
    found = [f for f in ci.diagnose(model, X, y, steps=5).findings if f.code == "CW603"]
    assert found
    code = found[0].treatment.code
    assert found[0].treatment.healed
    mended, _ = of_two("mse", of_logits(True), **given)
    exec(code, {"model": model, "keras": keras})
    mended.set_weights(model.get_weights())
    own, wanted = (m.evaluate(X, y, verbose=0, return_dict=True) for m in (model, mended))
    assert own == pytest.approx(wanted, rel=1e-5)
    assert model.run_eagerly


def test_a_sound_model_of_two_outputs():
    """Its losses are what they should be: nothing is told of them."""
    model, y = of_two("mse", of_logits(True), metrics={"size": ["mae"], "kind": ["accuracy"]})
    assert "CW603" not in [f.code for f in ci.diagnose(model, X, y, steps=5).findings]


def test_code_of_a_loss_is_a_whole_call():
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    problem = Problem(model, X, SIZES, None, None, 0)
    problem.set_loss()
    assert pasted(problem, {0: '"mae"'}) == ('model.compile(optimizer=model.optimizer, loss="mae")')
    model.compile("sgd", "mse", metrics=["mae"], steps_per_execution=2)
    problem = Problem(model, X, SIZES, None, None, 0)
    problem.set_loss()
    assert pasted(problem, {0: '"mae"'}) == (
        'model.compile(optimizer=model.optimizer, loss="mae", metrics=["mae"], '
        "steps_per_execution=2)"
    )


def of_logs(y_true, y_pred):
    """A logarithm without a floor."""
    return ops.mean(-ops.sum(y_true * ops.log(y_pred), axis=-1))


def test_a_floor_in_the_loss_of_one_output():
    """The edited loss takes the place of its own; the other output keeps its loss and weight."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,))
    # Which is zero for some, and for which there is no other activation that is not.
    shares = keras.layers.Dense(
        3, "hard_sigmoid", kernel_initializer=keras.initializers.RandomNormal(stddev=3.0, seed=0),
        name="shares",
    )(inputs)  # fmt: skip
    size = keras.layers.Dense(1, name="amount")(inputs)
    model = keras.Model(inputs, [shares, size])
    model.compile(
        keras.optimizers.Adam(0.01),
        {"amount": "mse", "shares": of_logs},
        loss_weights={"amount": 4.0, "shares": 0.5},
    )
    report = ci.diagnose(model, X, [np.eye(3, dtype="float32")[LABELS], SIZES], steps=5)
    [found] = [f for f in report.findings if f.code == "CW502"]
    assert found.treatment is not None, str(report)
    assert "+    return ops.mean(-ops.sum(y_true * ops.log(" in found.treatment.diff, str(report)


def test_the_file_of_a_fix_is_compiled_as_the_model_was(tmp_path):
    given = {"metrics": {"size": ["mae"], "kind": ["accuracy"]}, "steps_per_execution": 2}
    model, y = of_two("mse", of_logits(False), **given)
    done = []
    examine(
        model, X, y, None, None, 0, steps=5,
        mend=lambda *parts: done.append(write_fixed(tmp_path / "mended.keras", *parts)),
    )  # fmt: skip
    assert done[0][0], done
    mended = keras.saving.load_model(tmp_path / "mended.keras")
    held, was = mended.get_compile_config(), model.get_compile_config()
    for name in ("loss_weights", "metrics", "steps_per_execution"):
        assert held[name] == was[name]
    assert held["loss"]["size"] == "mse"
    assert held["loss"]["kind"]["config"]["from_logits"]


def test_an_output_without_targets_is_named():
    """Keras would speak of a path in its loss; an output that has no loss needs none."""
    model, y = of_two("mse", of_logits(True), "named")
    del y["kind"]
    with pytest.raises(ValueError, match=r"'size', 'kind'.*Received: targets for 'size'\. Missing"):
        ci.diagnose(model, X, y)
    with pytest.raises(ValueError, match=r"Received: one array\. Missing: 'kind'"):
        ci.diagnose(model, X, SIZES)
    model.compile("sgd", {"size": "mse"})
    assert "CW001" not in [f.code for f in ci.diagnose(model, X, y, steps=2).findings]


@pytest.mark.parametrize(
    ("form", "loss", "y"),
    [
        ("named", {"size": "mse", "kind": None}, {"size": SIZES}),
        ("named", {"size": "mse"}, {"size": SIZES, "kind": None}),
        ("list", ["mse", None], [SIZES]),
        ("list", [None, "mse"], SIZES),
        ("list", [None, "mse"], [None, SIZES]),
        ("list", {"size": "mse", "kind": None}, {"size": SIZES, "kind": None}),
    ],
)
def test_an_output_without_a_loss_needs_no_targets(form, loss, y):
    """`fit` takes such targets, and the same are looked at; those of no output are not."""
    model, _ = of_two("mse", "mse", form)
    model.compile(keras.optimizers.Adam(0.01), loss)
    model.evaluate(X, y, verbose=0)
    report = ci.diagnose(model, X, y, steps=2)
    assert "CW001" not in {f.code for f in report.findings}, str(report)
    assert [d.name[0] for d in report.evidence.data] == ["x", "y"]


def test_names_that_are_nearly_right_are_told():
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])
    with pytest.raises(ValueError, match=r"loss='mes'\. Did you mean 'mse'"):
        ci.diagnose(model, X, SIZES, loss="mes")
    with pytest.raises(ValueError, match=r"Did you mean .*'adam'"):
        ci.diagnose(model, X, SIZES, optimizer="adma")
    with pytest.raises(ValueError, match=r"Received: loss='\?\?\?'\.$"):
        ci.diagnose(model, X, SIZES, loss="???")
