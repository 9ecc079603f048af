"""Edits of the `get_config` of a layer of the user's own."""

import ast

from constrainit.doctor._constructor import kept_arguments, returned
from constrainit.doctor.treatments._edits import replaced


def with_layer_config(names):
    """An edit: the config of a layer has these arguments of its constructor as well."""

    def edit(text):
        kept = kept_arguments(text)
        functions = {n.name: n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef)}
        made, method = functions.get("__init__"), functions.get("get_config")
        if made is None or not all(name in kept for name in names):
            return None
        sentence = f"its get_config returns {' and '.join(names)}, too"
        if method is None:
            indent = " " * made.col_offset
            value = f"{{**super().get_config(), {returned(names, kept)[1:]}"
            new = f"\n{indent}def get_config(self):\n{indent}    return {value}\n"
            return sentence, f"{text.rstrip()}\n{new}"
        ends = [n for n in ast.walk(method) if isinstance(n, ast.Return)]
        value = ends[0].value if len(ends) == 1 else None
        if value is None:
            return None
        [end] = ends
        if isinstance(value, ast.Name):
            indent, config = " " * end.col_offset, value.id
            lines = text.splitlines(keepends=True)
            new = [f'{indent}{config}["{name}"] = {kept[name]}\n' for name in names]
            return sentence, "".join([*lines[: end.lineno - 1], *new, *lines[end.lineno - 1 :]])
        own = ast.get_source_segment(text, value) or ""
        if isinstance(value, ast.Dict) and value.keys:
            own = own[:-1].rstrip().removesuffix(",")
        elif isinstance(value, ast.Call):
            own = f"{{**{own}"
        else:
            return None
        return sentence, replaced(text, value, f"{own}, {returned(names, kept)[1:]}")

    return edit
