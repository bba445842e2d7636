-- The keys that every script gets first, in the order of SHARD_KEYS.
local JOB, LEASE, DONE, STRIP, DEAD, IDEM = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local ONCE, STAT, LIST, CHUNKS, CTL = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11]
-- What follows them is each script's own.
local OWN_KEYS = 11

local call, pack, unpack_bytes = redis.call, struct.pack, struct.unpack
local byte, sub, char = string.byte, string.sub, string.char
local band, bor, bnot = bit.band, bit.bor, bit.bnot

-- The name of a channel or key of this shard.
local function named(name)
  return sub(JOB, 1, -4) .. name
end
