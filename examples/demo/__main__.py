"""Serve the demo until Ctrl-C or SIGTERM: `python -m examples.demo --port 8000`."""

from __future__ import annotations

import argparse
import contextlib
import errno
import signal
import socket
import sys
from typing import TYPE_CHECKING

import uvicorn

from examples.demo.app import FILE, app

if TYPE_CHECKING:
    from collections.abc import Sequence

GREETING = """
The demo is running on {url} and keeps its jobs in {file}.
Ctrl-C ends it. End it as you like, with kill -9 too, and start it again: the jobs go on.

  {url}/ops/            the dashboard: what jobs do, and why
  {url}/docs            every route, to be tried in the browser
  {url}/openapi.json    the same for machines
  {url}/readyz          whether it is ready

Three lines for another terminal:

curl -i --json '{{"title": "Autumn"}}' -H 'Idempotency-Key: report-1' {url}/customers/7/reports
curl -N --json '{{"title": "Winter"}}' -H 'Accept: text/event-stream' {url}/customers/7/reports
curl -s -F file=@examples/csv_profile/sample.csv -H 'Prefer: wait=10' {url}/profiles
"""


class DemoServer(uvicorn.Server):
    """A server that greets once it answers."""

    def __init__(self, config: uvicorn.Config, greeting: str) -> None:
        super().__init__(config)
        self._greeting = greeting

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then print what there is to try."""
        await super().startup(sockets)
        if self.started:
            print(self._greeting, flush=True)


def listen(host: str, port: int) -> socket.socket:
    """Bind the address, so that a taken port is told before anything starts.

    Raises:
        SystemExit: The port is taken.
    """
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        if error.errno != errno.EADDRINUSE:
            raise
        raise SystemExit(f"port {port} is taken; try another one: make demo PORT={port + 1}") from None
    return bound


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop; return 0 after a clean end."""
    parser = argparse.ArgumentParser(prog="python -m examples.demo", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one")
    options = parser.parse_args(arguments)
    bound = listen(options.host, options.port)
    url = f"http://{options.host}:{bound.getsockname()[1]}"
    server = DemoServer(uvicorn.Config(app, log_level="warning"), GREETING.format(url=url, file=FILE))
    # uvicorn raises the signal that stopped it once more when it has ended; here a stop is a clean end.
    signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[bound])
    print("The demo has ended.", flush=True)
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
