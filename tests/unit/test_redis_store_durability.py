"""What a Redis server's settings mean for an accepted job is told in plain words, each risk with its remedy."""

from __future__ import annotations

import pytest

from asyncendpoints.stores.redis_durability import channels, durability, eviction, risks

SAFE = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction", "role": "master"}


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (SAFE, "The server writes it to disk before it is accepted."),
        ({**SAFE, "appendfsync": "everysec"}, "may lose the last two seconds"),
        ({**SAFE, "appendfsync": "no"}, "may lose the last half minute"),
        ({"appendonly": "no", "save": "3600 1"}, "its end loses what came since"),
        ({"appendonly": "no", "save": ""}, "lost when it ends"),
        ({}, "is not known"),
    ],
)
def test_durability_is_a_sentence(facts: dict[str, str], said: str) -> None:
    """Every combination of settings has its sentence."""
    sentence = durability(facts, 0)
    assert said in sentence
    assert sentence[0].isupper()
    assert sentence.endswith(".")


def test_confirmed_submissions_are_told_first() -> None:
    """With `wait_replicas` the sentence says so."""
    assert durability(SAFE, 1).startswith("An accepted job is held by 1 replica too; the server writes")
    assert durability(SAFE, 2).startswith("An accepted job is held by 2 replicas too;")


def test_a_safe_server_has_no_risks() -> None:
    """Nothing is made up."""
    assert risks(SAFE, 0) == []
    assert eviction(SAFE) is None


@pytest.mark.parametrize(
    ("change", "wait_replicas", "what", "remedy"),
    [
        ({"maxmemory-policy": "allkeys-lru"}, 0, "may delete jobs", "noeviction"),
        ({"appendonly": "no"}, 0, "loses accepted jobs", "appendonly to yes"),
        ({"appendfsync": "everysec"}, 0, "two seconds", "appendfsync to always"),
        ({"appendfsync": "no"}, 0, "half a minute", "appendfsync to always"),
        ({"connected_replicas": "1"}, 2, "1 replicas are connected", "lower wait_replicas"),
        ({"role": "slave"}, 0, "takes no writes", "primary"),
    ],
)
def test_each_risk_has_its_remedy(change: dict[str, str], wait_replicas: int, what: str, remedy: str) -> None:
    """What may cost jobs is told with what to do."""
    (risk,) = risks({**SAFE, **change}, wait_replicas)
    assert what in risk.what
    assert remedy in risk.remedy


@pytest.mark.parametrize(
    ("lacking", "what"),
    [
        ({"publish": "refused"}, "refuses PUBLISH to app"),
        ({"subscribe": "refused"}, "refuses SUBSCRIBE to app"),
        ({"publish": "refused", "subscribe": "refused"}, "refuses PUBLISH and SUBSCRIBE to app"),
    ],
)
def test_a_user_without_rights_to_channels_is_told_the_rule(lacking: dict[str, str], what: str) -> None:
    """The remedy is the rule of the access list, as it is typed."""
    (risk,) = risks({**SAFE, "user": "app", "channels": "{default.0}:db0:", **lacking}, 0)
    assert what in risk.what
    assert risk.remedy == "ACL SETUSER app +publish +subscribe +unsubscribe +ping &{default.0}:db0:*"


def test_a_user_with_rights_to_channels_has_nothing_to_fear() -> None:
    """A right that is not known to be refused is no risk."""
    assert channels({**SAFE, "user": "app", "channels": "{default.0}:db0:"}) is None


def test_a_server_that_does_not_say_is_a_risk() -> None:
    """Where CONFIG is forbidden and INFO is silent, that is told, too."""
    (risk,) = risks({"redis_version": "7.0.0"}, 0)
    assert "does not say" in risk.what
