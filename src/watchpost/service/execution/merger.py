"""The ground truth merger: capture records with the labels of their events, as files of their own (contract 6.2)."""

from pathlib import Path

import msgspec

from watchpost.errors import InputError
from watchpost.service.execution.data import sources
from watchpost.service.execution.reports import say
from watchpost.service.execution.scripts import labels_of
from watchpost.service.execution.spec import Spec, local


def run_merger(root: Path, spec: Spec) -> str:
    """Write every record that has a label, into the hour folder it came from. Raises: WatchpostError."""
    environment = spec.environment
    captured = sources(root, spec, environment["dataset_source"])
    labels = labels_of(sources(root, spec, environment["ground_truth_source"]))
    if not captured or not labels:
        raise InputError(f"Job inputs had no data: {len(captured)} capture files, {len(labels)} labels.")
    top, output = local(root, environment["dataset_source"]), local(root, environment["output_path"])
    merged = 0
    for number, source in enumerate(captured):
        lines: list[bytes] = []
        with source.open() as stream:
            for line in stream:
                record = _record(line)
                event = msgspec.convert(record.get("eventMetadata") or {}, dict[str, object])
                truth = labels.get(str(event.get("inferenceId") or event.get("eventId")))
                if truth is not None:
                    record["groundTruthData"] = {"data": truth.data, "encoding": truth.encoding}
                    lines.append(msgspec.json.encode(record) + b"\n")
        assert source.path is not None
        folder = output / source.path.parent.relative_to(top)
        if lines:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"part-{number:05}.jsonl").write_bytes(b"".join(lines))
            merged += len(lines)
    say(f"merged {merged} records with their labels")
    return "Completed: Job completed successfully."


def _record(line: bytes) -> dict[str, object]:
    try:
        return msgspec.json.decode(line, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return {}  # what cannot be read has no label either
