-- Read the counters, and what there is to count: jobs, runs, ended and failed ones, chunks in both places, and for each of
-- the given queues those that are ready and due.
-- KEYS: shard (ready due)*
-- ARGV: now:time
local waiting = {}
for i = OWN_KEYS + 1, #KEYS do waiting[#waiting + 1] = call('ZCARD', KEYS[i]) end
return {
  call('HGETALL', STAT), call('HLEN', JOB), call('ZCARD', LEASE), call('ZCARD', DONE), call('ZCARD', DEAD),
  call('HLEN', LIST) + call('EXISTS', TAIL), call('ZCARD', CHUNKS), waiting,
}
