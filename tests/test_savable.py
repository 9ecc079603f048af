"""What a copy, and a saved model, obeys: what the model obeyed, or a warning says so."""

import re
import warnings

import keras
import numpy as np
import pytest
from conftest import array
from keras import layers

import constrainit as ci

pytestmark = pytest.mark.in_turns(every=4)

# No compiler has a part in it.


@keras.saving.register_keras_serializable("savable")
class Own(layers.Layer):
    """Its config does not say what its weight obeys: the class gives it a constraint itself."""

    def __init__(self, units=2, **kwargs):
        super().__init__(**kwargs)
        self.units, self.kernel_constraint = units, ci.NonNegative()

    def build(self, shape):
        self.kernel = self.add_weight(
            (shape[-1], self.units), name="kernel", constraint=self.kernel_constraint
        )

    def call(self, x):
        return x @ self.kernel


@keras.saving.register_keras_serializable("savable")
class Around(layers.Layer):
    """The same of a layer that it makes."""

    def __init__(self, units=2, **kwargs):
        super().__init__(**kwargs)
        self.inner = layers.Dense(units, use_bias=False, kernel_constraint=ci.NonNegative())

    def build(self, shape):
        self.inner.build(shape)

    def call(self, x):
        return self.inner(x)


def model_of(layer):
    return keras.Sequential([keras.Input((3,)), layer])


def obeys(model):
    """Where a kernel of 5 and one of -5 end, by the constraint that it has."""
    weight = model.weights[-1]
    ends = []
    for start in (5.0, -5.0):
        weight.assign(np.full(weight.shape, start, "float32"))
        ci.project(model)
        ends.append(float(array(weight)[0, 0]))
    return ends


OWN = pytest.mark.parametrize("own", [Own, Around])
DENSE = {
    "none": {}, "of Keras": {"kernel_constraint": "non_neg"},
    "of ours": {"kernel_constraint": ci.UnitNorm()},
}  # fmt: skip


@OWN
def test_a_copy_obeys_what_the_model_does_and_not_what_its_layer_makes(own):
    """`reparametrize` and `bake` make layers anew, with the constraint that was replaced."""
    model = keras.Sequential([keras.Input((3,)), layers.Dense(3, use_bias=False), own()])
    with pytest.warns(UserWarning, match="can not save the constraint"):
        ci.constrain(model, {model.weights[-1].path: ci.Box(-2.0, 2.0)})
    with pytest.warns(UserWarning, match="can not save the constraint of '[^']*kernel': the layer"):
        smooth = ci.reparametrize(model, {model.weights[0].path: ci.MaxAbs(3.0)})
    with pytest.warns(UserWarning, match="can not save the constraint of '[^']*kernel': the layer"):
        baked = ci.bake(smooth)
    assert obeys(model) == obeys(smooth) == obeys(baked) == [2.0, -2.0]


@OWN
def test_what_is_taken_off_stays_off_in_a_copy(own):
    """The class of the layer would bring it back."""
    model = model_of(own())
    with pytest.warns(UserWarning, match="the removal of the constraint"):
        ci.constrain(model, {model.weights[-1].path: None})
    with pytest.warns(UserWarning, match="the removal of the constraint"):
        baked = ci.bake(model)
    assert obeys(model) == obeys(baked) == [5.0, -5.0]


@OWN
def test_baking_says_what_a_file_would_not_hold(own, tmp_path):
    """Loaded, the weight obeys what its layer makes: the set that it was seen in is lost."""
    model = model_of(own())
    with (
        pytest.warns(UserWarning, match="outside of its set"),
        pytest.warns(UserWarning, match="had NonNegative.* and is seen in Box"),
    ):
        smooth = ci.reparametrize(model, {model.weights[-1].path: ci.Box(0.1, 1.0)})
    with pytest.warns(UserWarning, match="can not save the constraint of '[^']*kernel'") as told:
        baked = ci.bake(smooth)
    assert len(told) == 1
    baked.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    lowest = float(np.float32(0.1))
    assert obeys(baked) == [1.0, lowest]
    assert obeys(loaded) == [5.0, 0.0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ci.constrain(loaded, {loaded.weights[-1].path: ci.Box(0.1, 1.0)})
    assert obeys(loaded) == [1.0, lowest]


@pytest.mark.parametrize("before", DENSE)
def test_a_file_holds_what_the_weight_obeyed_at_saving(before, tmp_path):
    """Seen in a set, baked, attached, by hand: whatever the layer was made with."""
    dense = layers.Dense(2, use_bias=False, **DENSE[before])
    baked = ci.bake(model_of(ci.Reparametrized(dense, kernel=ci.Box(0.1, 1.0))))
    lowest, path = float(np.float32(0.1)), tmp_path / "m.keras"
    baked.save(path)
    assert obeys(baked) == obeys(keras.saving.load_model(path)) == [1.0, lowest]
    ci.constrain(baked, {"*/kernel": ci.Box(-2.0, 2.0)})
    baked.save(path)
    assert obeys(baked) == obeys(keras.saving.load_model(path)) == [2.0, -2.0]
    baked.layers[0].kernel.constraint = ci.Box(-3.0, 3.0)
    copy = ci.bake(baked)
    copy.save(path)
    assert obeys(copy) == obeys(keras.saving.load_model(path)) == [3.0, -3.0]
    ci.constrain(copy, {"*/kernel": None})
    copy.save(path)
    assert obeys(keras.saving.load_model(path)) == [5.0, -5.0]


@pytest.mark.parametrize("kind", ["mha", "gqa"])
def test_a_layer_around_that_saves_it_is_named_with_what_to_write(kind, tmp_path):
    """Where all weights that its argument stands for get one set; what is written is saved."""
    made = {
        "mha": lambda **k: layers.MultiHeadAttention(2, 3, name="heads", **k),
        "gqa": lambda **k: layers.GroupQueryAttention(3, 4, 2, name="heads", **k),
    }[kind]

    def of(**given):
        x = keras.Input((5, 4))
        return keras.Model(x, layers.Dense(1, name="last")(made(**given)(x, x)))

    model, a_set = of(), ci.Box(-0.1, 0.1)
    with pytest.warns(UserWarning, match=r"Or write \*\*(.*) in 'heads', which saves it\.") as told:
        ci.constrain(model, {"heads/*/kernel": a_set, "last/kernel": a_set})
    given = re.search(r"Or write \*\*(.*) in 'heads'", str(told[0].message))
    assert given is not None
    written = of(**eval(given[1], {"ci": ci}))
    written.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    kernels = [row for row in ci.check(loaded).rows if row.weight.endswith("kernel")]
    assert len(kernels) == 4
    assert {row.set for row in kernels} == {a_set.describe()}
    for some in (
        {"heads/query/kernel": a_set},
        {"heads/*/kernel": a_set, "*key/kernel": "non_neg"},
    ):
        with pytest.warns(UserWarning, match=r"call `constrain` again after loading\.$"):
            ci.constrain(of(), some)
