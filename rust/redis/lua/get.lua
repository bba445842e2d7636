-- Read one job.
-- KEYS: shard request payload result
-- ARGV: now:time id:id
local id = ARGV[2]
local bytes = call('HGET', JOB, id)
return bytes and view(id, bytes, OWN_KEYS + 1)
