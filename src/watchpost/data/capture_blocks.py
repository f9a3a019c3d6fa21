"""Capture files as blocks of lines, read ahead, with what is common to all who make rows of them."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from watchpost.data.envelopes import CapturedSide
from watchpost.data.lines import LineBlock, line_blocks
from watchpost.data.payloads import Rows, Side, decode_payload
from watchpost.data.quarantine import Quarantine
from watchpost.data.records import RecordError
from watchpost.data.sources import Source
from watchpost.data.uniform import UniformBlock, read_uniform

_AHEAD = 2  # blocks read while the consumer works: one being read, one ready


def capture_blocks(
    sources: Sequence[Source], quarantine: Quarantine, block_bytes: int
) -> Iterator[tuple[LineBlock, UniformBlock | None]]:
    """The blocks in order, the next ones being read on another thread meanwhile (polars lets go of the lock)."""
    waiting: deque[tuple[LineBlock, Future[UniformBlock | None]]] = deque()
    with ThreadPoolExecutor(_AHEAD, thread_name_prefix="capture") as pool:
        for block in line_blocks(sources, quarantine, block_bytes):
            waiting.append((block, pool.submit(read_uniform, block.data, block.count)))
            if len(waiting) > _AHEAD:
                ready, future = waiting.popleft()
                yield ready, future.result()
        while waiting:
            ready, future = waiting.popleft()
            yield ready, future.result()


def set_aside(quarantine: Quarantine, block: LineBlock, index: int, fault: RecordError) -> None:
    """Quarantine the block's line `index`."""
    source, number = block.place(index)
    quarantine.add(source, number, fault.reason, fault.detail, block.lines()[index][:200].decode("utf-8", "replace"))


def decode_side(side: CapturedSide | None, name: Side) -> Rows | None:
    """The rows of one side, None if it was not captured. Raises: RecordError."""
    return None if side is None else decode_payload(side.data, side.encoding, side.observedContentType or "", name)
