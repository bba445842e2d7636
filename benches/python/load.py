"""HTTP load: keep-alive connections, each with one request after the other. By wrk where it is installed.

Otherwise by a small client of our own, which knows nothing of HTTP but Content-Length, so that it costs much less than
the server that it measures.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import time
from math import ceil
from pathlib import Path
from typing import Final

CONNECTIONS: Final = 64
CLIENT: Final = "wrk" if shutil.which("wrk") else "our own client"
SCRIPT: Final = Path(__file__).with_name("wrk.lua")
LENGTH: Final = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
BODY: Final = b'{"title": "Autumn", "pages": 5}'


class Client(asyncio.Protocol):
    """One connection: sends a request, reads the answer, sends the next until it is told to stop."""

    def __init__(self, path: str, prefix: str) -> None:
        self.path = path
        self.prefix = prefix
        self.answers = 0
        self.errors = 0
        self.latencies: list[float] = []
        self.stopped = False
        self._buffer = b""
        self._sent = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def _send(self) -> None:
        assert self._transport is not None
        self._sent = time.perf_counter()
        self._transport.write(
            b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Idempotency-Key: %s-%d\r\nContent-Length: %d\r\n\r\n%s"
            % (self.path.encode(), self.prefix.encode(), self.answers, len(BODY), BODY)
        )

    def data_received(self, data: bytes) -> None:
        """Count a complete answer, and send the next request."""
        self._buffer += data
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        found = LENGTH.search(head)
        if not separator or found is None or len(rest) < int(found.group(1)):
            return
        self._buffer = b""
        self.answers += 1
        self.errors += not head.startswith(b"HTTP/1.1 202")
        self.latencies.append(time.perf_counter() - self._sent)
        if not self.stopped:
            self._send()


async def load(port: int, path: str, seconds: float, prefix: str) -> dict[str, float]:
    """Send requests for so many seconds; return their count and rate, the 99th percentile in ms, and the errors."""
    loop = asyncio.get_running_loop()
    clients = [Client(path, f"{prefix}-{number}") for number in range(CONNECTIONS)]
    transports = [(await loop.create_connection(lambda c=client: c, "127.0.0.1", port))[0] for client in clients]
    begun = time.perf_counter()
    await asyncio.sleep(seconds)
    elapsed = time.perf_counter() - begun
    answers = sum(client.answers for client in clients)
    for client, transport in zip(clients, transports, strict=True):
        client.stopped = True
        transport.close()
    latencies = sorted(latency for client in clients for latency in client.latencies)
    return {
        "answers": answers,
        "rate": answers / elapsed,
        "p99": 1000 * latencies[int(len(latencies) * 0.99)],
        "errors": sum(client.errors for client in clients),
    }


def run(port: int, path: str, seconds: float, prefix: str) -> dict[str, float]:
    """Do the same in a process of its own.

    Raises:
        RuntimeError: An answer was not a 202.
    """
    answer = _by_wrk(port, path, seconds, prefix) if CLIENT == "wrk" else _by_ourselves(port, path, seconds, prefix)
    if answer["errors"]:
        raise RuntimeError(f"{path}: {answer['errors']:.0f} answers were not a 202")
    return answer


def _by_ourselves(port: int, path: str, seconds: float, prefix: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benches.python.load", str(port), path, str(seconds), prefix]
    answer: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return answer


def _by_wrk(port: int, path: str, seconds: float, prefix: str) -> dict[str, float]:
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{ceil(seconds)}s", "--latency", "-s", str(SCRIPT)]
    command.append(f"http://127.0.0.1:{port}{path}")
    environment = {**os.environ, "KEYS": prefix}
    said = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    latency = _found(r"99%\s+([\d.]+)(us|ms|s)", said)
    errors = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    lost = re.search(r"Socket errors: (.*)", said)
    return {
        "answers": float(_found(r"(\d+) requests in", said)[1]),
        "rate": float(_found(r"Requests/sec:\s+([\d.]+)", said)[1]),
        "p99": float(latency[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[latency[2]],
        "errors": float(errors[1]) if errors else float(sum(map(int, re.findall(r"\d+", lost[1])))) if lost else 0.0,
    }


def _found(pattern: str, said: str) -> re.Match[str]:
    found = re.search(pattern, said)
    if found is None:
        raise RuntimeError(f"wrk did not say what was expected:\n{said}")
    return found


if __name__ == "__main__":
    print(json.dumps(asyncio.run(load(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), sys.argv[4]))))
