-- Stop or resume claims from a queue; claimers hear of what waits in a resumed one.
-- KEYS: shard ready due
-- ARGV: now:time queue:name paused:flag
local queue, READY, DUE = ARGV[2], KEYS[OWN_KEYS + 1], KEYS[OWN_KEYS + 2]
if ARGV[3] == '1' then
  call('HSET', CTL, 'paused:' .. queue, 1)
elseif call('HDEL', CTL, 'paused:' .. queue) == 1 and call('EXISTS', READY, DUE) > 0 then
  wake(queue)
end
return 'done'
