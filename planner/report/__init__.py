"""A plan as tables, text, Markdown, HTML and JSON; adds nothing it was not told."""
