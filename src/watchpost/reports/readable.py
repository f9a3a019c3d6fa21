"""A Report that shows itself: on a page, in a notebook, in a terminal."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from watchpost.reports.headline import headline
from watchpost.verdicts import Report

if TYPE_CHECKING:
    from rich.console import RenderableType


# The renderers are imported where they are used: a check in a serving process needs neither jinja2 nor rich.
@dataclass(frozen=True, slots=True, repr=False)
class ReadableReport(Report):
    """A plain Report with ways to look at it; it has the same fields and holds nothing more."""

    @classmethod
    def of(cls, report: Report) -> "ReadableReport":
        """The report, able to show itself. Its parts are shared, not copied."""
        if isinstance(report, cls):
            return report
        return cls(
            monitor=report.monitor,
            compat=report.compat,
            baseline_name=report.baseline_name,
            current_name=report.current_name,
            baseline_rows=report.baseline_rows,
            current_rows=report.current_rows,
            summary=report.summary,
            violations=report.violations,
            features=report.features,
            quarantine=report.quarantine,
            notes=report.notes,
            schema_version=report.schema_version,
            figures=report.figures,
            curves=report.curves,
            next_steps=report.next_steps,
        )

    def to_html(self, path: str | Path | None = None) -> str:
        """The page as text, also written to `path` if given. Raises: OSError when it cannot be written."""
        from watchpost.reports.html import render_html  # noqa: PLC0415 - see above

        page = render_html(self)
        if path is not None:
            Path(path).write_text(page, encoding="utf-8", newline="\n")
        return page

    def to_json(self) -> str:
        """The report as the JSON document that docs/report.schema.json describes."""
        from watchpost.reports.documents import to_json  # noqa: PLC0415 - see above

        return to_json(self).decode()

    def _repr_html_(self) -> str:
        from watchpost.reports.html import render_notebook  # noqa: PLC0415 - see above

        return render_notebook(self)

    def __rich__(self) -> "RenderableType":
        from watchpost.reports.terminal import render_terminal  # noqa: PLC0415 - see above

        return render_terminal(self)

    def __str__(self) -> str:
        return str(headline(self))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.monitor}: {headline(self)}>"
