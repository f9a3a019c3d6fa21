"""The peer of alarm evaluation: Prometheus with one alerting rule a series, timed by its own metric."""

import re
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

INTERVAL_SECONDS, CYCLES = 5, 8
_DURATION = re.compile(r"^prometheus_rule_group_last_duration_seconds\{[^}]*\} (\S+)$", re.MULTILINE)
_RULES = re.compile(r"^prometheus_rule_evaluations_total\{[^}]*\} (\S+)$", re.MULTILINE)


def seconds_of_a_cycle(rules: int, for_seconds: int, limit: float) -> float | None:
    """Median over some cycles of what Prometheus says a cycle of so many rules took it; None: it is not installed."""
    program = shutil.which("prometheus")
    if program is None:
        return None
    target = _target("".join(f'latency{{endpoint="endpoint-{i}"}} {i % 90}\n' for i in range(rules)).encode())
    with tempfile.TemporaryDirectory(prefix="watchpost-bench-") as name, socket.create_server(("127.0.0.1", 0)) as free:
        folder, port = Path(name), free.getsockname()[1]
        free.close()
        (folder / "prometheus.yml").write_text(
            f"global: {{scrape_interval: {INTERVAL_SECONDS}s, evaluation_interval: {INTERVAL_SECONDS}s}}\n"
            "rule_files: [rules.yml]\n"
            "scrape_configs:\n"
            f"  - {{job_name: bench, static_configs: [{{targets: ['127.0.0.1:{target.server_port}']}}]}}\n"
        )
        (folder / "rules.yml").write_text(
            "groups: [{name: bench, rules: [\n"
            + ",\n".join(
                f"{{alert: latency-{i}, expr: 'latency{{endpoint=\"endpoint-{i}\"}} > {limit}', for: {for_seconds}s}}"
                for i in range(rules)
            )
            + "]}]\n"
        )
        command = [program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
        process = subprocess.Popen(
            [*command, f"--web.listen-address=127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            return _measured(f"http://127.0.0.1:{port}/metrics", rules)
        finally:
            process.kill()
            process.wait()
            target.shutdown()


def _measured(url: str, rules: int) -> float:
    """Once two cycles are over, the duration of some more."""
    seconds: list[float] = []
    for _ in range(4 * CYCLES):
        time.sleep(INTERVAL_SECONDS)
        try:
            with urllib.request.urlopen(url) as answer:
                page = answer.read().decode()
        except urllib.error.URLError:
            continue
        done, took = _RULES.search(page), _DURATION.search(page)
        if done and took and float(done[1]) >= 2 * rules:
            seconds.append(float(took[1]))
        if len(seconds) == CYCLES:
            break
    return statistics.median(seconds)


def _target(body: bytes) -> ThreadingHTTPServer:
    class Series(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Series)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
