"""What processes tell of themselves, and how it goes: REP-1, REP-2 and RTN-1; and which queues are paused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncendpoints.stores.base import HISTORY_SLOTS, SIGN_KEPT_MS, SLOT_MS, Report, Sign
from asyncendpoints.testing.conformance.rule import holds, rule, same

if TYPE_CHECKING:
    from asyncendpoints.stores.base import Reports
    from asyncendpoints.testing.conformance.subject import Subject

LARGE = 16_384
"""How many bytes a card or a history may have: stores are tried with so many."""
NAMES = ("A", "B-1", "_", "a", "a.", "a.b", "b-1", "web-1.example.com.4711", "z" * 64, "0", "-", ".")
"""Names of processes, which differ by case and by what an order of words passes over."""
BODIES = (
    b"",
    b"{}",
    b"\x00",
    b"it's \"quoted\" \\ % _ $1 ?'; DROP TABLE reports; --",
    b"\xff\xfe\x80 not UTF-8 \xed\xa0\x80",
    bytes(range(256)) * (LARGE // 256),
    "\U0001f600 \u2028\u0000".encode(),
)


async def _tell(
    on: Subject, process: str, card: bytes | None = b"{}", history: bytes | None = None, slot: int | None = None
) -> int:
    here = on.now // SLOT_MS if slot is None else slot
    return await on.store.report(Report(process=process, card=card, slot=here, history=history), now=on.now)


async def _told(on: Subject, since: int = 0) -> Reports:
    return await on.store.reports(since=since, now=on.now)


@rule()
async def rep_1_a_report_is_kept_as_it_was_told(on: Subject) -> None:
    """REP-1: Cards and histories come back as they were told, to the byte, with the time of the store."""
    for number, body in enumerate(BODIES):
        process = f"process-{number}"
        same("the time of the answer", await _tell(on, process, body, body), on.now)
        told = await _told(on)
        same("the time of the reading", told.now, on.now)
        same(f"the sign of {process}", told.signs[-1], Sign(process, body, on.now))
        same(f"the history of {process}", told.history[-1], (on.now // SLOT_MS, process, body))
        on.advance(1)
    same("signs in all", [sign.card for sign in (await _told(on)).signs], list(BODIES))


@rule()
async def rep_1_signs_and_history_are_in_order(on: Subject) -> None:
    """REP-1: Signs are ordered by the bytes of the name, history by slot and then by name."""
    slot = on.now // SLOT_MS
    for name in NAMES:
        await _tell(on, name, name.encode(), b"second", slot)
        await _tell(on, name, name.encode(), b"first", slot - 1)
    told = await _told(on)
    ordered = sorted(NAMES)
    same("signs", [(sign.process, sign.card) for sign in told.signs], [(name, name.encode()) for name in ordered])
    expected = [(slot - 1, name, b"first") for name in ordered] + [(slot, name, b"second") for name in ordered]
    same("history", told.history, expected)


@rule()
async def rep_1_a_sign_is_of_the_stores_time(on: Subject) -> None:
    """REP-1: Without being told a time, a store stamps signs and answers with its own clock."""
    report = Report(process="web", card=b"{}", slot=1, history=None)
    first = await on.store.report(report)
    told = await on.store.reports(since=0)
    same("the sign", told.signs, [Sign("web", b"{}", first)])
    holds("time does not stand before the report", told.now >= first)
    holds("a later report is not earlier", await on.store.report(report) >= first)


@rule()
async def rep_1_history_is_read_from_a_slot_on(on: Subject) -> None:
    """REP-1: `since` leaves out the slots before it, and no sign of life."""
    here = on.now // SLOT_MS
    for slot in (here - 2, here - 1, here):
        await _tell(on, "web", history=b"%d" % slot, slot=slot)
    for since, slots in ((0, 3), (here - 2, 3), (here - 1, 2), (here, 1), (here + 1, 0)):
        told = await _told(on, since)
        expected = [(slot, "web", b"%d" % slot) for slot in (here - 2, here - 1, here)][3 - slots :]
        same(f"history since {since - here}", told.history, expected)
        same("signs", len(told.signs), 1)


@rule()
async def rep_2_a_later_report_takes_the_place_of_an_earlier_one(on: Subject) -> None:
    """REP-2: Of a process there is one card, and for each slot one history: those that it told last."""
    here = on.now // SLOT_MS
    await _tell(on, "web", b"old", b"1", here - 1)
    await _tell(on, "worker", b"other", b"2", here)
    on.advance(10)
    await _tell(on, "web", b"new", b"3", here)
    await _tell(on, "web", b"new", b"4", here)
    told = await _told(on)
    same("signs", told.signs, [Sign("web", b"new", on.now), Sign("worker", b"other", on.now - 10)])
    same("history", told.history, [(here - 1, "web", b"1"), (here, "web", b"4"), (here, "worker", b"2")])


@rule()
async def rep_2_a_report_told_twice_counts_once(on: Subject) -> None:
    """REP-2: A report that is repeated, because its answer was lost, changes nothing but the time of the sign."""
    await _tell(on, "web", b"card", b"counts")
    before = await _told(on)
    same("the same again", (await _tell(on, "web", b"card", b"counts"), await _told(on)), (on.now, before))


@rule()
async def rep_2_what_a_report_leaves_out_stays(on: Subject) -> None:
    """REP-2: A report without history changes no history."""
    await _tell(on, "web", b"card", b"counts")
    await _tell(on, "web", b"card 2", None)
    told = await _told(on)
    same("history", [body for _, _, body in told.history], [b"counts"])
    same("card", [sign.card for sign in told.signs], [b"card 2"])


@rule()
async def rep_2_a_process_that_ends_has_no_sign_and_keeps_its_history(on: Subject) -> None:
    """REP-2: With a report without a card the sign of life goes, also when it is repeated; history stays."""
    await _tell(on, "web", b"card", b"1")
    await _tell(on, "worker", b"card", None)
    for _ in range(2):
        await _tell(on, "web", None, b"2")
        told = await _told(on)
        same("signs", [sign.process for sign in told.signs], ["worker"])
        same("history", [body for _, _, body in told.history], [b"2"])
    await _tell(on, "nobody", None, None)
    await _tell(on, "web", b"again")
    same("signs", [sign.process for sign in (await _told(on)).signs], ["web", "worker"])


@rule()
async def rtn_1_signs_of_processes_that_are_gone_go_with_a_later_report(on: Subject) -> None:
    """RTN-1: A sign goes when nothing was heard for `SIGN_KEPT_MS`, and not before."""
    for number in range(20):
        await _tell(on, f"gone-{number}")
    on.advance(SIGN_KEPT_MS - 1)
    await _tell(on, "web")
    same("signs just before", len((await _told(on)).signs), 21)
    on.advance(1)
    await _tell(on, "web")
    same("signs at the time", [sign.process for sign in (await _told(on)).signs], ["web"])


@rule()
async def rtn_1_history_goes_after_its_day_with_a_later_report(on: Subject) -> None:
    """RTN-1: Of history, `HISTORY_SLOTS` slots with the present one are kept, of whichever process."""
    first = on.now // SLOT_MS
    for slot in range(first, first + 4):
        await _tell(on, "web", history=b"w", slot=slot)
        await _tell(on, f"worker-{slot - first}", history=b"x", slot=slot)
        on.advance(SLOT_MS)
    on.advance((first + HISTORY_SLOTS - 1) * SLOT_MS - on.now // SLOT_MS * SLOT_MS)
    await _tell(on, "other")
    same("while the first slot is within them", (await _told(on)).history[0][0], first)
    on.advance(SLOT_MS)
    await _tell(on, "other")
    told = await _told(on)
    same("when the next slot has begun", [slot - first for slot, _, _ in told.history], [1, 1, 2, 2, 3, 3])
    same("read from the first slot on", (await _told(on, first)).history, told.history)
    on.advance(10 * SLOT_MS)
    await _tell(on, "other", None)
    told = await _told(on)
    same("when all is past", (told.signs, told.history), ([], []))


@rule()
async def rtn_1_what_is_too_old_when_it_is_told_does_not_stay(on: Subject) -> None:
    """RTN-1: History of a slot that is too old already is not there behind the next report."""
    here = on.now // SLOT_MS
    await _tell(on, "web", history=b"late", slot=here - HISTORY_SLOTS)
    await _tell(on, "web", history=b"now")
    same("history", (await _told(on)).history, [(here, "web", b"now")])


@rule()
async def clm_5_stats_name_the_paused_queues(on: Subject) -> None:
    """CLM-5: A paused queue is named among the paused ones, also where it has no jobs, until it is resumed."""

    async def paused() -> frozenset[str]:
        return (await on.store.stats(now=on.now)).paused

    same("at first", await paused(), frozenset())
    await on.submit(queue="a")
    await on.store.pause("a", True)
    await on.store.pause("empty", True)
    await on.store.pause("Empty", True)
    same("paused", await paused(), frozenset({"a", "empty", "Empty"}))
    await on.store.pause("a", True)
    await on.store.pause("empty", False)
    await on.store.pause("never", False)
    same("one resumed", await paused(), frozenset({"a", "Empty"}))
    await on.claim(queues=["a", "Empty", "empty"])
    same("after a claim", await paused(), frozenset({"a", "Empty"}))
    await on.store.pause("a", False)
    await on.store.pause("Empty", False)
    same("all resumed", await paused(), frozenset())
    await on.start(queue="b")
    same("with a claim's own notes", await paused(), frozenset())
