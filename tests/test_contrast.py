"""The colours of a report against what is behind them, in light and in dark surroundings."""

import re
from importlib import resources

import pytest

pytestmark = pytest.mark.in_turns(every=4)

# What is written depends on no backend.

TEMPLATES = resources.files("constrainit.doctor.rendering") / "templates"
WORDS, MARKS = ("error", "warning", "info", "fine"), ("start", "after")
NOTEBOOKS = {
    "Jupyter, light": ("#212121", "#ffffff"),
    "VS Code, light": ("#3b3b3b", "#ffffff"),
    "Jupyter, dark": ("#ffffff", "#111111"),
    "VS Code, dark": ("#cccccc", "#1f1f1f"),
}
"""Text and background."""

PAGES = {
    "light": ("#000000", "#ffffff"),
    "dark, of Chrome": ("#ffffff", "#121212"),
    "dark, of Safari": ("#ffffff", "#1e1e1e"),
}


def parsed(colour, text):
    """Red, green and blue of a colour, or of its mixture with that of the text."""
    mixed = re.fullmatch(r"color-mix\(in srgb, (#\w{6}) (\d+)%, currentColor\)", colour)
    if mixed:
        return mix(parsed(mixed[1], text), parsed(text, text), int(mixed[2]) / 100)
    assert re.fullmatch(r"#[0-9a-f]{6}", colour), colour
    return [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]


def mix(one, other, share):
    return [share * a + (1 - share) * b for a, b in zip(one, other, strict=True)]


def contrast(one, other):
    """The ratio of WCAG 2.2, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""

    def luminance(colour):
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in colour]
        return sum(w * v for w, v in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def colours(text):
    return dict(re.findall(r"--(\w+): ([^;]+);", text))


def of_page(dark):
    """The colours of a whole page, where those of the second file count."""
    light, _, rest = (TEMPLATES / "document.css").read_text().partition("@media (prefers-color")
    return {**colours((TEMPLATES / "style.css").read_text()), **colours(rest if dark else light)}


CASES = {
    **{name: (colours((TEMPLATES / "style.css").read_text()), *pair)
       for name, pair in NOTEBOOKS.items()},
    **{f"page, {name}": (of_page("dark" in name), *pair) for name, pair in PAGES.items()},
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_contrast(name):
    """Words at 4.5 to one, on the background and on that of code; marks of figures at 3 to one."""
    held, text, behind = CASES[name]
    plain, ground = parsed(text, text), parsed(behind, text)
    wash = mix(plain, ground, 0.06)
    assert "6%" in held["wash"]
    found = {key: min(contrast(parsed(held[key], text), one) for one in (ground, wash))
             for key in (*WORDS, *MARKS)}  # fmt: skip
    assert not {key: value for key, value in found.items() if value < (4.5 if key in WORDS else 3)}
    assert contrast(mix(plain, ground, 0.8), ground) >= 4.5, "what is quiet"


def test_contrast_of_black_and_white():
    """As in the definition: 21 to one."""
    assert contrast([0, 0, 0], [1, 1, 1]) == pytest.approx(21)
