"""What a constraint returned, as a tensor."""

from typing import Any

from keras import ops


def as_tensor(result: Any) -> Any:
    """`result` as Keras would assign it.

    Raises:
        TypeError: It is None: a constraint without `return`.
    """
    if result is None:
        raise TypeError("it returns None")
    return ops.convert_to_tensor(result)
