"""How pages are made, those of reports and those of the server: strict templates, escaped values, one look."""

from collections.abc import Callable, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable

import jinja2

_SHARED = "page.css"


def environment(package: str, filters: Mapping[str, Callable[..., object]]) -> jinja2.Environment:
    """The templates in a package's folder `templates`: whatever they show is escaped, what is not there is an error."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader(package),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= filters
    return made


def style_sheet(own: Traversable) -> str:
    """A style sheet: the colours and rules of all our pages, then those of its own file, which adds to them."""
    return f"{asset(files('watchpost.reports') / 'templates' / _SHARED)}\n{asset(own)}"


def asset(file: Traversable) -> str:
    """The text of a file of ours that goes into pages, with the line ends of any checkout made one."""
    return file.read_text("utf-8").replace("\r\n", "\n").strip()
