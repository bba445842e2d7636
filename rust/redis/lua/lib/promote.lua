-- Make jobs queued whose time has come, earliest first over all queues, at most `limit` (CLM-6); returns how many.
-- `scheduled` and `queued` are the states before and after.
-- `queues` are {name, ready key, due key}; a member `first` is the time of the first one due, or nil.
local function find_first(queue)
  local first = call('ZRANGE', queue.due, '0', '0', 'WITHSCORES')
  queue.first = first[2] and tonumber(first[2])
end

local function promote_one(queue, id, bytes, scheduled, queued)
  if not is_record(bytes) then
    -- Whoever claims it finds what is wrong with it. Where it was found says what it is counted as.
    place(queue.ready, 0, id)
    count(scheduled, queue.name, -1)
    count(queued, queue.name, 1)
    return
  end
  local state, flags, attempt, version, _, ready_at, _, priority = read_head(bytes)
  if state ~= scheduled then return end
  flags, version = touch(id, flags, version)
  put(id, head(queued, flags, attempt, version, now, ready_at) .. sub(bytes, 22))
  place(queue.ready, rank(priority, ready_at), id)
  count(state, queue.name, -1)
  count(queued, queue.name, 1)
end

local function promote(queues, limit, scheduled, queued)
  local due = {}
  for _, queue in ipairs(queues) do
    find_first(queue)
    if queue.first and queue.first <= now then
      local found = call('ZRANGEBYSCORE', queue.due, '-inf', digits(now), 'WITHSCORES', 'LIMIT', '0', digits(limit))
      for i = 1, #found, 2 do
        due[#due + 1] = { queue = queue, id = found[i], time = tonumber(found[i + 1]) }
      end
    end
  end
  if #due == 0 then return 0 end
  table.sort(due, function(a, b)
    if a.time ~= b.time then return a.time < b.time end
    return is_before(a.id, b.id)
  end)
  local ids = {}
  for i = 1, math.min(#due, limit) do ids[i] = due[i].id end
  local records = read_jobs(ids)
  for i = 1, #ids do
    displace(due[i].queue.due, ids[i])
    if records[i] then promote_one(due[i].queue, ids[i], records[i], scheduled, queued) end
  end
  write_all()
  for _, queue in ipairs(queues) do find_first(queue) end
  return #ids
end
