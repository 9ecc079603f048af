"""A report as a page that stands alone, and as a cell of a notebook."""

from pathlib import Path
from typing import Any

from constrainit._text import visible
from constrainit.doctor.rendering import _charts, _view, _words


def page(report: Any) -> str:
    """The whole report as one HTML document: no script, nothing to fetch."""
    return _template("page.html.jinja").render(_shown(report))


def cell(report: Any) -> str:
    """The findings and the layers, as a piece of HTML with styles of its own."""
    return _template("cell.html.jinja").render(_shown(report))


def _template(name):
    import jinja2
    import markupsafe

    def sound(value):
        """Whatever is put into a page: what a reader does not see is written out."""
        made_here = isinstance(value, markupsafe.Markup)
        return value if made_here else visible(str(value), keep="\n")

    environment = jinja2.Environment(
        autoescape=True,
        finalize=sound,
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["sentence"] = lambda text: text[:1].upper() + text[1:]
    return environment.get_template(name)


def _shown(report):
    found, drawn = _view.entries(report), _view.weights(report)
    return {
        "report": report,
        "environment": report.environment,
        "entries": found,
        "blocks": _view.strip(report, found),
        "weights": drawn[: _view.MOST_WEIGHTS],
        "left_out": max(0, len(drawn) - _view.MOST_WEIGHTS),
        "charts": _view.charts(report),
        "level": _words.worst(report.findings),
        "words": _words,
        "sizes": _charts,
    }
