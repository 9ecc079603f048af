"""A report as a page, a cell of a notebook, Markdown and SARIF."""
