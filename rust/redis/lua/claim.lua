-- Begin runs: promote what is due, then take at most `limit` jobs of the queues, by rank over all of them (CLM-1 to
-- CLM-6). Answers the time, that of the next due job or '', and ids and records, at least up to the payload, of the jobs taken. A
-- record that scripts cannot read is taken too, with a lease but unchanged; in its place comes the number of its queue,
-- and whoever gets it replaces it.
-- KEYS: shard (ready due)*
-- ARGV: now:time limit:number lease_ms:number mark:bytes worker:text scheduled:state queued:state claimed:state promotions:number queue:name*
local limit, lease_ms, mark, worker = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], ARGV[5]
local scheduled, queued, claimed = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local queues, ctl = {}, {}
for i = 1, #ARGV - 9 do
  local name = ARGV[9 + i]
  queues[i] = { number = i, name = name, ready = KEYS[OWN_KEYS + 2 * i - 1], due = KEYS[OWN_KEYS + 2 * i] }
  ctl[2 * i - 1], ctl[2 * i] = 'paused:' .. name, 'idle:' .. name
end
if not queues[1] then return { now, '' } end

local promoted = promote(queues, tonumber(ARGV[9]), scheduled, queued)
local marks = call('HMGET', CTL, unpack(ctl))
for i, queue in ipairs(queues) do
  queue.paused, queue.idle = marks[2 * i - 1], marks[2 * i]
end

-- The first ids of the queues, by rank and id over all of them. `taken` of a queue says how many of it.
local function first_of_all()
  local found = {}
  for _, queue in ipairs(queues) do
    if not queue.paused and limit > 0 then
      local ranked = call('ZRANGE', queue.ready, '0', digits(limit - 1), 'WITHSCORES')
      for i = 1, #ranked, 2 do
        found[#found + 1] = { id = ranked[i], rank = tonumber(ranked[i + 1]), queue = queue }
      end
    end
  end
  table.sort(found, function(a, b)
    if a.rank ~= b.rank then return a.rank < b.rank end
    return is_before(a.id, b.id)
  end)
  local ids, of = {}, {}
  for i = 1, math.min(#found, limit) do
    ids[i], of[i] = found[i].id, found[i].queue
    of[i].taken = (of[i].taken or 0) + 1
  end
  return ids, of
end

-- Where there is one queue, nothing has to be compared.
local ids, of, only = {}, nil, queues[1]
if queues[2] then
  ids, of = first_of_all()
elseif not only.paused and limit > 0 then
  ids = call('ZRANGE', only.ready, '0', digits(limit - 1))
  only.taken = #ids
end
local records = read_jobs(ids)
local lease_until = now + lease_ms
local run = pack('<I6B', now, #worker) .. worker .. mark
local first_life = life(1, now, NEVER, NEVER, NO_NONCE, NO_STATE, 0, 0, 0)
local first_run = pack('<I3', 1) .. run
local answer = { now, '' }
local at = 2

-- What becomes of the head by what stands in it from the state to the version: most jobs of a call have that in common.
local heads = {}
local function make_head(bytes)
  local state, flags, attempt, version = unpack_bytes('<BI2BI4', bytes)
  local head = { is_queued = state == queued, is_watched = band(flags, WATCHED) ~= 0, attempt = attempt }
  head.has_life = band(flags, HAS_LIFE) ~= 0
  flags = bor(band(flags, bnot(WATCHED)), HAS_LIFE)
  head.raised = first_of_head(claimed, flags, math.min(attempt + 1, 255), version + 1) .. stamp
  head.kept = first_of_head(claimed, flags, attempt, version + 1) .. stamp
  heads[bytes] = head
  return head
end

local leases, lease_digits = {}, digits(lease_until)
additions[LEASE] = leases

for i = 1, #ids do
  local id, bytes, queue = ids[i], records[i], of and of[i] or only
  local shown
  -- Of a job that is gone, only its place in the queue is left, and goes.
  if bytes and not is_record(bytes) then
    shown = queue.number
  elseif bytes then
    local from_state_to_version = sub(bytes, 2, 9)
    local head = heads[from_state_to_version] or make_head(from_state_to_version)
    if head.is_queued then
      if head.is_watched then told[#told + 1] = id end
      -- SET-2 holds whatever verdict brought the job back.
      local first = head.attempt < byte(bytes, 22) and head.raised or head.kept
      if not head.has_life then
        -- Nothing lies behind the payload but the run that begins here, so the whole record is shown.
        shown = first .. sub(bytes, 16, 52) .. first_life .. sub(bytes, 53) .. first_run
        put(id, shown)
      else
        local fence, started_at, finished_at, canceled_at, nonce, settled_to, progress, result, meta = read_life(bytes)
        local _, _, _, _, names, request, payload = read_base(bytes)
        local last = BASE + LIFE + names + request + payload
        if started_at == NEVER then started_at = now end
        shown = first .. sub(bytes, 16, 52)
          .. life(fence + 1, started_at, finished_at, canceled_at, nonce, settled_to, progress, result, meta)
          .. sub(bytes, BASE + LIFE + 1, last)
        put(id, shown .. sub(bytes, last + 1) .. pack('<I3', fence + 1) .. run)
      end
    end
  end
  if shown then
    leases[at - 1], leases[at] = lease_digits, id
    queue.begun = (queue.begun or 0) + 1
    answer[at + 1], answer[at + 2] = id, shown
    at = at + 2
  end
end

for _, queue in ipairs(queues) do
  if queue.begun then
    count(queued, queue.name, -queue.begun)
    count(claimed, queue.name, queue.begun)
  end
end
write_all()

for _, queue in ipairs(queues) do
  if queue.taken and queue.taken > 0 then call('ZREMRANGEBYRANK', queue.ready, '0', digits(queue.taken - 1)) end
  if (at - 2) / 2 < limit then
    if not queue.idle then call('HSET', CTL, 'idle:' .. queue.name, '1') end
  elseif promoted > 0 and queue.idle and call('EXISTS', queue.ready) == 1 then
    -- More came due than this claimer takes: others may wait for it.
    wake(queue.name)
  end
  if queue.first and (answer[2] == '' or queue.first < answer[2]) then answer[2] = queue.first end
end
return answer
