-- The earliest time at which there is something to do: a job of these queues due, a lease past, a result or a record to
-- go; false where there is nothing.
-- KEYS: shard (ready due)*
-- ARGV: now:time
local earliest = false

local function consider(key, later)
  local first = call('ZRANGE', key, 0, 0, 'WITHSCORES')
  if not first[2] then return end
  local time = tonumber(first[2]) + later
  if not earliest or time < earliest then earliest = time end
end

-- A lease is past when its end is, not when it is reached.
consider(LEASE, 1)
consider(STRIP, 0)
consider(DONE, 0)
for i = OWN_KEYS + 2, #KEYS, 2 do consider(KEYS[i], 0) end
return earliest
