"""Loops that no Keras optimizer steps: what they may call when, and what they are told."""

from typing import Any, cast

import keras
import numpy as np
import pytest
from conftest import array, same_bits
from keras import layers

import constrainit as ci

pytestmark = pytest.mark.everywhere

BACKEND = keras.backend.backend()
jax_only = pytest.mark.skipif(BACKEND != "jax", reason="of JAX")
torch_only = pytest.mark.skipif(BACKEND != "torch", reason="of torch.optim")


def _model(a_set=None, **bias):
    dense = layers.Dense(2, kernel_constraint=a_set or ci.UnitNorm(), name="d", **bias)
    model = keras.Sequential([keras.Input((3,)), dense], name="net")
    model.layers[0].kernel.assign(np.full((3, 2), 2.0))
    return model


@jax_only
@pytest.mark.parametrize("name", ["hold", "project", "prepare"])
def test_what_assigns_is_refused_while_jax_traces(name):
    """The model keeps its numbers, and the error says what to write; `held` may stand there."""
    import jax

    model = _model()
    before = array(model.layers[0].kernel)

    @jax.jit
    def step(z):
        getattr(ci, name)(model)
        return z

    wanted = r"Call it outside" if name == "prepare" else r"Write params = ci.held\(model, params\)"
    with pytest.raises(RuntimeError, match=rf"`{name}` assigns to the variables .* {wanted}"):
        step(1.0)
    assert same_bits(array(model.layers[0].kernel), before)
    kernel, _ = jax.jit(lambda params: ci.held(model, params))([v.value for v in model.variables])
    np.testing.assert_allclose(np.linalg.norm(kernel, axis=0), 1, rtol=1e-6)
    getattr(ci, name)(model)
    np.testing.assert_allclose(np.linalg.norm(array(model.layers[0].kernel), axis=0), 1, rtol=1e-6)


@jax_only
def test_hold_in_a_scope_leaves_the_model():
    """What is assigned in a scope of Keras stays in it, also while JAX traces."""
    import jax

    model = _model()
    kernel = model.layers[0].kernel

    @jax.jit
    def step(value):
        with keras.StatelessScope([(kernel, value)]) as scope:
            ci.hold(model)
        return scope.get_current_value(kernel)

    np.testing.assert_allclose(np.linalg.norm(step(kernel.value), axis=0), 1, rtol=1e-6)
    assert array(kernel).min() == 2
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    assert ci.check(model).ok


@torch_only
def test_a_constraint_that_is_given_later_is_held_from_then_on():
    """Given, replaced, taken away, or of a weight that the optimizer gets later; one hook."""
    import torch

    model = keras.Sequential(
        [keras.Input((3,)), layers.Dense(2, kernel_constraint=ci.UnitNorm(), name="d"),
         layers.Dense(2, name="e"), layers.Dense(1, kernel_constraint=ci.NonNegative(), name="f")]
    )  # fmt: skip
    d, e, f = (layer.kernel for layer in model.layers)
    optimizer = torch.optim.SGD([d.value, e.value], 1.0)
    ci.hold_after(optimizer, model)
    ci.hold_after(optimizer, model)
    assert len(optimizer._optimizer_step_post_hooks) == 1

    def stepped():
        optimizer.zero_grad()
        for one in (d, e, f):
            one.assign(np.full(one.shape, -2.0))
            one.value.grad = torch.zeros_like(one.value)
        optimizer.step()
        return [round(float(np.linalg.norm(array(one)[:, 0])), 4) for one in (d, e, f)]

    free = [round(2 * one.shape[0] ** 0.5, 4) for one in (d, e, f)]
    assert stepped() == [1, *free[1:]]
    ci.constrain(model, {"e/kernel": ci.NonNegative()})
    assert stepped() == [1, 0, free[2]]
    ci.constrain(model, {"d/kernel": None})
    assert stepped() == [free[0], 0, free[2]]
    optimizer.add_param_group({"params": [f.value]})
    assert stepped() == [free[0], 0, 0]


@torch_only
def test_a_class_is_no_optimizer():
    """The error says to make one."""
    import torch

    with pytest.raises(ValueError, match=r"the class SGD. Write SGD\(model.parameters\(\), "):
        ci.hold_after(torch.optim.SGD, _model())


@pytest.mark.parametrize("way", ["held", "optax_hold", "KeepFeasible"])
def test_a_constraint_that_is_given_later_counts_elsewhere(way):
    """What looks at the model at each step has it at the next."""
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2, name="d")])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    keep, values = ci.KeepFeasible(), [v.value for v in model.trainable_variables]
    if way == "optax_hold" and BACKEND != "jax":
        pytest.skip("of JAX")
    held = ci.optax_hold(model) if way == "optax_hold" else None
    ci.constrain(model, {"d/kernel": ci.UnitNorm()})
    if way == "KeepFeasible":
        model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0, callbacks=[keep])
        kernel = array(model.layers[0].kernel)
    elif held is not None:
        updates, _ = held.update([0 * v for v in values], held.init(values), values)
        kernel = array(values[0] + updates[0])
    else:
        kernel = array(ci.held(model, values)[0])
    np.testing.assert_allclose(np.linalg.norm(kernel, axis=0), 1, rtol=1e-6)


