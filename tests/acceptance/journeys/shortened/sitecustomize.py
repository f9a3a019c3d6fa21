"""Put on PYTHONPATH, this makes a script's naps short: the SDK sleeps 5 to 30 seconds between two looks.

While the SDK shows a job's log it looks at the job itself only every 30 seconds by the clock, which therefore goes on by
what the naps were cut, for the module that waits so and for nobody else.
"""

import sys
import time

_sleep, _time, _cut = time.sleep, time.time, [0.0]


def _nap(seconds: float) -> None:
    short = min(seconds, 0.2)
    _cut[0] += seconds - short
    _sleep(short)


def _told() -> float:
    asks = sys._getframe(1).f_globals.get("__name__")
    return _time() + (_cut[0] if asks == "sagemaker.session" else 0.0)


time.sleep, time.time = _nap, _told
