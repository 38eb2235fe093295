"""Reports as tables, Markdown, CSV, HTML and plots."""
