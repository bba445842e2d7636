-- Which processes have told something of themselves, without the bodies: the server's time, each process and when it was
-- heard, then `slot:process` from a slot on, in this order.
-- KEYS: shard sign card slot told
-- ARGV: now:time since:number
local SIGN, SLOT = KEYS[OWN_KEYS + 1], KEYS[OWN_KEYS + 3]
return { now, call('ZRANGE', SIGN, 0, -1, 'WITHSCORES'), call('ZRANGEBYSCORE', SLOT, ARGV[2], '+inf') }
