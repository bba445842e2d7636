"""What is taken out of the Lua scripts, one at a time. A text may not go over comments and empty lines."""

from __future__ import annotations

from typing import Final

from tests.mutation.mutants import LUA, Edit, Mutant

SETTLE: Final = LUA + "settle.lua"
CLAIM: Final = LUA + "claim.lua"
ENQUEUE: Final = LUA + "enqueue.lua"
STORE: Final = LUA + "store.lua"
CANCEL: Final = LUA + "cancel.lua"
FENCE: Final = LUA + "lib/fence.lua"
REPORT: Final = LUA + "report.lua"
LIST: Final = LUA + "list.lua"

SCRIPT_MUTANTS: Final = (
    # The fence itself: of renewals, progress and effects, then of settlements.
    Mutant("lua-any-fence-holds", "LSE-2", FENCE, " and unpack_bytes('<I3', bytes, 53) == fence", ""),
    Mutant("lua-an-older-fence-holds", "LSE-2", FENCE, "bytes, 53) == fence", "bytes, 53) >= fence"),
    Mutant("lua-a-run-that-ended-holds", "LSE-2", FENCE, " and byte(bytes, 2) == running", ""),
    Mutant("lua-a-record-that-was-cut-holds", "LSE-2", FENCE, "is_record(bytes) and", "bytes and"),
    Mutant("lua-settle-is-not-fenced", "LSE-2", SETTLE, " or sub(bytes, 53, 55) ~= sub(run, 1, 3) then", " then"),
    Mutant("lua-a-run-that-ended-ends-again", "SET-1", SETTLE, "state == running, queues", "true, queues"),
    Mutant(
        "lua-a-claim-does-not-raise-the-fence", "LSE-1", CLAIM, "life(fence + 1, started_at", "life(fence, started_at"
    ),
    # Leases and rescue.
    Mutant(
        "lua-rescue-does-not-look-at-the-lease",
        "RES-1",
        SETTLE,
        "ending.only_expired and tonumber",
        "false and tonumber",
    ),
    Mutant("lua-a-lease-is-past-at-its-end", "RES-1", SETTLE, "id) or 0) >= now", "id) or 0) > now"),
    Mutant("lua-a-lease-expires-at-its-end", "RES-1", LUA + "expired.lua", "'(%.0f'", "'%.0f'"),
    Mutant("lua-a-renewal-prolongs-nothing", "RES-1", LUA + "renew.lua", "    place(LEASE, lease_until, ids[i])\n", ""),
    Mutant(
        "lua-an-ended-run-keeps-its-lease",
        "RES-1",
        SETTLE,
        "removals[LEASE], additions[DONE] = ended, done",
        "additions[DONE] = done",
    ),
    # Claims.
    Mutant(
        "lua-a-job-is-claimed-before-it-is-due",
        "CLM-3",
        LUA + "lib/promote.lua",
        "queue.first <= now then",
        "queue.first <= now + 1 then",
        Edit(LUA + "lib/promote.lua", "'-inf', digits(now)", "'-inf', digits(now + 1)"),
    ),
    Mutant("lua-promotion-is-not-bounded", "CLM-6", LUA + "lib/promote.lua", "math.min(#due, limit)", "#due"),
    Mutant("lua-a-paused-queue-gives-jobs", "CLM-5", CLAIM, "elseif not only.paused and limit > 0", "elseif limit > 0"),
    Mutant(
        "lua-a-paused-queue-among-others-gives-jobs",
        "CLM-5",
        CLAIM,
        "if not queue.paused and limit > 0",
        "if limit > 0",
    ),
    Mutant("lua-more-jobs-than-slots", "CLM-5", CLAIM, "math.min(#found, limit)", "#found"),
    Mutant("lua-a-lower-priority-comes-first", "CLM-2", LUA + "lib/rank.lua", "(200 - priority)", "priority"),
    Mutant("lua-the-place-is-lost", "CLM-2", SETTLE, "if not verdict.keeps_place then", "if true then"),
    Mutant("lua-the-place-is-kept", "CLM-2", SETTLE, "if not verdict.keeps_place then", "if false then"),
    Mutant(
        "lua-claimers-are-not-told", "CLM-6", LUA + "lib/wake.lua", "if is_idle and not is_paused then", "if false then"
    ),
    Mutant(
        "lua-a-later-job-counts-as-the-earliest",
        "CLM-6",
        LUA + "lib/wake.lua",
        "return due_at < time or",
        "return due_at > time or",
    ),
    # Ends.
    Mutant(
        "lua-a-repeated-settle-is-recognised-by-its-fence-alone", "SUB-3", SETTLE, "nonce == settled_nonce and ", ""
    ),
    Mutant(
        "lua-a-repeated-settle-is-recognised-by-its-nonce-alone", "SUB-3", SETTLE, " and fence == settled_fence", ""
    ),
    Mutant("lua-no-nonce-counts-as-a-nonce", "SUB-3", SETTLE, "nonce ~= NO_NONCE and ", ""),
    Mutant("lua-a-repeated-settle-is-stale", "SUB-3", SETTLE, "    return settled_to\n", "    return 'stale'\n"),
    Mutant("lua-a-release-is-charged", "SET-3", SETTLE, "attempt = attempt - 1", "attempt = attempt + 0"),
    Mutant(
        "lua-attempts-have-no-bound",
        "SET-2",
        CLAIM,
        "head.attempt < byte(bytes, 22) and head.raised or head.kept",
        "head.raised",
    ),
    Mutant(
        "lua-a-failed-job-has-a-result",
        "SET-4",
        SETTLE,
        "verdict.keeps_result and ending.has_result then",
        "ending.has_result then",
    ),
    Mutant("lua-all-released-runs-are-kept", "RTN-1", SETTLE, "if released <= released_kept then", "if true then"),
    # Cancellation.
    Mutant(
        "lua-the-cancel-flag-is-ignored",
        "CAN-1",
        SETTLE,
        "band(flags, CANCEL) == 0 and ending.verdict",
        "true and ending.verdict",
    ),
    Mutant(
        "lua-a-second-cancel-request-counts",
        "CAN-1",
        CANCEL,
        "elseif band(flags, CANCEL) ~= 0 then",
        "elseif false then",
    ),
    Mutant(
        "lua-a-renewal-does-not-tell-of-the-cancel",
        "CAN-2",
        LUA + "renew.lua",
        "CANCEL) ~= 0 and 'cancel_requested' or 'renewed'",
        "CANCEL) ~= 0 and 'renewed' or 'renewed'",
    ),
    Mutant(
        "lua-the-worker-is-not-told-of-the-cancel", "CAN-2", CANCEL, "if to == state then tell(", "if false then tell("
    ),
    Mutant("lua-a-canceled-job-stays-in-its-queue", "CAN-1", CANCEL, "  displace(READY, id)\n", ""),
    # Submissions and keys.
    Mutant(
        "lua-a-repeated-enqueue-makes-a-second-job",
        "SUB-3",
        ENQUEUE,
        "if found[i] or records[id] then",
        "if records[id] and not found[i] then",
    ),
    Mutant("lua-one-call-stores-an-id-twice", "SUB-3", ENQUEUE, "if found[i] or records[id] then", "if found[i] then"),
    Mutant("lua-keys-are-never-found", "IDM-1", ENQUEUE, "elseif holder and records[holder] then", "elseif false then"),
    Mutant("lua-a-key-is-not-kept", "IDM-3", ENQUEUE, "call_with('HSET', IDEM, stored)\n", ""),
    Mutant("lua-two-of-one-call-share-no-key", "IDM-1", ENQUEUE, "    if digest then holders[digest] = id end\n", ""),
    Mutant("lua-a-known-job-is-stored-anew", "SUB-3", STORE, "  if found[i] then return 0 end\n", ""),
    Mutant("lua-many-at-once-pass-max-queued", "SUB-2", STORE, " + number > most then", " >= most then"),
    Mutant("lua-claimers-are-not-told-of-many", "CLM-6", STORE, "wake_marked(queue, marks[4], marks[5])\n", ""),
    Mutant("lua-one-more-than-max-queued", "SUB-2", ENQUEUE, "waiting[queue] >= most", "waiting[queue] > most"),
    # Effects.
    Mutant(
        "lua-a-reservation-belongs-to-everybody",
        "EFF-1",
        LUA + "reserve.lua",
        "holder ~= nonce and not takeover",
        "false and not takeover",
    ),
    Mutant(
        "lua-a-repeated-reserve-is-uncertain",
        "SUB-3",
        LUA + "reserve.lua",
        "holder ~= nonce and not takeover",
        "not takeover",
    ),
    Mutant("lua-an-effect-is-not-taken-over", "EFF-1", LUA + "reserve.lua", " and not takeover then", " then"),
    Mutant(
        "lua-a-recorded-effect-runs-again", "EFF-1", LUA + "reserve.lua", "if value then return", "if false then return"
    ),
    Mutant("lua-anybody-records", "EFF-1", LUA + "record.lua", "if holder ~= nonce then return 0 end\n", ""),
    Mutant(
        "lua-a-recorded-effect-can-be-given-back", "EFF-1", LUA + "record.lua", "if recorded then return 0 end\n", ""
    ),
    # Retention.
    Mutant(
        "lua-prune-comes-early",
        "RTN-1",
        LUA + "remove.lua",
        "tonumber(forgotten_at) <= now",
        "tonumber(forgotten_at) <= now + 1",
    ),
    Mutant(
        "lua-delete-takes-what-has-not-ended",
        "RTN-1",
        LUA + "remove.lua",
        "if not string.find(ended, sub(bytes, 2, 2), 1, true) then return false end",
        "if false then return false end",
    ),
    Mutant(
        "lua-a-key-goes-with-the-result",
        "IDM-4",
        LUA + "lib/ended.lua",
        "if band(flags, KEYED) ~= 0 then",
        "if false then",
    ),
    Mutant(
        "lua-a-pruned-key-stays",
        "RTN-1",
        LUA + "lib/remove.lua",
        "then call('HDEL', IDEM, digest) end",
        "then call('HGET', IDEM, digest) end",
    ),
    # Reports.
    Mutant("lua-the-first-card-stays", "REP-2", REPORT, "call('HSET', CARD,", "call('HSETNX', CARD,"),
    Mutant("lua-the-first-history-stays", "REP-2", REPORT, "call('HSET', TOLD,", "call('HSETNX', TOLD,"),
    Mutant("lua-an-ended-process-keeps-its-sign", "REP-2", REPORT, "  call('ZREM', SIGN, process)\n", ""),
    Mutant("lua-signs-stay", "RTN-1", REPORT, "let_go(SIGN, CARD, now - tonumber(ARGV[8]))", ""),
    Mutant("lua-signs-go-early", "RTN-1", REPORT, "now - tonumber(ARGV[8]))", "now + 1 - tonumber(ARGV[8]))"),
    Mutant("lua-history-goes-early", "RTN-1", REPORT, "- tonumber(ARGV[10]))", "- tonumber(ARGV[10]) + 1)"),
    Mutant("lua-bodies-of-history-stay", "RTN-1", REPORT, "  call('HDEL', bodies, unpack(gone))\n", ""),
    # Listings.
    Mutant(
        "lua-a-clock-set-back-is-not-noted",
        "LST-1",
        LUA + "lib/list.lua",
        "elseif last_time - now > back",
        "elseif false",
    ),
    Mutant("lua-a-listing-begins-too-early", "LST-1", LIST, ">= time end", "> time - 1000000 end"),
    Mutant("lua-a-listing-begins-at-the-newest", "LST-2", LIST, "if before then", "if false then"),
    Mutant("lua-stats-know-no-paused-queues", "CLM-5", LUA + "stats.lua", "== 'paused:' then", "== 'poised:' then"),
)
