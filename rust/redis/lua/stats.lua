-- How many jobs are in each state of each queue, since when the one waits in each of the given queues that has waited
-- longest, or false, and which queues are paused. A scheduled job whose time has come waits too: nobody has claimed since then.
-- KEYS: shard (ready due)*
-- ARGV: now:time
local STEP = 4398046511104

-- Only the first of each priority is looked at: of a rank, what is above the time is the priority.
local function oldest_ready(key)
  local oldest
  local first = call('ZRANGE', key, 0, 0, 'WITHSCORES')
  while first[2] do
    local above = math.floor(tonumber(first[2]) / STEP)
    local time = tonumber(first[2]) - above * STEP
    if not oldest or time < oldest then oldest = time end
    first = call('ZRANGEBYSCORE', key, (above + 1) * STEP, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  end
  return oldest
end

local ages = {}
for i = OWN_KEYS + 1, #KEYS, 2 do
  local oldest = oldest_ready(KEYS[i])
  local due = call('ZRANGE', KEYS[i + 1], 0, 0, 'WITHSCORES')
  local time = due[2] and tonumber(due[2])
  if time and time <= now and (not oldest or time < oldest) then oldest = time end
  ages[#ages + 1] = oldest or false
end

local paused = {}
for _, field in ipairs(call('HKEYS', CTL)) do
  if sub(field, 1, 7) == 'paused:' then paused[#paused + 1] = sub(field, 8) end
end
return { call('HGETALL', STAT), ages, paused }
