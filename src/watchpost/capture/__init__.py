"""Capture: what an endpoint is asked and answers, sampled and written beside the request, never in its way.

| module | what it holds |
|---|---|
| `config` | CaptureConfig: which sides, how they are encoded, sampling, redaction, bounds |
| `sampling` | Sampling: a percentage or rules, by hash of the id; inclusion probabilities |
| `fields` | fields of CSV and JSON payloads by name or place |
| `redaction` | replacing fields by nothing or by a keyed hash |
| `record` | CapturedCall, and the line of a capture file made from it (contract 1.2) |
| `slices` | the lines of many calls at once |
| `batches` | lines gathered by the hour of their invocation, under the name of the file they become |
| `destinations` | a folder, an S3 bucket, or any callable that puts objects |
| `spool`, `delivery` | what could not be written is kept within a bound, and tried again |
| `predecessors` | marker files: what writers that ended by surprise left behind and lost |
| `counters` | what became of every request, as a value and as Prometheus text |
| `collector` | the work of the background thread: lines, files, and the account of all |
| `states` | the folder of markers and spools |
| `writer` | CaptureWriter: bounded queue, one background thread |
| `exchange` | one request and its answer as they pass |
| `asgi`, `wsgi`, `function` | the middlewares, and the decorator of a predict function |
"""

from watchpost.capture.asgi import ASGICapture
from watchpost.capture.config import CaptureConfig
from watchpost.capture.counters import Counters, prometheus_text
from watchpost.capture.destinations import Destination, Folder, PutObjects, S3Objects
from watchpost.capture.function import capture_predictions
from watchpost.capture.record import CapturedCall
from watchpost.capture.sampling import Sampling, inclusion_probability
from watchpost.capture.writer import CaptureWriter
from watchpost.capture.wsgi import WSGICapture

__all__ = [
    "ASGICapture",
    "CaptureConfig",
    "CaptureWriter",
    "CapturedCall",
    "Counters",
    "Destination",
    "Folder",
    "PutObjects",
    "S3Objects",
    "Sampling",
    "WSGICapture",
    "capture_predictions",
    "inclusion_probability",
    "prometheus_text",
]
