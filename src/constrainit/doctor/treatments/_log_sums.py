"""An edit of a source in which exponentials overflow before a logarithm is taken of them."""

import ast
from typing import Any

from constrainit.doctor.treatments._differences import is_one
from constrainit.doctor.treatments._edit_losses import as_operand
from constrainit.doctor.treatments._edits import end_of, replaced, without


def log_of_sums(text):
    """An edit: a logarithm of exponentials, their sums and quotients is written without them.

    `log(exp(a) / sum(exp(b)))` is written `a - logsumexp(b)`, and `log(1 + exp(a))`, also by
    `log1p`, is written `softplus(a)`, with what has a name in place of it. Only of functions of
    `keras.ops`, and of names that stand for one thing in their function.
    """
    functions = [one for one in ast.walk(ast.parse(text)) if isinstance(one, ast.FunctionDef)]
    found: list[Any] = []
    for function in functions:
        known = _Names(function)
        found += [(one, new) for one in ast.walk(function) if (new := known.written(one))]
    inner = {id(one) for node, _ in found for one in ast.walk(node) if one is not node}
    found = [(node, new) for node, new in found if id(node) not in inner]
    for node, new in sorted(found, key=lambda pair: end_of(pair[0]), reverse=True):
        text = replaced(text, node, _tidy(new))
    by = "softplus" if all("softplus" in new for _, new in found) else "logsumexp"
    said = f"the logarithm of exponentials is written without them, by {by}"
    return (said, _without_unused(text)) if found else None


class _Names:
    """What the names in a function stand for."""

    def __init__(self, function: ast.FunctionDef):
        stores = [
            node for node in ast.walk(function)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        ]  # fmt: skip
        given = [one.arg for one in ast.walk(function.args) if isinstance(one, ast.arg)]
        names = [*given, *(node.id for node in stores)]
        self.ambiguous = {name for name in names if names.count(name) > 1}
        self.values: dict[str, Any] = {
            node.targets[0].id: node.value
            for node in ast.walk(function)
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
            and len(node.targets) == 1 and node.targets[0].id not in self.ambiguous
        }  # fmt: skip

    def written(self, node: Any) -> str:
        """A call of a logarithm without the exponentials in it; "" if it is none, or has none."""
        if _called(node, "log1p"):
            return _softplus(self.log_of(node.args[0]))
        return self.log_of(node.args[0]) if _called(node, "log") else ""

    def log_of(self, node: Any) -> str:
        """The logarithm of an expression without the exponentials in it; "" if there are none."""
        if isinstance(node, ast.Name):
            return self.log_of(self.values[node.id]) if node.id in self.values else ""
        if _called(node, "exp"):
            return self._text(node.args[0])
        if _called(node, "sum"):
            inner = self.log_of(node.args[0])
            words = {word.arg for word in node.keywords}
            if not inner or len(node.args) > 1 or not words <= {"axis", "keepdims"}:
                return ""
            along = "".join(f", {word.arg}={ast.unparse(word.value)}" for word in node.keywords)
            return f"{ast.unparse(node.func.value)}.logsumexp({inner}{along})"
        if not isinstance(node, ast.BinOp):
            return ""
        left, right = self.log_of(node.left), self.log_of(node.right)
        if isinstance(node.op, ast.Add):
            if is_one(node.left) or is_one(node.right):
                return _softplus(left or right)
            return f"keras.ops.logaddexp({left}, {right})" if left and right else ""
        if isinstance(node.op, ast.Div) and is_one(node.left):
            return f"-({right})" if right else ""
        sign = {ast.Div: "-", ast.Mult: "+"}.get(type(node.op))
        if not sign or not (left or right):
            return ""
        left, right = left or self._log(node.left), right or self._log(node.right)
        return f"{left} {sign} ({right})" if left and right else ""

    def _log(self, node):
        """The logarithm of a factor that is no exponential, such as a mask: 0 becomes -inf."""
        text = self._text(node)
        return f"keras.ops.log({text})" if text else ""

    def _text(self, node):
        names = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
        plain = isinstance(node, (ast.Name, ast.Call, ast.Attribute))
        return "" if names & self.ambiguous else ast.unparse(node) if plain else (
            f"({ast.unparse(node)})"
        )  # fmt: skip


def _tidy(text):
    """An expression with the brackets that it needs in any place, and no others."""
    return as_operand(ast.parse(text, mode="eval").body)


def _softplus(inner):
    """The logarithm of one and an exponential of this."""
    return f"keras.ops.softplus({inner})" if inner else ""


def _called(node, name):
    """Whether a node calls a function of `keras.ops` by this name."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or not node.args:
        return False
    return node.func.attr == name and ast.unparse(node.func.value).split(".")[-1] == "ops"


def _without_unused(text):
    """A source without exponentials that have a name which nothing asks for any more."""
    tree = ast.parse(text)
    loads = {
        n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and _called(node.value, "exp"):
            [target] = node.targets
            if isinstance(target, ast.Name) and target.id not in loads:
                return _without_unused(without(text, node))
    return text
