"""What is told of a Cayley transform whose matrix is not skew-symmetric."""

from typing import Any

SKEW = (
    "let the matrix of the transform be skew-symmetric, w - transpose(w), which makes it "
    "orthogonal; or keep the weight itself so by ci.Orthogonal()"
)


def told_of_cayley(made: Any, where: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Behind what has grown: which line, what is wrong with its matrix, and what that does.

    Args:
        made: What was found of it, None if nothing was.
        where: Where the finding is placed.

    Returns:
        The text, empty if nothing was found, and where the finding is placed then.
    """
    if made is None:
        return "", where
    line = "" if made.source is None else f" in line {made.source.line}"
    kind = "symmetric" if made.is_symmetric else "not skew-symmetric"
    where = {**where, **({"source": made.source} if made.source else {})}
    return (
        f". The transform of Cayley{line}, (I + A)^-1 (I - A), is orthogonal only of a "
        f"skew-symmetric A: its A is {kind}, and it makes vectors up to {made.most:.3g} times as "
        "long",
        where,
    )
