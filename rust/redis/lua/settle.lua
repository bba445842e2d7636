-- End runs, each by the verdict that matches whether its cancellation was asked for. Answers for each the state that the
-- job went to, or 'stale'. Where a job goes back to a queue whose keys were not passed, nothing is written, and the
-- answer is 'queues' and their names.
-- KEYS: shard (ready due)* body*
-- ARGV: now:time running:state released_kept:number key_for:ms queues:number queue:name* (id:id run:packed ending:packed result:bytes? meta:bytes? error:bytes?)*
-- run: fence I3, nonce c4. ending: bits B (1 only if expired, 2 result, 4 body, 8 meta, 16 error, 32 the body has a key),
-- then two verdicts: state B, outcome B, delay_ms I6, what goes with it B (1 to ready, 2 to due, 4 ended, 8 with its
-- result, 16 dead, 32 charged, 64 keeps its place). Body, meta and error follow where the bits say so.
local running, released_kept, key_for = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local queue_count = tonumber(ARGV[5])
local queue_numbers = {}
for i = 1, queue_count do queue_numbers[ARGV[5 + i]] = i end

local function read_verdict(ending, from)
  local to, outcome, delay, goes = unpack_bytes('<BBI6B', ending, from)
  return {
    to = to, outcome = outcome, delay = delay, is_ready = goes % 2 == 1, is_ended = band(goes, 4) ~= 0,
    keeps_result = band(goes, 8) ~= 0, is_dead = band(goes, 16) ~= 0, is_charged = band(goes, 32) ~= 0,
    keeps_place = band(goes, 64) ~= 0,
  }
end

-- Many runs of a call end alike, so an ending is read once.
local endings = {}
local function read_ending(bytes)
  local bits = byte(bytes)
  local ending = {
    only_expired = bits % 2 == 1, has_result = band(bits, 2) ~= 0, has_key = bits >= 32,
    verdict = read_verdict(bytes, 2), if_canceled = read_verdict(bytes, 11), size = 3, plans = {},
  }
  for _, part in ipairs({ { 4, 'body_at' }, { 8, 'meta_at' }, { 16, 'error_at' } }) do
    if band(bits, part[1]) ~= 0 then
      ending[part[2]] = ending.size
      ending.size = ending.size + 1
    end
  end
  endings[bytes] = ending
  return ending
end

local ids, places = {}, {}
do
  local at, last, number = 6 + queue_count, #ARGV, 0
  while at <= last do
    number = number + 1
    ids[number], places[number] = ARGV[at], at
    local ending = ARGV[at + 2]
    at = at + (endings[ending] or read_ending(ending)).size
  end
end

