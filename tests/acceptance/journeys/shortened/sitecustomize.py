"""Put on PYTHONPATH, this makes a script's naps short: the SDK sleeps 5 to 30 seconds between two looks."""

import time

_sleep = time.sleep
time.sleep = lambda seconds: _sleep(min(seconds, 0.2))
