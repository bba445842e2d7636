"""Side effects of `once`: EFF-1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncendpoints.errors import StoreRefused
from asyncendpoints.testing.conformance.rule import rule, same
from asyncendpoints.testing.conformance.subject import LEASE_MS
from asyncendpoints.testing.conformance.submit import HOSTILE_TEXTS

if TYPE_CHECKING:
    from asyncendpoints._core import Claim
    from asyncendpoints.testing.conformance.subject import Subject


async def _next_run(on: Subject, claim: Claim) -> Claim:
    await on.settle(claim, "raised")
    on.advance(1_000)
    return await on.take()


@rule()
async def eff_1_a_recorded_effect_is_never_run_again(on: Subject) -> None:
    """EFF-1: What was recorded is answered with its value, to this run and to every later one."""
    claim = await on.start(max_attempts=5)
    same("the first reservation", (await on.reserve(claim)).word, "reserved")
    same("the record", await on.record(claim, value=b'{"sent": 1}'), True)
    same("its holder cannot give it back", await on.record(claim, value=None), False)
    for nonce in ("nonce-1", "nonce-2"):
        answer = await on.reserve(claim, nonce=nonce)
        same("in the same run", (answer.word, answer.value), ("recorded", b'{"sent": 1}'))
    for takeover in (False, True):
        claim = await _next_run(on, claim)
        answer = await on.reserve(claim, nonce=f"later-{takeover}", takeover=takeover)
        same("in a later run", (answer.word, answer.value), ("recorded", b'{"sent": 1}'))
    same("a value cannot be changed", await on.record(claim, nonce="later-True", value=b"2"), False)
    same("or forgotten", await on.record(claim, nonce="later-True", value=None), False)
    same("the value", (await on.reserve(claim, nonce="last")).value, b'{"sent": 1}')


@rule()
async def eff_1_a_reservation_without_a_record_is_uncertain(on: Subject) -> None:
    """EFF-1: An effect reserved and never recorded is uncertain to all but whoever reserved it."""
    claim = await on.start(max_attempts=5)
    await on.reserve(claim, nonce="n-1")
    same("another call of the same run", (await on.reserve(claim, nonce="n-2")).word, "uncertain")
    on.advance(LEASE_MS + 1)
    same("the crash", await on.rescue(), ["queued"])
    second = await on.take()
    same("the next run", (await on.reserve(second, nonce="n-3")).word, "uncertain")
    same("asked again", (await on.reserve(second, nonce="n-3")).word, "uncertain")
    same("a record without a reservation", await on.record(second, nonce="n-3"), False)


@rule()
async def eff_1_an_uncertain_effect_can_be_taken_over(on: Subject) -> None:
    """EFF-1: A caller that chose to run again takes an uncertain reservation over, and then it is its own."""
    claim = await on.start(max_attempts=5)
    await on.reserve(claim, nonce="n-1")
    second = await _next_run(on, claim)
    same("the takeover", (await on.reserve(second, nonce="n-2", takeover=True)).word, "reserved")
    same("its record", await on.record(second, nonce="n-2", value=b"2"), True)
    third = await _next_run(on, second)
    answer = await on.reserve(third, nonce="n-3", takeover=True)
    same("the next run", (answer.word, answer.value), ("recorded", b"2"))


@rule()
async def sub_3_a_repeated_reserve_or_record_answers_as_the_first(on: Subject) -> None:
    """SUB-3: A reserve repeated with its nonce is still reserved, a repeated record still true."""
    claim = await on.start()
    for takeover in (False, True):
        for _ in range(2):
            same("reserve", (await on.reserve(claim, nonce="n", takeover=takeover)).word, "reserved")
    for _ in range(2):
        same("record", await on.record(claim, nonce="n", value=b"1"), True)
    same("the value", (await on.reserve(claim, nonce="other")).value, b"1")
    await on.reserve(claim, "other", nonce="m")
    for _ in range(2):
        same("give back", await on.record(claim, "other", nonce="m", value=None), True)


@rule()
async def eff_1_a_reservation_given_back_can_be_made_again(on: Subject) -> None:
    """EFF-1: A reservation that is given back is as if it had never been, for this run and later ones."""
    claim = await on.start(max_attempts=5)
    await on.reserve(claim, nonce="n-1")
    same("somebody else gives back", await on.record(claim, nonce="n-2", value=None), False)
    same("the holder gives back", await on.record(claim, nonce="n-1", value=None), True)
    same("another call", (await on.reserve(claim, nonce="n-3")).word, "reserved")
    same("its holder gives back", await on.record(claim, nonce="n-3", value=None), True)
    second = await _next_run(on, claim)
    same("a later run", (await on.reserve(second, nonce="n-4")).word, "reserved")


@rule()
async def eff_1_effects_are_told_apart_by_job_and_key(on: Subject) -> None:
    """EFF-1: An effect belongs to its job and its key, whatever characters the key has."""
    one, other = await on.start(), await on.start()
    same("one job", (await on.reserve(one, "key")).word, "reserved")
    same("the other job", (await on.reserve(other, "key")).word, "reserved")
    for number, key in enumerate((*HOSTILE_TEXTS, "KEY", "key ", "ke", "y", "")):
        try:
            answer = await on.reserve(one, key, nonce=f"n-{number}")
        except (ValueError, StoreRefused):
            continue
        same(f"the key {key!r}", answer.word, "reserved")
        value = key.encode()
        same("its record", await on.record(one, key, nonce=f"n-{number}", value=value), True)
        same("its value", (await on.reserve(one, key, nonce="again")).value, value)
    same("an effect never reserved", await on.record(other, "never", value=b"1"), False)


@rule()
async def eff_1_a_redriven_job_sees_the_effects_of_its_origin(on: Subject) -> None:
    """EFF-1: Effects belong to the origin: a job that repeats another finds its effects."""
    first = await on.start(max_attempts=1)
    await on.reserve(first, "mail")
    await on.record(first, "mail", value=b'"sent"')
    await on.reserve(first, "begun")
    await on.settle(first, "raised")
    second = await on.start(redrive_of=first.job_id, origin=first.job_id, max_attempts=1)
    answer = await on.reserve(second, "mail", nonce="m-2")
    same("what was recorded", (answer.word, answer.value), ("recorded", b'"sent"'))
    same("what was begun", (await on.reserve(second, "begun", nonce="b-2")).word, "uncertain")
    same("what is new", (await on.reserve(second, "new", nonce="n-2")).word, "reserved")
    await on.record(second, "new", nonce="n-2", value=b"3")
    await on.settle(second, "raised")
    third = await on.start(redrive_of=second.job_id, origin=first.job_id)
    answer = await on.reserve(third, "new", nonce="n-3")
    same("what the second recorded", (answer.word, answer.value), ("recorded", b"3"))
