"""What the processes of runners use: processor, memory, disk and, where there is one, graphics processor.

Percent as SageMaker's endpoint metrics have it: 100 for each whole core or graphics processor; memory of what a process
may use; disk of the file system the runners live on.
"""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from watchpost.service.endpoints.runner_processes import ProcessFleet, RunnerProcess

_GPU_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Usage:
    """What one process used since the last look, in percent; None: there is no graphics processor, or no answer."""

    instance: str
    cpu: float
    memory: float
    disk: float
    gpu: float | None = None
    gpu_memory: float | None = None


class UsageMeter:
    """Looks at processes from time to time; the processor's share is that since the last look."""

    def __init__(self, folder: Path, nvidia_smi: str | None = shutil.which("nvidia-smi")) -> None:
        self._folder, self._nvidia_smi = folder, nvidia_smi
        self._seen: dict[int, psutil.Process] = {}

    def of(self, fleets: Sequence[ProcessFleet]) -> dict[ProcessFleet, list[Usage]]:
        """The usage of every ready process of some fleets. A process seen for the first time is not in it yet."""
        if not fleets:
            return {}
        disk = _disk(self._folder)
        gpu = self._gpu()
        usage: dict[ProcessFleet, list[Usage]] = {}
        alive: dict[int, psutil.Process] = {}
        for fleet in fleets:
            for process in fleet.processes:
                found = self._looked_at(process, alive)
                if found is not None:
                    cpu, memory = found
                    share = 100 * memory / (fleet.memory_bytes or psutil.virtual_memory().total)
                    usage.setdefault(fleet, []).append(Usage(process.instance, cpu, share, disk, *gpu))
        others = {pid: process for pid, process in self._seen.items() if pid not in alive and process.is_running()}
        self._seen = {**others, **alive}
        return usage

    def _looked_at(self, runner: RunnerProcess, alive: dict[int, psutil.Process]) -> tuple[float, float] | None:
        pid = runner.pid
        if pid is None:
            return None
        try:
            process = self._seen.get(pid)
            if process is None:
                alive[pid] = process = psutil.Process(pid)
                process.cpu_percent()
                return None
            alive[pid] = process
            return process.cpu_percent(), float(process.memory_info().rss)
        except psutil.Error:
            return None  # it ended between two looks

    def _gpu(self) -> tuple[float | None, float | None]:
        """All graphics processors together: (utilization, memory)."""
        if self._nvidia_smi is None:
            return None, None
        asked = "--query-gpu=utilization.gpu,memory.used,memory.total"
        try:
            said = subprocess.run(  # noqa: S603  NVIDIA's own program
                [self._nvidia_smi, asked, "--format=csv,noheader,nounits"],
                capture_output=True,
                text=True,
                check=True,
                timeout=_GPU_SECONDS,
            ).stdout
            rows = [[float(cell) for cell in line.split(",")] for line in said.splitlines() if line.strip()]
            return sum(row[0] for row in rows), sum(100 * row[1] / row[2] for row in rows)
        except (OSError, subprocess.SubprocessError, ValueError, IndexError, ZeroDivisionError):
            return None, None  # a driver that is just being updated must not stop the other figures


def _disk(folder: Path) -> float:
    try:
        return float(psutil.disk_usage(str(folder)).percent)
    except OSError:
        return 0.0
