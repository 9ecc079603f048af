"""Whether the variables of a model can be assigned to now: on JAX there are times when not."""

import keras
from keras.src.backend import in_stateless_scope

from constrainit._compile import is_traced

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
