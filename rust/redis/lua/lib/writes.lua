-- Gathers writes, so that a script has checked everything before its first one, and makes few calls of many.
local fields, fields_count = {}, 0
local additions, removals, deltas = {}, {}, {}
local told = {}

-- Write a record.
local function put(id, bytes)
  fields[fields_count + 1] = id
  fields[fields_count + 2] = bytes
  fields_count = fields_count + 2
end

-- Add to a sorted set. Most jobs of a call have the score of the one before, and writing a number takes long.
local last_score, last_text
local function place(key, score, id)
  if score ~= last_score then
    last_score, last_text = score, digits(score)
  end
  local list = additions[key]
  if not list then
    additions[key] = { last_text, id }
    return
  end
  local total = #list
  list[total + 1] = last_text
  list[total + 2] = id
end

-- Add many with one score.
local function place_all(key, score, ids)
  local text, list = digits(score), additions[key] or {}
  additions[key] = list
  local total = #list
  for i = 1, #ids do list[total + 2 * i - 1], list[total + 2 * i] = text, ids[i] end
end

-- Remove from a sorted set.
local function displace(key, id)
  local list = removals[key]
  if not list then
    list = {}
    removals[key] = list
  end
  list[#list + 1] = id
end

-- Count jobs into a state of a queue, or out of it.
local function count(state, queue, by)
  local of_state = deltas[state]
  if not of_state then
    of_state = {}
    deltas[state] = of_state
  end
  of_state[queue] = (of_state[queue] or 0) + by
end

-- A job changes visibly: its next version and flags. Whoever waits for that is told once.
local function touch(id, flags, version)
  if band(flags, WATCHED) ~= 0 then
    told[#told + 1] = id
    flags = flags - WATCHED
  end
  return flags, version + 1
end

-- Call a command with a list of any length: as many arguments at once as Lua can pass on.
local function call_with(command, key, list)
  local total = #list
  if total == 0 then return end
  if total <= 4000 then return call(command, key, unpack(list)) end
  for from = 1, total, 4000 do
    call(command, key, unpack(list, from, math.min(from + 3999, total)))
  end
end

-- Make the writes that were gathered. Records come last: where something else lies in the key of a counter or an index,
-- no job has changed.
local function write_all()
  for state, queues in pairs(deltas) do
    for queue, by in pairs(queues) do
      local field = char(state) .. queue
      if by ~= 0 and call('HINCRBY', STAT, field, digits(by)) <= 0 then call('HDEL', STAT, field) end
    end
  end
  for key, list in pairs(removals) do call_with('ZREM', key, list) end
  for key, list in pairs(additions) do call_with('ZADD', key, list) end
  if fields_count > 0 then
    call_with('HSET', JOB, fields)
    fields, fields_count = {}, 0
  end
  for _, id in ipairs(told) do tell('changed', id) end
  additions, removals, deltas, told = {}, {}, {}, {}
end
