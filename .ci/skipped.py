"""Fail when a test was skipped that should have run: `python skipped.py tests.xml` reads pytest's JUnit file.

A skip is right only for a reason in ALLOWED, and only while the thing the reason names is truly absent.
"""

import re
import sys
from pathlib import Path
from shutil import which
from subprocess import run
from xml.etree import ElementTree as ET


def mountable() -> bool:
    """Whether this user may mount a volume in a namespace of its own."""
    options = (["--mount"], ["--map-root-user", "--mount"])
    tried = (run(["unshare", *each, "true"], capture_output=True, check=False) for each in options)  # noqa: S603, S607
    return bool(which("unshare")) and any(done.returncode == 0 for done in tried)


ROOT = Path(__file__).resolve().parents[1]
# Pattern of the reason -> whether it may be given on this machine.
ALLOWED = {
    r"real data not at hand": not (ROOT.parent / "shared").is_dir(),
    r"mounting a volume is not permitted": not mountable(),
    r"only on (Windows|macOS)": sys.platform == "linux",
}


def main(path: str) -> int:
    """Print every skip that was not due; 1 if there was one, or if no test ran at all."""
    cases = list(ET.parse(path).iter("testcase"))  # noqa: S314
    skips = [
        (f"{case.get('classname')}::{case.get('name')}", skip.get("message") or "")
        for case in cases
        for skip in case.findall("skipped")
        if skip.get("type") != "pytest.xfail"
    ]
    undue = [s for s in skips if not any(allowed and re.search(reason, s[1]) for reason, allowed in ALLOWED.items())]
    for name, reason in undue:
        print(f"skipped, but should have run: {name}: {reason}")  # noqa: T201
    if len(cases) == len(skips):
        print("no test ran")  # noqa: T201
        return 1
    return 1 if undue else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
