-- Store jobs, in order, each with its key in one step (IDM-3). Answers for each: 'stored'; 'known' where its id is
-- stored already (SUB-3), 'seen' where its key is (IDM-1), both with id, record and lease; 'full'.
-- KEYS: shard (ready due)* body*
-- ARGV: now:time max_queued:number? scheduled:state queued:state queues:number queue:name* (id:id facts:packed record:bytes digest:bytes? origin:id? body:bytes*)*
-- facts: delay_ms I6, index of the queue I2, 1 keyed + 2 has an origin B, number of bodies B, then what the record has
-- before `updated_at`, and between `ready_at` and `created_at`. The record is what lies behind the number of its chunk.
local most, scheduled, queued = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local queue_count = tonumber(ARGV[5])

-- Most jobs of a call have their facts in common, so these are read once.
local facts = {}
local function read_facts(bytes)
  local delay, queue, shape, body_count = unpack_bytes('<I6I2BB', bytes)
  local ready_at = now + delay
  local own = {
    delay = delay, queue = queue, is_keyed = shape % 2 == 1, has_origin = shape >= 2, body_count = body_count,
    state = byte(bytes, 12), ready_at = ready_at, stored = {},
    first = sub(bytes, 11, 19) .. stamp .. pack('<I6', ready_at) .. sub(bytes, 20, 21) .. stamp,
  }
  own.is_plain = shape == 0 and body_count == 0
  if delay > 0 then
    own.key, own.score = KEYS[OWN_KEYS + 2 * queue], ready_at
  else
    own.key, own.score = KEYS[OWN_KEYS + 2 * queue - 1], rank(byte(bytes, 21), ready_at)
  end
  facts[bytes] = own
  return own
end

local ids, facts_of, rests, digests, digest_of, origin_of, bodies_of = {}, {}, {}, {}, {}, {}, {}
do
  local at, last, number, next_body = 6 + queue_count, #ARGV, 0, OWN_KEYS + 2 * queue_count
  while at <= last do
    number = number + 1
    local own = facts[ARGV[at + 1]] or read_facts(ARGV[at + 1])
    ids[number], facts_of[number], rests[number] = ARGV[at], own, ARGV[at + 2]
    at = at + 3
    if not own.is_plain then
      if own.is_keyed then
        digest_of[number] = ARGV[at]
        digests[#digests + 1] = ARGV[at]
        at = at + 1
      end
      if own.has_origin then
        origin_of[number] = ARGV[at]
        at = at + 1
      end
      local bodies = {}
      for i = 1, own.body_count do
        bodies[2 * i - 1], bodies[2 * i] = KEYS[next_body + i], ARGV[at + i - 1]
      end
      bodies_of[number] = bodies
      next_body, at = next_body + own.body_count, at + own.body_count
    end
  end
end

-- What is stored of these ids and keys, then what this call stores of them.
local found, records, holders = read_jobs(ids), {}, {}
if digests[1] then
  for i = 1, #ids do records[ids[i]] = found[i] or nil end
  for i, id in ipairs(call('HMGET', IDEM, unpack(digests))) do holders[digests[i]] = id or nil end
end

local waiting = {}
local function is_full(queue)
  if not most then return false end
  if not waiting[queue] then
    local name = ARGV[5 + queue]
    local counts = call('HMGET', STAT, char(scheduled) .. name, char(queued) .. name)
    waiting[queue] = (tonumber(counts[1]) or 0) + (tonumber(counts[2]) or 0)
  end
  if waiting[queue] >= most then return true end
  waiting[queue] = waiting[queue] + 1
  return false
end

local answers, fresh, fresh_ids = {}, {}, {}
for i = 1, #ids do
  local id, digest = ids[i], digest_of[i]
  local holder = digest and holders[digest]
  -- A key whose job is gone is free again.
  if holder and not records[holder] then records[holder] = call('HGET', JOB, holder) or nil end
  if found[i] or records[id] then
    records[id] = records[id] or found[i]
    answers[i] = { 'known', id }
  elseif holder and records[holder] then
    answers[i] = { 'seen', holder }
  elseif most and is_full(facts_of[i].queue) then
    answers[i] = 'full'
  else
    answers[i] = 'stored'
    local total = #fresh + 1
    fresh[total], fresh_ids[total] = i, id
    records[id] = rests[i]
    if digest then holders[digest] = id end
  end
end

local first_chunk, before
if fresh[1] then
  first_chunk, before = list_add(table.concat(fresh_ids), call('HMGET', CTL, 'chunk', 'last', 'back'))
end
local chunk, chunk_stamp = nil, nil
local stored = {}
for at = 1, #fresh do
  local i, id = fresh[at], fresh_ids[at]
  local own = facts_of[i]
  local number = chunk_of(first_chunk, before, at - 1)
  if number ~= chunk then
    chunk = number
    chunk_stamp = pack('<I4', chunk)
  end
  local bytes = own.first .. chunk_stamp .. rests[i]
  records[id] = bytes
  fields[fields_count + 1], fields[fields_count + 2] = id, bytes
  fields_count = fields_count + 2
  own.stored[#own.stored + 1] = id
  if not own.is_plain then
    if own.is_keyed then
      stored[#stored + 1] = digest_of[i]
      stored[#stored + 1] = id
    end
    if own.has_origin then family_join(origin_of[i]) end
    local bodies = bodies_of[i]
    for k = 1, #bodies, 2 do call('SET', bodies[k], bodies[k + 1]) end
  end
end

local readied = {}
for _, own in pairs(facts) do
  local total = #own.stored
  if total > 0 then
    place_all(own.key, own.score, own.stored)
    count(own.state, ARGV[5 + own.queue], total)
    if own.delay == 0 then
      readied[own.queue] = true
    else
      local first = own.stored[1]
      for i = 2, total do
        if is_before(own.stored[i], first) then first = own.stored[i] end
      end
      -- Whether one of these is the earliest of its queue then is seen before any is placed there.
      if is_earliest(own.key, own.ready_at, first) then readied[own.queue] = true end
    end
  end
end
write_all()
call_with('HSET', IDEM, stored)
for queue in pairs(readied) do wake(ARGV[5 + queue]) end

for _, answer in ipairs(answers) do
  if type(answer) == 'table' then
    answer[3] = records[answer[2]]
    answer[4] = call('ZSCORE', LEASE, answer[2]) or ''
  end
end
return { now, answers }
