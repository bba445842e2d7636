"""What an accepted job survives on a Redis server, and what it costs, from what the server says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncendpoints.stores.risk import Risk

if TYPE_CHECKING:
    from collections.abc import Mapping


def durability(facts: Mapping[str, str], wait_replicas: int) -> str:
    """Say what an accepted job survives.

    Args:
        facts: What the server said, by name.
        wait_replicas: How many replicas confirm a submission.
    """
    if wait_replicas:
        noun = "replica" if wait_replicas == 1 else "replicas"
        return f"An accepted job is held by {wait_replicas} {noun} too; {_on_disk(facts)}"
    sentence = _on_disk(facts)
    return sentence[:1].upper() + sentence[1:]


def _on_disk(facts: Mapping[str, str]) -> str:
    appends, syncs = facts.get("appendonly"), facts.get("appendfsync")
    if appends == "yes" and syncs == "always":
        return "the server writes it to disk before it is accepted."
    if appends == "yes" and syncs == "no":
        return "the system writes it to disk when it sees fit: a crash of the machine may lose the last half minute."
    if appends == "yes":
        return "the server writes it to disk within a second: a crash of the machine may lose the last two seconds."
    if facts.get("save"):
        return "jobs live in the server's memory, with a snapshot from time to time: its end loses what came since."
    if appends is None:
        return "whether the server writes jobs to disk is not known, because it does not say."
    return "jobs live in the server's memory and are lost when it ends."


def risks(facts: Mapping[str, str], wait_replicas: int) -> list[Risk]:
    """Return what may cost accepted jobs, the worst first, then what makes them late.

    Args:
        facts: What the server said, by name.
        wait_replicas: How many replicas confirm a submission.
    """
    found = [_eviction(facts), _disk(facts), _replicas(facts, wait_replicas), _role(facts), channels(facts)]
    return [risk for risk in found if risk is not None]


def eviction(facts: Mapping[str, str]) -> str | None:
    """Return the server's eviction policy where it is one that may delete jobs, else None."""
    policy = facts.get("maxmemory-policy")
    return None if policy in {None, "noeviction"} else policy


def channels(facts: Mapping[str, str]) -> Risk | None:
    """Return what comes of it where this user may not tell or hear of jobs, else None."""
    lacking = [command for command in ("publish", "subscribe") if facts.get(command) == "refused"]
    if not lacking:
        return None
    user, pattern = facts.get("user", "the user in the store's URL"), facts.get("channels", "")
    refused = " and ".join(command.upper() for command in lacking)
    return Risk(
        f"The server refuses {refused} to {user} on this store's channels: "
        "jobs are stored and run, but workers and waiting requests find out by asking again, up to seconds later.",
        f"ACL SETUSER {facts.get('user', '<user>')} +publish +subscribe +unsubscribe +ping &{pattern}*",
    )


def _eviction(facts: Mapping[str, str]) -> Risk | None:
    policy = eviction(facts)
    if policy is None:
        return None
    return Risk(
        f"maxmemory-policy is {policy}: when the memory is full, the server may delete jobs.",
        "Set maxmemory-policy to noeviction; submissions are then refused with 503 until there is room.",
    )


def _disk(facts: Mapping[str, str]) -> Risk | None:
    appends, syncs = facts.get("appendonly"), facts.get("appendfsync")
    if appends is None:
        return Risk(
            "The server does not say whether it writes jobs to disk.",
            "See to it that appendonly is yes, or allow CONFIG GET to this user.",
        )
    if appends != "yes":
        return Risk(
            "appendonly is no: the end of the server loses accepted jobs.",
            "Set appendonly to yes, with appendfsync always where no accepted job may be lost.",
        )
    if syncs not in {None, "always"}:
        lost = "up to two seconds" if syncs == "everysec" else "up to half a minute"
        return Risk(
            f"appendfsync is {syncs}: a crash of the machine may lose {lost} of accepted jobs.",
            "Set appendfsync to always, or wait_replicas in the store's URL, where that is too much.",
        )
    return None


def _replicas(facts: Mapping[str, str], wait_replicas: int) -> Risk | None:
    connected = facts.get("connected_replicas", "")
    if not wait_replicas or not connected.isdigit() or int(connected) >= wait_replicas:
        return None
    return Risk(
        f"wait_replicas is {wait_replicas}, and {connected} replicas are connected: submissions answer 503.",
        "Connect more replicas, or lower wait_replicas in the store's URL.",
    )


def _role(facts: Mapping[str, str]) -> Risk | None:
    if facts.get("role") != "slave":
        return None
    return Risk(
        "The server is a replica, which takes no writes.",
        "Let the store's URL name the primary.",
    )
