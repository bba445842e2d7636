"""`asyncendpoints doctor` and `fsck` tell what a store does for accepted jobs, and whether it is sound."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import valkey

from asyncendpoints import cli
from asyncendpoints._core import NewJob, new_job_id
from asyncendpoints.doctor import Check, _checked, check, diagnose
from asyncendpoints.stores.memory import MemoryStore
from asyncendpoints.stores.redis import RedisStore
from tests.support.redis_server import RedisServer, free_port
from tests.support.redis_stores import RedisStores

APPLICATION = """
from asyncendpoints import AsyncEndpoints
jobs = AsyncEndpoints({url!r})
"""


def application(folder: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"examined_{new_job_id().replace('-', '_')}"
    (folder / f"{name}.py").write_text(APPLICATION.format(url=url))
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    return f"{name}:jobs"


def test_a_safe_server_is_told_to_be_without_risks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server that writes every job to disk before it answers has no risks: exit code 0."""
    with RedisServer() as server:
        with server.client() as client:
            client.config_set("appendonly", "yes")
            client.config_set("appendfsync", "always")
            client.config_set("maxmemory-policy", "noeviction")
        code = cli.main(["doctor", application(tmp_path, server.url(), monkeypatch)])
    told = capsys.readouterr().out
    assert code == 0, told
    assert "The redis store answers (" in told
    assert "Durability: The server writes it to disk before it is accepted." in told
    assert told.endswith("No risks were found.\n")


def test_each_risk_is_told_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server that may lose jobs is told to: exit code 4, for people and for programs."""
    with RedisServer() as server:
        with server.client() as client:
            client.config_set("appendonly", "no")
            client.config_set("save", "")
            client.config_set("maxmemory-policy", "allkeys-lru")
        target = application(tmp_path, server.url(), monkeypatch)
        codes = cli.main(["doctor", target]), cli.main(["doctor", target, "--json"])
    told, _, document = capsys.readouterr().out.partition("{")
    assert codes == (4, 4)
    assert "Risk: maxmemory-policy is allkeys-lru" in told
    assert "      Set maxmemory-policy to noeviction" in told
    found: dict[str, Any] = json.loads("{" + document)
    assert (found["store"], found["reachable"], found["shared"]) == ("redis", True, True)
    assert len(found["risks"]) == 2
    assert all(risk["what"] and risk["remedy"] for risk in found["risks"])


@pytest.mark.parametrize("command", ["doctor", "fsck"])
def test_a_store_that_does_not_answer_is_told(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where no server is, the exit code is 1, and the password stays unsaid."""
    url = f"redis://:hush@127.0.0.1:{free_port()}?timeout=0.2"
    target = application(tmp_path, url, monkeypatch)
    assert cli.main([command, target]) == 1
    assert cli.main([command, target, "--json"]) == 1
    told = capsys.readouterr().out
    assert "does not answer" in told
    assert '"reachable": false' in told
    assert "hush" not in told


async def test_a_memory_store_has_little_to_examine() -> None:
    """The memory store is there, is the process's own, and has nothing to check."""
    found = await diagnose(MemoryStore())
    assert (found.exit_code, found.shared, found.risks, found.version) == (0, False, [], None)
    assert found.durability is not None
    assert (await check(MemoryStore())).exit_code == 0


@pytest.mark.parametrize(("count", "told"), [(1, "1 thing does not fit"), (2, "2 things do not fit")])
def test_findings_are_counted_in_words(count: int, told: str) -> None:
    """One thing does not fit, two things do not."""
    found = Check(store="redis", checkable=True, findings=["something is amiss"] * count)
    assert _checked(found).startswith(f"{told} in the redis store:\n")


async def test_a_sound_store_has_no_findings_and_damage_is_found(redis_stores: RedisStores, redis_url: str) -> None:
    """An index entry without its job, as somebody else's DEL leaves it, is found: exit code 4."""
    store = redis_stores.make()
    await store.open()
    job = NewJob(job_id=new_job_id(), handler="work")
    await store.enqueue([job])
    assert (await check(RedisStore(redis_url, namespace=store.namespace))).findings == []
    with valkey.Valkey.from_url(redis_url) as client:
        ready = f"{{{store.namespace}.0}}:ready:default"
        client.zadd(ready, {bytes(range(16)): 1})
        found = await check(RedisStore(redis_url, namespace=store.namespace))
        client.zrem(ready, bytes(range(16)))
    assert found.exit_code == 4
    assert len(found.findings) >= 1
    await store.close()
