"""Numbers and names as parts of a sentence."""


def with_article(name: str) -> str:
    """The name of a class with its article."""
    return f"{'an' if name[:1] in 'aeioAEIO' or name == 'ndarray' else 'a'} {name}"


def counted(count: int, what: str, many: str = "") -> str:
    """A number of things, in the singular where it is one."""
    return f"{count} {what if count == 1 else many or f'{what}s'}"


def span(low: float, high: float) -> str:
    """Two ends in three digits, or one number where both read the same."""
    ends = [f"{end:.3g}" for end in (low, high)]
    return " to ".join(dict.fromkeys(ends))
