"""A report for code hosts: SARIF 2.1.0, the standard of OASIS."""

import hashlib
import json
import os
import urllib.parse
from pathlib import Path
from typing import Any

from constrainit._text import visible
from constrainit.doctor import _explain
from constrainit.doctor.rendering import _words

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
# So that a document can be put into a web page, whatever a layer is called.
_MARKUP = {"<": r"\u003c", ">": r"\u003e", "&": r"\u0026"}


def sarif(report: Any) -> str:
    """A report as a SARIF document with one run."""
    text = json.dumps(document(report), indent=2, allow_nan=False)
    for sign, escaped in _MARKUP.items():
        text = text.replace(sign, escaped)
    return text


def document(report: Any) -> dict[str, Any]:
    """A report as the object that a SARIF document is."""
    codes = sorted({finding.code for finding in report.findings})
    environment = report.environment
    target = environment.get("target", "")
    driver = {
        "name": "constrainit",
        "version": environment["constrainit"],
        "rules": [_rule(_explain.find(code)) for code in codes],
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": True}],
        "results": [_result(f, codes.index(f.code), target) for f in report.findings],
        "properties": {
            name: environment[name] for name in ("model", "backend", "backend_version", "keras")
        },
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [_sound(run)]}


def _rule(rule):
    page = rule.page()
    return {
        "id": rule.code,
        "name": type(rule).__name__,
        "shortDescription": {"text": page.fact},
        "fullDescription": {"text": page.why},
        "help": {
            "text": f"{page.fact}\n\n{page.why}\n\nUse instead:\n\n{page.instead}",
            "markdown": _explain.page_markdown(rule),
        },
        "defaultConfiguration": {"level": _LEVELS[rule.level]},
    }


def _result(finding, index, target):
    place = _words.place(finding)
    key = "\0".join((finding.code, finding.weight, finding.layer))
    result = {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": _LEVELS[finding.level],
        "message": {"text": _sentence(finding, place)},
        "locations": [_location(finding, place, target)],
        "partialFingerprints": {"finding/v1": hashlib.sha256(key.encode()).hexdigest()},
        "properties": {"stage": finding.stage, "evidence": finding.evidence},
    }
    if finding.cause:
        result["properties"]["cause"] = finding.cause
    if finding.treatment is not None:
        tried = finding.treatment
        result["properties"]["treatment"] = {
            "change": tried.change, "healed": tried.healed, "before": tried.before,
            "after": tried.after, "code": tried.code, "diff": tried.diff,
            "note": tried.note,
        }  # fmt: skip
    return result


def _sentence(finding, place):
    """What is wrong and what mends it; a name in it makes no link and no placeholder."""
    text = f"{place}: {_words.ended(finding.message)} Fix: {_words.ended(finding.fix)}"
    if finding.treatment is not None:
        text += f" Tried: {finding.treatment.change}: {_words.outcome(finding.treatment)}."
    return visible(text).replace("](", "] (").replace("{", "{{").replace("}", "}}")


def _location(finding, place, target):
    """The user's own line where it is known, else the file of the model; and the weight."""
    places = [place, *(_words.place(other) for other in finding.others)]
    location: dict[str, Any] = {
        "logicalLocations": [
            {"fullyQualifiedName": visible(one), "kind": "member"} for one in places
        ]
    }
    if finding.source is not None:
        location["physicalLocation"] = {
            "artifactLocation": {"uri": _uri(finding.source.file)},
            "region": {"startLine": max(finding.source.line, 1)},
        }
    elif target:
        location["physicalLocation"] = {
            "artifactLocation": {"uri": _uri(target)}, "region": {"startLine": 1},
        }  # fmt: skip
    return location


def _uri(file):
    """Relative to the folder that this runs in, as code hosts want it, where it lies in it."""
    path = Path(file).absolute()
    if not path.is_relative_to(Path.cwd()):
        return path.as_uri()
    return urllib.parse.quote(os.fsencode(path.relative_to(Path.cwd()).as_posix()))


def _sound(value):
    """Plain Python that JSON can hold; control characters of a text are written out."""
    if isinstance(value, dict):
        return {_sound(str(name)): _sound(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_sound(item) for item in value]
    if isinstance(value, str):
        return visible(value, keep="\n")
    if value is None or isinstance(value, (bool, int)):
        return value
    return float(value) if abs(value) < float("inf") else str(value)
