"""A Report, rendered for people.

```
words        what every check and figure means in plain words, and what to do next
headline     the verdict of a report in one sentence, and of each column in one tag
typography   how numbers and names look
plots        a feature's picture as SVG
figures      how the figures of a model are counted, grouped and said
figure_plots a figure with its interval, and curves, as SVG
figure_tables the figures and curves of the page
html         the page: one file that opens offline; and the same in a notebook
terminal     the report for a terminal
documents    report.json and its schema
readable     ReadableReport, a Report that shows itself
```

Importing this chapter loads neither jinja2 nor rich; each renderer does when it is used.
"""

from watchpost.reports.readable import ReadableReport

__all__ = ["ReadableReport"]
