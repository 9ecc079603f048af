"""Constraints as a gradient transformation of optax."""

from typing import Any

import keras

from constrainit import _checks
from constrainit._hold import held
from constrainit._signatures import explaining
from constrainit._words import with_article
from constrainit.model import check_built
from constrainit.sets.keras_builtin import set_of


@explaining
def optax_hold(model: Any) -> Any:
    """A gradient transformation for optax that keeps parameters in their sets; it goes last.

    `optax.chain(optax.adam(1e-3), ci.optax_hold(model))`: the updates become those whose result
    is the projection of what they would have given. It has no state.

    An update is a difference, and `params + update` rounds. Bounds are met in spite of it; what is
    met within a tolerance (norms, sums, matrices) is met within the rounding of the *update*,
    which matters where that is a thousand times the weight. `held` has no such limit.

    Args:
        model: A built Keras model, for parameters that are the values of its
            `trainable_variables`; or a tree of the form of the parameters, with a set (anything
            that `as_set` takes) or None for each array.

    Returns:
        An `optax.GradientTransformationExtraArgs`; `update` must be given `params`.

    Raises:
        ValueError: The backend is not JAX, the model is not built, or it is neither a model nor a
            tree of sets.
    """
    if keras.backend.backend() != "jax":
        raise ValueError(
            "`optax_hold` needs the backend JAX, as optax does. Received: "
            f"{keras.backend.backend()}. Write KERAS_BACKEND=jax."
        )
    import jax
    import optax

    if isinstance(model, optax.GradientTransformation):
        raise ValueError(
            "`model` of `optax_hold` must be a built Keras model, or a tree of sets. Received: a "
            "gradient transformation of optax. Write optax.chain(it, ci.optax_hold(model))."
        )
    is_model = isinstance(model, keras.layers.Layer)
    if is_model:
        check_built(model, "optax_hold")
    sets = None if is_model else jax.tree.map(_set_of, model, is_leaf=_is_none)
    if not is_model and not jax.tree.leaves(sets):
        raise _no_sets(model)

    def project(moved):
        if is_model:
            if not isinstance(moved, (list, tuple)):
                raise ValueError(
                    "The parameters of `optax_hold(model)` must be a list, the values of "
                    f"`model.trainable_variables`. Received: {with_article(type(moved).__name__)}. "
                    "For another tree give `optax_hold` a tree of sets."
                )
            return jax.tree.unflatten(
                jax.tree.structure(moved), held(model, jax.tree.leaves(moved))
            )
        return jax.tree.map(_image, sets, moved, is_leaf=_is_none)

    def update(updates, state, params=None, **_):
        if params is None:
            raise ValueError(
                "`params` of `optax_hold` must be given. Received: None. Write "
                "optimizer.update(gradients, state, params)."
            )
        moved = jax.tree.map(lambda p, u: p + u, params, updates)
        updates = jax.tree.map(lambda image, p: image - p, project(moved), params)
        reached = jax.tree.map(lambda p, u: p + u, params, updates)
        return jax.tree.map(_rounded_in, updates, reached, project(reached)), state

    return optax.GradientTransformationExtraArgs(lambda _: optax.EmptyState(), update)


def _is_none(x: Any) -> bool:
    return x is None


def _set_of(x: Any) -> Any:
    """What a leaf of a tree of sets stands for."""
    if not (x is None or callable(x) or isinstance(x, str)):
        raise _no_sets(x)
    return None if x is None else set_of("optax_hold", "model", x)


def _no_sets(x):
    must = "be a built Keras model, or a tree with a set or None for each parameter"
    return _checks.fail("optax_hold", "model", must, x)


def _image(a_set: Any, value: Any) -> Any:
    return value if a_set is None else a_set(value)


def _rounded_in(update: Any, reached: Any, image: Any) -> Any:
    """The update, one rounding further where the sum would be outside."""
    import jax.numpy as jnp

    towards = jnp.where(image > reached, jnp.inf, -jnp.inf).astype(update.dtype)
    return jnp.where(image == reached, update, jnp.nextafter(update, towards))
