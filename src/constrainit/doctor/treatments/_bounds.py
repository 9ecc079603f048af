"""Edits of a source that keep an operand away from where an operation is infinite or steep."""

import ast

from constrainit.doctor.trace._limits import NEGATIVE_BASE

_SHARES = ("log", "log2", "log10", "sqrt", "rsqrt")
"""What is taken of chances and variances; a power is taken of what layers give, too."""

_OF_ROWS = ("softmax", "log_softmax", "logsumexp")

GUARDED = (*_SHARES, "log1p", "power")
_WITH_FLOOR = {
    **dict.fromkeys((*GUARDED, "divide"), "1e-6"),
    "log1p": "-1 + {margin}",
    "arccosh": "1 + {margin}",
    # An entry that is masked keeps no share, and float16 holds it.
    **dict.fromkeys(_OF_ROWS, "-1e4"),
}
BETWEEN = ("arccos", "arcsin", "arctanh", "erfinv")
"""What has no slope, or no value, at -1 and 1."""

_LEAST = {**dict.fromkeys((*_SHARES, "power"), 0.0), "log1p": -1.0, "arccosh": 1.0}
_LEAST.update(dict.fromkeys(BETWEEN, -1.0))

WRITTEN = {
    "log": ("log", "log2", "log10"),
    # A norm is a root of squares, which is how the backends name it.
    "sqrt": ("sqrt", "norm", "power"),
    "rsqrt": ("rsqrt", "power"),
    **{f"arc{name}": (f"arc{name}", f"a{name}") for name in ("cos", "sin", "tanh", "cosh")},
}
"""Under which names a line may call an operation."""

_JITTER = "1e-4"
"""What a matrix whose entries are about one gets on its diagonal, in float32."""

MARGINS = {"float16": "1e-3", "bfloat16": "1e-2"}
"""Smaller ones are lost beside 1."""

_ROUNDING = 1e-3
"""Numbers outside by less than this share of the largest, or of 1, are taken for rounding."""

_CLIPS = ("clip", "clamp", "clip_by_value")


def can_be_bounded(operation) -> bool:
    """Whether bounds mend it: those of numbers that are truly outside would only hide them."""
    name, operands = operation.name, operation.operands
    if name == "divide":
        return len(operands) > 1 and operands[1].numbers.minimum >= 0
    if name not in _LEAST:
        return has_infinite_operand(operation)
    if name == "power" or not operands:
        return name in GUARDED
    entered = operands[0].numbers
    least = _LEAST[name]
    slack = _ROUNDING * (abs(least) or abs(entered.maximum))
    return entered.minimum >= least - slack and (
        name not in BETWEEN or entered.maximum <= 1.0 + _ROUNDING
    )


def has_infinite_operand(operation) -> bool:
    """Whether what enters an operation is not finite already."""
    return any(operand.numbers.nonfinite for operand in operation.operands)


def bounded(operation, dtype):
    """An edit of a source that bounds the operand of an operation on its line.

    Args:
        operation: The operation that failed.
        dtype: What its layer computes in.
    """
    line_text, margin = operation.source.text, MARGINS.get(dtype, "1e-6")
    # Where the base is below zero only a whole exponent is harmless.
    is_harmless = _is_natural if operation.limit == NEGATIVE_BASE else _is_whole

    def edit(text):
        nodes = [
            node
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.expr) and _line(text, node.lineno) == line_text
        ]
        names = [operation.name]
        # What made the operand infinite, harmless by itself, may stand on the same line.
        names += GUARDED if has_infinite_operand(operation) else ()
        # The difference that JAX's softmax takes is one of its parts.
        names += _OF_ROWS if operation.limit.startswith("inf - inf") else ()
        for name in names:
            for written in WRITTEN.get(name, (name,)):
                pieces = [
                    piece
                    for node in nodes
                    for piece in _pieces(node, written, name, margin, is_harmless)
                ]
                if pieces:
                    return _sentence(written, name, margin), _with(text, pieces)
        return None

    return edit


def with_jitter(line_text):
    """An edit of a source that adds to the diagonal of what `cholesky` is given on a line."""

    def edit(text):
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.Call) or _line(text, node.lineno) != line_text:
                continue
            if isinstance(node.func, ast.Attribute) and node.func.attr == "cholesky" and node.args:
                operand = node.args[0]
                eye = f"keras.ops.eye(matrix.shape[-1], dtype=matrix.dtype) * {_JITTER}"
                pieces = [
                    (_start(operand), _start(operand), "(matrix := "),
                    (_end(operand), _end(operand), f") + {eye}"),
                ]
                return f"{_JITTER} on the diagonal of the operand of cholesky", _with(text, pieces)
        return None

    return edit


