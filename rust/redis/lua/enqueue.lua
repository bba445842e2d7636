-- Store jobs, in order, each with its key in one step (IDM-3). Answers for each: 'stored'; 'known' where its id is
-- stored already (SUB-3), 'seen' where its key is (IDM-1), both with id, record and lease; 'full'.
-- KEYS: shard (ready due)* body*
-- ARGV: now:time max_queued:number? scheduled:state queued:state queues:number queue:name* (id:id facts:packed record:bytes digest:bytes? origin:id? body:bytes*)*
-- facts: delay_ms I6, index of the queue I2, 1 keyed + 2 has an origin B, number of bodies B.
local most, scheduled, queued = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local queue_count = tonumber(ARGV[5])
local next_body = OWN_KEYS + 2 * queue_count
local jobs, ids, digests = {}, {}, {}
do
  local at, last = 6 + queue_count, #ARGV
  local facts, delay, queue, shape, body_count
  while at <= last do
    if ARGV[at + 1] ~= facts then
      facts = ARGV[at + 1]
      delay, queue, shape, body_count = unpack_bytes('<I6I2BB', facts)
    end
    local job = { id = ARGV[at], bytes = ARGV[at + 2], delay = delay, queue = queue }
    at = at + 3
    if shape ~= 0 then
      if band(shape, 1) ~= 0 then
        job.digest = ARGV[at]
        digests[#digests + 1] = job.digest
        at = at + 1
      end
      if band(shape, 2) ~= 0 then
        job.origin = ARGV[at]
        at = at + 1
      end
    end
    if body_count > 0 then
      job.bodies = {}
      for i = 1, body_count do
        next_body = next_body + 1
        job.bodies[2 * i - 1], job.bodies[2 * i] = KEYS[next_body], ARGV[at]
        at = at + 1
      end
    end
    local number = #jobs + 1
    jobs[number], ids[number] = job, job.id
  end
end

-- What is stored of these ids and keys, then what this call stores of them.
local records, holders = {}, {}
for i, bytes in ipairs(read_jobs(ids)) do records[ids[i]] = bytes or nil end
if digests[1] then
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
for i, job in ipairs(jobs) do
  local holder = job.digest and holders[job.digest]
  -- A key whose job is gone is free again.
  if holder and not records[holder] then records[holder] = call('HGET', JOB, holder) or nil end
  if records[job.id] then
    answers[i] = { 'known', job.id }
  elseif holder and records[holder] then
    answers[i] = { 'seen', holder }
  elseif is_full(job.queue) then
    answers[i] = 'full'
  else
    answers[i] = 'stored'
    fresh[#fresh + 1], fresh_ids[#fresh_ids + 1] = job, job.id
    records[job.id] = job.bytes
    if job.digest then holders[job.digest] = job.id end
  end
end

local chunks = list_add(fresh_ids)
local chunk, chunk_stamp, earliest, readied = nil, nil, {}, {}
local stored = {}
for i, job in ipairs(fresh) do
  local id, bytes, queue = job.id, job.bytes, job.queue
  if chunks[i] ~= chunk then
    chunk = chunks[i]
    chunk_stamp = pack('<I4', chunk)
  end
  local ready_at, ready_stamp = now, stamp
  if job.delay > 0 then
    ready_at = now + job.delay
    ready_stamp = pack('<I6', ready_at)
    place(KEYS[OWN_KEYS + 2 * queue], ready_at, id)
    local first = earliest[queue]
    if not first or ready_at < first[1] or (ready_at == first[1] and is_before(id, first[2])) then
      earliest[queue] = { ready_at, id }
    end
  else
    place(KEYS[OWN_KEYS + 2 * queue - 1], rank(byte(bytes, 23), ready_at), id)
    readied[queue] = true
  end
  bytes = sub(bytes, 1, 9) .. stamp .. ready_stamp .. sub(bytes, 22, 23) .. stamp .. chunk_stamp .. sub(bytes, 34)
  records[id] = bytes
  put(id, bytes)
  count(byte(bytes, 2), ARGV[5 + queue], 1)
  if job.digest then
    stored[#stored + 1] = job.digest
    stored[#stored + 1] = id
  end
  if job.origin then family_join(job.origin) end
  if job.bodies then
    for k = 1, #job.bodies, 2 do call('SET', job.bodies[k], job.bodies[k + 1]) end
  end
end
for queue, first in pairs(earliest) do
  if is_earliest(KEYS[OWN_KEYS + 2 * queue], first[1], first[2]) then readied[queue] = true end
end
write_all()
if stored[1] then call_with('HSET', IDEM, stored) end
for queue in pairs(readied) do wake(ARGV[5 + queue]) end

for _, answer in ipairs(answers) do
  if type(answer) == 'table' then
    answer[3] = records[answer[2]]
    answer[4] = call('ZSCORE', LEASE, answer[2]) or ''
  end
end
return { now, answers }
