"""Where log lines go: JSON into files in the home folder, readable text to a terminal.

Every part of the server logs events with fields through structlog (`log.info("rule fired", rule=name)`); what is bound
to the context, such as `request_id`, stands in every line of that request. Secrets are never logged.
"""

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TextIO

import structlog

_LARGEST_FILE, _FILES = 20_000_000, 5


class _File(RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  logging's name
        """Lose a line that cannot be written: on a full disk, pages about logging would bury what is wrong."""


class _Terminal(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  logging's name
        """See _File; what stderr leads to may be full as well, or gone."""


def log_into(folder: Path, level: str, terminal: TextIO) -> None:
    """Send the lines of this process to `folder`/server.log and to the terminal's stream.

    Args: level: debug, info, warning or error; what libraries say is kept from warning on. Files are turned over at
    20 MB, five are kept. The stream gets colours when it is a terminal.
    """
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    file = _File(folder / "server.log", maxBytes=_LARGEST_FILE, backupCount=_FILES - 1, encoding="utf-8")
    # A private file: log lines hold names of metrics, topics and subscribers.
    (folder / "server.log").chmod(0o600)
    file.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                # Local variables hold passwords and people's messages: they are never shown.
                structlog.processors.ExceptionRenderer(
                    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
                ),
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    shown = _Terminal(terminal)
    shown.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.dev.ConsoleRenderer(
                    colors=terminal.isatty(), exception_formatter=structlog.dev.plain_traceback
                ),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [file, shown]
    root.setLevel(logging.WARNING)
    logging.getLogger("watchpost").setLevel(level.upper())