@jax_only
def test_optax_hold_looks_at_what_it_is_given():
    """Where it is made, not at the first step; sets of Keras and names are sets there, too."""
    import optax

    for wrong, said in (
        (optax.adam(1.0), r"Write optax.chain\(it, ci.optax_hold\(model\)\)"),
        (optax.chain(optax.adam(1.0)), r"a gradient transformation of optax"),
        (keras.Sequential([layers.Dense(2)], name="u"), r"built: 'u' has no weights yet"),
        ({"w": 3}, r"or a tree with a set or None for each parameter. Received: model=3"),
        ({"w": None}, r"or a tree with a set or None for each parameter"),
        ({"w": ci.UnitNorm}, r"Write UnitNorm\(...\)"),
    ):
        with pytest.raises(ValueError, match=f"`model` of `optax_hold` must .*{said}"):
            ci.optax_hold(wrong)
    with pytest.raises(TypeError, match="`optax_hold` must be given `model`"):
        ci.optax_hold()  # pyright: ignore[reportCallIssue]
    held = ci.optax_hold({"w": "non_neg", "v": keras.constraints.NonNeg(), "b": None})
    params = dict.fromkeys("wvb", -np.ones(2, "float32"))
    updates, _ = held.update(
        dict.fromkeys("wvb", np.zeros(2, "float32")), held.init(params), params
    )
    assert {k: float(v[0]) for k, v in updates.items()} == {"w": 1, "v": 1, "b": 0}


def test_held_gives_back_what_it_was_given():
    """A tuple for a tuple, which a loop of JAX carries; no other container is taken."""
    model = _model()
    values = [v.value for v in model.trainable_variables]
    assert isinstance(ci.held(model, values), list)
    assert isinstance(ci.held(model, tuple(values)), tuple)
    if BACKEND == "jax":
        import jax

        def step(params, _):
            return ci.held(model, tuple(p + 1 for p in params)), None

        (kernel, _), _ = jax.lax.scan(step, tuple(values), None, length=2)
        np.testing.assert_allclose(np.linalg.norm(kernel, axis=0), 1, rtol=1e-6)
    named = {v.path: v.value for v in model.trainable_variables}
    with pytest.raises(
        ValueError, match=r"Received: values={'net/d/kernel': <\w+ of shape \(3, 2\)"
    ):
        ci.held(model, named)


def test_no_message_prints_arrays():
    """An array is told by its shape, whichever argument it was given as."""
    model, many = _model(), cast(Any, np.full((40, 40), 0.125))
    for act in (
        lambda: ci.project(many),
        lambda: ci.check([many, {"a": many}]),
        lambda: ci.hold(keras.ops.convert_to_tensor(many)),
        lambda: ci.diagnose(many, many, model),
        lambda: ci.diagnose(model, many, many, seed=many),
        lambda: ci.held(model, {str(i): many for i in range(9)}),
        lambda: cast(Any, ci.project)(model, many),
        lambda: cast(Any, ci.project)(model, modle=many),
        lambda: ci.constrain(model, many),
        lambda: ci.constrain(model, {"d/kernel": many}),
        lambda: ci.constrained(kernel=many),
        lambda: ci.UnitNorm(axis=many),
        lambda: ci.KeepFeasible(many),
        lambda: ci.WeightLog(many),
    ):
        with pytest.raises((ValueError, TypeError)) as raised:
            act()
        assert "0.125" not in str(raised.value)
        assert "of shape (40, 40)" in str(raised.value)
        assert len(str(raised.value)) < 500


@jax_only
@pytest.mark.parametrize("is_kept", [True, False])
def test_variables_without_values_are_told(is_kept):
    """After a fit that raised within a step; what Keras still has of them can be put back."""
    model = _model()
    model.compile("sgd", "mse")
    variables = model.trainable_variables
    values = [v.value for v in variables]
    if is_kept:
        model._jax_state, model._jax_state_synced = {"trainable_variables": values}, False
    for variable in variables:
        variable._value = None
    mend = r"Call model.jax_state_sync\(\)" if is_kept else r"Load them anew, model.load_weights"
    for name in ("check", "hold", "project", "prepare", "bake", "reparametrize"):
        said = rf"`{name}` finds no values in the variables of 'net', 'net/d/kernel' .* {mend}"
        with pytest.raises(RuntimeError, match=said):
            getattr(ci, name)(model)
    with pytest.raises(RuntimeError, match="`diagnose` finds no values"):
        ci.diagnose(model, np.ones((4, 3)), np.ones((4, 2)))
    assert len(ci.held(model, values)) == 2
    if is_kept:
        model.jax_state_sync()
    else:
        model.set_weights([np.ones((3, 2)), np.zeros(2)])
    assert ci.project(model)


@torch_only
def test_an_average_of_torch_is_projected():
    """The average of members lies outside; its module is a model, to be projected."""
    import torch

    model = _model()
    optimizer = torch.optim.SGD(model.parameters(), 0.5)
    ci.hold_after(optimizer, model)
    averaged = torch.optim.swa_utils.AveragedModel(model)
    x = torch.tensor(np.random.default_rng(0).normal(size=(16, 3)).astype("float32"))
    for _ in range(4):
        optimizer.zero_grad()
        ((model(x) - x[:, :2]) ** 2).mean().backward()
        optimizer.step()
        averaged.update_parameters(model)
    assert ci.check(model).ok
    assert not ci.check(averaged.module).ok
    ci.project(averaged.module)
    assert ci.check(averaged.module).ok
