"""Whether the variables of a model can be read and assigned to: on JAX there are times when not."""

from typing import Any

import keras
from keras.src.backend import in_stateless_scope

from constrainit._compile import is_traced
from constrainit._seen import trained_of

INSTEAD = "Write params = ci.held(model, params) in it, which gives values back."
BEFORE = "Call it outside, before the first step."


def refuse_traced(owner: str, instead: str) -> None:
    """Raises RuntimeError while JAX traces a function: what is assigned would be no numbers.

    In a `keras.StatelessScope` an assignment stays in the scope, as in a step of Keras.

    Args:
        owner: The public function that assigns.
        instead: A sentence that says what to write.
    """
    if keras.backend.backend() == "jax" and not in_stateless_scope() and is_traced():
        raise RuntimeError(
            f"`{owner}` assigns to the variables of the model, which a function that JAX traces "
            f"(jit, scan, vmap) must not. {instead}"
        )


def check_values(owner: str, model: Any) -> None:
    """Raises RuntimeError where variables of a model have no values.

    On JAX Keras takes them out of the model while `fit` runs. Where that raises, some stay out.

    Args:
        owner: The public function that would read them.
        model: A built model or layer.
    """
    if keras.backend.backend() != "jax" or in_stateless_scope():
        return
    lost = [v for v in model.variables if _is_lost(v)]
    if not lost:
        return
    kept = getattr(model, "_jax_state", None) and not model._jax_state_synced
    mend = "Call model.jax_state_sync() before."
    if not kept:
        mend = "Load them anew, model.load_weights(path), or make the model anew."
    raise RuntimeError(
        f"`{owner}` finds no values in the variables of {model.name!r}, {lost[0].path!r} first: on "
        f"JAX Keras takes them out of the model while `fit` runs, and one that raised has not put "
        f"them back. {mend}"
    )


def _is_lost(variable):
    # A weight that is computed has none of its own; one that is not built knows how to begin.
    is_own = trained_of(variable) is variable
    return is_own and variable._value is None and variable._initializer is None
