-- Write what is fixed for the namespace where nothing is yet; returns what is.
-- KEYS: shard meta
-- ARGV: now:time format:text shards:text
local META = KEYS[OWN_KEYS + 1]
call('HSETNX', META, 'format', ARGV[2])
call('HSETNX', META, 'shards', ARGV[3])
return call('HMGET', META, 'format', 'shards')