def floored_factor(line_text, index):
    """An edit of a source: one factor of the only product on a line is never below zero.

    Args:
        line_text: The line.
        index: The place of the factor, from 0.
    """

    def edit(text):
        found = []
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.expr) or _line(text, node.lineno) != line_text:
                continue
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
                found.append((node.left, node.right)[index])
            elif isinstance(node, ast.Call) and _is_product(node):
                found.append(node.args[index])
        if len(found) != 1:
            return None
        [factor] = found
        pieces = [
            (_start(factor), _start(factor), "keras.ops.maximum("),
            (_end(factor), _end(factor), ", 0.0)"),
        ]
        said = f"{ast.unparse(factor)} is taken for 0 where it is below zero"
        return said, _with(text, pieces)

    return edit


def _is_product(call):
    named = isinstance(call.func, ast.Attribute) and call.func.attr == "multiply"
    return named and len(call.args) == 2


def _sentence(written, name, margin):
    if written == "norm":
        return f"the root of a sum of squares and {_under_root(margin)} in place of norm"
    if name in BETWEEN:
        return f"the operand of {name} stays {margin} inside of -1 and 1"
    return f"a floor of {_floor(name, margin)} under the operand of {name}"


def _floor(name, margin):
    """What an operand is kept above; the smallest numbers of float16 some backends take for 0."""
    floor = _WITH_FLOOR[name].format(margin=margin)
    is_lost = floor == "1e-6" and margin == MARGINS["float16"]
    return margin if is_lost else floor


def _under_root(margin):
    return "1e-12" if margin == "1e-6" else "1e-6"


def _pieces(node, written, name, margin, is_harmless):
    """What to write where, as spans and texts, if a node calls the operation by a name."""
    if isinstance(node, ast.BinOp):
        operand = _of_operator(node, written, is_harmless)
        if operand is not None:
            yield from _around(operand, "keras.ops", name, margin)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        if node.func.attr != written or (written == "power" and is_harmless(node.args[-1])):
            return
        module = ast.unparse(node.func.value)
        if written == "norm":
            yield from _as_root(node, module, margin)
        else:
            # Tensors of a backend's own functions are taken by those of Keras.
            is_own = written != name and name not in _SHARES
            yield from _around(node.args[0], "keras.ops" if is_own else module, name, margin)


def _of_operator(node, written, is_harmless):
    """The operand of `x / y` or `x ** y` that is to be bounded."""
    if written == "divide" and isinstance(node.op, ast.Div):
        return node.right
    is_root = isinstance(node.op, ast.Pow) and not is_harmless(node.right)
    return node.left if written == "power" and is_root else None


def _is_whole(exponent):
    """Whether an exponent is a number for which a power has a slope everywhere."""
    number = _number(exponent)
    return number is not None and number >= 1


def _is_natural(exponent):
    """Whether an exponent is a whole number."""
    number = _number(exponent)
    return number is not None and number.is_integer()


def _around(operand, module, name, margin):
    if name not in BETWEEN:
        if name in _WITH_FLOOR:
            floor = _floor(name, margin)
            yield _start(operand), _start(operand), f"{module}.maximum("
            yield _end(operand), _end(operand), f", {floor})"
        return
    bounds = f"-1 + {margin}", f"1 - {margin}"
    clip = _bounds_of_clip(operand)
    if clip is not None:
        for node, bound in zip(clip, bounds, strict=True):
            yield _start(node), _end(node), bound
        return
    yield _start(operand), _start(operand), f"{module}.clip("
    yield _end(operand), _end(operand), f", {', '.join(bounds)})"


def _bounds_of_clip(node):
    """Where a clip to [-1, 1] has its bounds; None if a node is no such clip."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None
    if node.func.attr not in _CLIPS:
        return None
    arguments = [*node.args, *(word.value for word in node.keywords)]
    bounds = [one for one in arguments if _number(one) in (-1.0, 1.0)]
    return bounds if [_number(one) for one in bounds] == [-1.0, 1.0] else None


def _number(node):
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return None
    return float(value) if isinstance(value, (int, float)) else None


def _as_root(node, module, margin):
    """`norm(x, axis=0)` as a root whose slope is finite at zero; no norm of another order."""
    words = {word.arg: ast.unparse(word.value) for word in node.keywords}
    if len(node.args) > 1 or not set(words) <= {"axis", "keepdims"} or "linalg" in module:
        return
    along = "".join(f", {name}={value}" for name, value in words.items())
    operand = ast.unparse(node.args[0])
    yield (
        _start(node),
        _end(node),
        f"{module}.sqrt({module}.sum({module}.square({operand}){along}) + {_under_root(margin)})",
    )


def _line(text, number):
    return text.splitlines()[number - 1].strip()


def _start(node):
    """Where an expression begins: a line from 1, an offset in bytes."""
    return node.lineno, node.col_offset


def _end(node):
    return node.end_lineno or 0, node.end_col_offset or 0


def _with(text, pieces):
    """A source with other texts in places that may lie side by side, not in one another."""
    lines = [line.encode() for line in text.splitlines(keepends=True)]
    for (first, start), (last, end), piece in sorted(pieces, reverse=True):
        before, after = lines[first - 1][:start], lines[last - 1][end:]
        lines[first - 1 : last] = [before + piece.encode() + after]
    return b"".join(lines).decode()