-- What becomes of a run by its ending and what stands in its record from the state to the version: most runs of a call
-- have all that in common, so it is found out once. `done_at` are ends of retentions, by their bytes in the record.
local plans = {}
local function make_plan(ending, bytes)
  local state, flags, attempt, version = unpack_bytes('<BI2BI4', bytes)
  local plan = { is_running = state == running, queues = {}, done_at = {} }
  ending.plans[bytes] = plan
  if not plan.is_running then return plan end
  plans[#plans + 1] = plan
  local verdict = band(flags, CANCEL) == 0 and ending.verdict or ending.if_canceled
  plan.is_watched = band(flags, WATCHED) ~= 0
  if plan.is_watched then flags = flags - WATCHED end
  if not verdict.is_charged and attempt > 0 then attempt = attempt - 1 end
  if verdict.is_ended and verdict.keeps_result and ending.has_result then
    flags = flags + RESULT
    if ending.body_at then
      flags = flags + BODY
      if ending.has_key then flags = flags + BODY_OUT else plan.body_at = ending.body_at end
      plan.sets_key = ending.has_key
    end
    if ending.meta_at then
      flags, plan.meta_at = flags + META, ending.meta_at
    end
  end
  plan.verdict, plan.flags = verdict, flags
  plan.is_ended, plan.retention = verdict.is_ended, verdict.keeps_result and 34 or 40
  -- Of most jobs that have ended, nothing is kept beyond the retention, and they are in one index.
  plan.is_plain = not verdict.is_dead and band(flags, KEYED) == 0
  plan.first = first_of_head(verdict.to, flags, attempt, version + 1) .. stamp
  plan.is_canceled, plan.has_progress = band(flags, CANCEL) ~= 0, band(flags, PROGRESS) ~= 0
  plan.forgets = not verdict.is_charged
  plan.to, plan.ended = char(verdict.to), stamp .. char(verdict.outcome + (ending.error_at and HAS_ERROR or 0))
  return plan
end

-- The newest settlement is that of the newest run, or of the one before the run that goes on (SUB-3).
local function settled_before(bytes, run)
  local state, flags = unpack_bytes('<BI2', bytes, 2)
  if band(flags, HAS_LIFE) == 0 then return 'stale' end
  local newest = unpack_bytes('<I3', bytes, 53)
  local settled_nonce, settled_to = unpack_bytes('<c4B', bytes, 74)
  local fence, nonce = unpack_bytes('<I3c4', run)
  local settled_fence = state == running and newest - 1 or newest
  if nonce ~= NO_NONCE and nonce == settled_nonce and fence == settled_fence and settled_to ~= NO_STATE then
    return settled_to
  end
  return 'stale'
end

-- The number of charged runs never exceeds a bound, so only released ones are ever forgotten: the oldest of too many.
local function forget_released(runs, outcome)
  local at, oldest, oldest_end, released = 1, nil, nil, 0
  while at <= #runs do
    local ended_at = at + 10 + byte(runs, at + 9)
    local ended_as = byte(runs, ended_at + 6)
    local next_at = ended_at + 7
    if ended_as >= HAS_ERROR then next_at = next_at + 3 + unpack_bytes('<I3', runs, next_at) end
    if band(ended_as, HAS_ERROR - 1) == outcome then
      released = released + 1
      if not oldest then oldest, oldest_end = at, next_at end
    end
    at = next_at
  end
  if released <= released_kept then return runs end
  return sub(runs, 1, oldest - 1) .. sub(runs, oldest_end)
end

-- The job goes back to its queue: to wait for a worker, or for its time.
local earliest, readied = {}, {}
local function place_waiting(id, verdict, number, priority, ready_at)
  if verdict.is_ready then
    place(KEYS[OWN_KEYS + 2 * number - 1], rank(priority, ready_at), id)
    readied[number] = true
    return
  end
  place(KEYS[OWN_KEYS + 2 * number], ready_at, id)
  local before = earliest[number]
  if not before or ready_at < before[1] or (ready_at == before[1] and is_before(id, before[2])) then
    earliest[number] = { ready_at, id }
  end
end

local found, written = read_jobs(ids), {}
local answers, missing, bodies = {}, {}, {}
local ended, done = {}, {}
local next_body = OWN_KEYS + 2 * queue_count
-- The lengths of a result of so many bytes and no meta; the time that is none.
local lengths_of, never = {}, string.rep('\255', 6)
removals[LEASE], additions[DONE] = ended, done

for i = 1, #ids do
  local id, at = ids[i], places[i]
  local bytes, run, ending = written[id] or found[i], ARGV[at + 1], endings[ARGV[at + 2]]
  local body_key
  if ending.has_key then
    next_body = next_body + 1
    body_key = KEYS[next_body]
  end
  local answer, last, plan, queue = 'stale', is_record(bytes), nil, nil
  if last then
    local from_state_to_version = sub(bytes, 2, 9)
    plan = ending.plans[from_state_to_version] or make_plan(ending, from_state_to_version)
    if not plan.is_running or sub(bytes, 53, 55) ~= sub(run, 1, 3) then
      answer = settled_before(bytes, run)
    elseif not (ending.only_expired and tonumber(call('ZSCORE', LEASE, id) or 0) >= now) then
      queue = sub(bytes, BASE + LIFE + 2, BASE + LIFE + 1 + byte(bytes, BASE + LIFE + 1))
      if not plan.is_ended and not queue_numbers[queue] then
        missing[#missing + 1] = queue
        queue = nil
      end
    end
  end
  if queue then
    local verdict, placed, finished = plan.verdict, nil, stamp
    if plan.is_ended then
      placed = sub(bytes, 16, 61)
      local kept = sub(bytes, plan.retention, plan.retention + 5)
      if plan.is_plain then
        local done_at = plan.done_at[kept]
        if not done_at then
          done_at = digits(now + unpack_bytes('<I6', kept))
          plan.done_at[kept] = done_at
        end
        local total = #done
        done[total + 1], done[total + 2] = done_at, id
      else
        local created_at, kept_for = unpack_bytes('<I6', bytes, 24), unpack_bytes('<I6', kept)
        place_ended(id, plan.flags, created_at, kept_for, key_for, verdict.is_dead)
      end
      if plan.sets_key then bodies[#bodies + 1] = { body_key, ARGV[at + ending.body_at] } end
    else
      local ready_at = unpack_bytes('<I6', bytes, 16)
      if not verdict.keeps_place then ready_at = now + verdict.delay end
      place_waiting(id, verdict, queue_numbers[queue], byte(bytes, 23), ready_at)
      placed, finished = pack('<I6', ready_at) .. sub(bytes, 22, 61), sub(bytes, 62, 67)
    end
    if plan.is_watched then told[#told + 1] = id end
    plan.queues[queue] = (plan.queues[queue] or 0) + 1
    ended[#ended + 1] = id

    -- The run that ends is the last, and goes on with its end where the mark of its claim was.
    local result = plan.body_at and ARGV[at + plan.body_at] or ''
    local meta = plan.meta_at and ARGV[at + plan.meta_at] or ''
    local lengths = lengths_of[#result]
    if meta ~= '' or not lengths then
      lengths = pack('<I2I2', #result, #meta)
      if meta == '' then lengths_of[#result] = lengths end
    end
    local runs, ended_as, error = sub(bytes, last + 1, -1 - MARK), plan.ended, ''
    if ending.error_at then
      error = ARGV[at + ending.error_at]
      error = pack('<I3', #error) .. error
    end
    if plan.forgets and unpack_bytes('<I3', bytes, 53) > released_kept then
      runs, ended_as, error = forget_released(runs .. ended_as .. error, verdict.outcome), '', ''
    end
    -- Of the life, fence, started_at, cancel_requested_at and the length of the progress stay.
    bytes = plan.first .. placed .. finished .. (plan.is_canceled and sub(bytes, 68, 73) or never) .. sub(run, 4, 7)
      .. plan.to .. (plan.has_progress and sub(bytes, 79, 81) or '\0\0\0') .. lengths
      .. sub(bytes, BASE + LIFE + 1, last) .. result .. meta .. runs .. ended_as .. error
    written[id] = bytes
    fields[fields_count + 1], fields[fields_count + 2] = id, bytes
    fields_count = fields_count + 2
    answer = verdict.to
  end
  answers[i] = answer
end

if missing[1] then return { 'queues', missing } end
for _, plan in ipairs(plans) do
  for queue, number in pairs(plan.queues) do
    count(running, queue, -number)
    count(plan.verdict.to, queue, number)
  end
end
for number, head_of in pairs(earliest) do
  if is_earliest(KEYS[OWN_KEYS + 2 * number], head_of[1], head_of[2]) then readied[number] = true end
end
for _, body in ipairs(bodies) do call('SET', body[1], body[2]) end
write_all()
for number in pairs(readied) do wake(ARGV[5 + number]) end
return answers
