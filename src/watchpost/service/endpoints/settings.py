"""Reading the settings of the runners: `runners.toml` in the home folder."""

from pathlib import Path

from watchpost.runners import Settings, read_toml

FILE = "runners.toml"


def read_settings(home: Path) -> Settings:
    """The settings of a home folder; without a file, the defaults: no code is run that the API names.

    Raises: Misconfigured: the file makes no sense.
    """
    path = home / FILE
    return read_toml(path.read_text(encoding="utf-8"), str(path)) if path.exists() else Settings()
