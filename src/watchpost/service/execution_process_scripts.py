"""Users' pre- and postprocessing scripts (contract 10.3, 10.4), run unchanged in the execution's own process."""

import builtins
import io
import logging
import os
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec

from watchpost.data.envelopes import CapturedSide
from watchpost.data.preprocessing import Handler, ScriptFailed
from watchpost.data.quarantine import Quarantine
from watchpost.data.lines import line_blocks
from watchpost.data.sources import Source
from watchpost.service.execution_process_spec import CONTAINER
