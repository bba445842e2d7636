-- The keys that every script gets first, in the order of SHARD_KEYS; behind them, what the shard's channels begin with.
local JOB, LEASE, DONE, STRIP, DEAD, IDEM = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local ONCE, STAT, LIST, CHUNKS, CTL = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11]
local TAIL, CHANNELS = KEYS[12], KEYS[13]
-- What follows them is each script's own.
local OWN_KEYS = 13
