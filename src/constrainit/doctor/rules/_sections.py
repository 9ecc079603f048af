"""The docstring of a rule, taken apart into the sections of its page."""

import inspect
import re
import textwrap
from dataclasses import dataclass

_HEADINGS = {
    "Example": "example",
    "Use instead": "instead",
    "Known limits": "limits",
    "Source": "source",
}


@dataclass(frozen=True)
class Page:
    """What is to be known about a rule.

    Attributes:
        fact: What the rule finds, in one sentence.
        why: Why it matters, in paragraphs.
        example: Python code that has the fault.
        instead: Python code in place of it that has not.
        limits: What the rule does not see, or sees where there is no harm.
        source: Where the rule and its thresholds come from.
    """

    fact: str
    why: str
    example: str
    instead: str
    limits: str
    source: str


def page_of(rule: type) -> Page:
    """The page that the docstring of a rule holds; sections that it lacks are empty."""
    head, *rest = re.split(
        rf"^({'|'.join(_HEADINGS)}):$", inspect.cleandoc(rule.__doc__ or ""), flags=re.MULTILINE
    )
    fact, _, why = head.partition("\n")
    sections = dict.fromkeys(_HEADINGS.values(), "")
    for heading, body in zip(rest[::2], rest[1::2], strict=True):
        sections[_HEADINGS[heading]] = textwrap.dedent(body.strip("\n")).rstrip()
    return Page(fact.strip(), why.strip(), **sections)
