"""The pages of the rules, for a terminal and for the docs."""

import difflib
import re
from collections.abc import Iterator
from typing import Any

from constrainit import _text
from constrainit.doctor.rules import RULES
from constrainit.doctor.rules._rule import Rule

_OF_CODES, _FIRST_DIGIT = re.compile(r"cw\d"), 2

_HEAD = """# Findings

What `constrainit doctor` and `diagnose` report, by code. Taken from the rules' docstrings;
`constrainit explain CODE` prints one of them.
"""


def ordered() -> list[Rule]:
    """The rules by code."""
    return sorted(RULES, key=lambda rule: rule.code)


def find(text: str) -> Rule:
    """The rule of a code or a name, in letters of any case.

    Raises:
        ValueError: There is none; the message names those near to it.
    """
    known = {key: rule for rule in ordered() for key in (rule.code.lower(), rule.name)}
    wanted = text.strip().lower()
    if wanted in known:
        return known[wanted]
    shown = dict.fromkeys(f"{known[key].code} {known[key].name}" for key in _near(wanted, known))
    hint = f"Near to it: {', '.join(shown)}; `" if shown else "`"
    raise ValueError(f"There is no finding {text!r}. {hint}constrainit explain` lists them.")


def _near(wanted, known):
    """The keys that are most like another one: codes by how they begin, names by their letters."""
    if not _OF_CODES.match(wanted):
        return difflib.get_close_matches(wanted, known, n=3, cutoff=0.5)
    # The first digit is the kind of a fault: of another kind nothing is near.
    begun = [wanted[:end] for end in range(len(wanted), _FIRST_DIGIT, -1)]
    alike = next(filter(None, ([k for k in known if k.startswith(part)] for part in begun)), [])
    return alike[:3]


def page_parts(rule: Rule) -> Iterator[Any]:
    """The page of a rule as parts that rich can print."""
    from rich.padding import Padding
    from rich.syntax import Syntax
    from rich.text import Text

    page = rule.page()
    yield Text(f"{rule.code} {rule.name} ({rule.level})", style="bold")
    yield Text(f"\n{page.fact}\n\n{_flowing(page.why)}")
    for heading, code in (("Example", page.example), ("Use instead", page.instead)):
        yield Text(f"\n{heading}:", style="bold")
        shown = Syntax(code, "python", theme="ansi_dark", background_color="default")
        yield Padding(shown, (0, 0, 0, 4))
    known = (("Known limits", page.limits), ("Source", page.source), ("Numbers", _numbers(rule)))
    for heading, text in known:
        yield Text(f"\n{heading}:", style="bold")
        yield Padding(Text(_flowing(text)), (0, 0, 0, 4))


def list_parts() -> Iterator[Any]:
    """Every rule on a line, as parts that rich can print."""
    rows = [(rule.code, rule.name, rule.level, rule.page().fact) for rule in ordered()]
    yield _text.Grid(("code", "name", "level", "what it finds"), rows, unwrapped=("code", "name"))


def page_markdown(rule: Rule) -> str:
    """The page of a rule as Markdown, without its heading."""
    page = rule.page()
    parts = [page.fact, page.why, "Example:", _fenced(page.example)]
    parts += ["Use instead:", _fenced(page.instead)]
    parts += [f"Known limits: {_flowing(page.limits)}", f"Source: {_flowing(page.source)}"]
    parts.append(f"Numbers: {_numbers(rule)}")
    return "\n\n".join(parts)


def markdown() -> str:
    """The pages of all rules as one page."""
    pages = [f"## {r.code} {r.name} ({r.level})\n\n{page_markdown(r)}\n" for r in ordered()]
    return "\n".join([_HEAD, *pages])


def _numbers(rule):
    """The names that a threshold may be set for."""
    return ", ".join(rule.numbers) or "none"


def _fenced(code):
    return f"```python\n{code}\n```"


def _flowing(text):
    """Paragraphs on one line each, to be broken where the page is."""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))
