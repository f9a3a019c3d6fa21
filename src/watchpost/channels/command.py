"""A local command that only the server's owner can configure, never the API (an extension of SNS).

A subscription names it; `channels.toml` says what it runs. It gets the message on its standard input.
"""

import os
import signal
import subprocess
from tempfile import TemporaryFile

from watchpost.channels._channel import Channel, Failed, Parcel, Sent
from watchpost.channels._settings import Settings
from watchpost.errors import Refused

_SAID = 500


def check(_protocol: str, endpoint: str, settings: Settings) -> None:
    """Raise Refused unless the owner configured a command of that name."""
    if endpoint not in settings.command:
        raise Refused(
            "InvalidParameterException",
            f"Invalid parameter: Endpoint Reason: no command {endpoint!r} is configured. Only the server's owner can "
            f"add one, as [command.{endpoint}] in channels.toml in its home folder",
        )


def send(parcel: Parcel, settings: Settings) -> Sent | Failed:
    """Run it without a shell, the body on its standard input; an exit status but 0 or a time-out may pass."""
    command = settings.command.get(parcel.endpoint)
    if command is None:
        return Failed(f"no command {parcel.endpoint!r} is configured in channels.toml", lasting=True)
    with TemporaryFile() as errors:
        try:
            process = subprocess.Popen(  # noqa: S603  the owner wrote it, and no part of it comes from a message
                command.argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                # A group of its own, so that what it started can be stopped with it.
                start_new_session=True,
            )
        except OSError as problem:
            return Failed(f"command {parcel.endpoint!r} cannot be run: {problem}", lasting=True)
        try:
            process.communicate(parcel.body.encode(), timeout=command.timeout_seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return Failed(f"command {parcel.endpoint!r} ran longer than {command.timeout_seconds:g} s and was stopped")
        if process.returncode == 0:
            return Sent("exit 0")
        errors.seek(0)
        said = errors.read(_SAID).decode(errors="replace").strip()
    return Failed(f"command {parcel.endpoint!r} ended with {process.returncode}" + (f": {said}" if said else ""))


plugin = Channel(protocols=("command",), people=frozenset(), confirmed=frozenset({"command"}), check=check, send=send)
