-- End runs, each by the verdict that matches whether its cancellation was asked for. Answers for each the state that the
-- job went to, or 'stale'. Where a job goes back to a queue whose keys were not passed, nothing is written, and the
-- answer is 'queues' and their names.
-- KEYS: shard (ready due)* body*
-- ARGV: now:time running:state released_kept:number key_for:ms queues:number queue:name* (id:id run:packed ending:packed result:bytes meta:bytes error:bytes)*
-- run: fence I3, nonce c4. ending: bits B (1 only if expired, 2 result, 4 body, 8 meta, 16 error, 32 the body has a key),
-- then two verdicts: state B, outcome B, delay_ms I6, what goes with it B (1 to ready, 2 to due, 4 ended, 8 with its
-- result, 16 dead, 32 charged, 64 keeps its place).
local running, released_kept, key_for = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local queue_count = tonumber(ARGV[5])
local queue_numbers = {}
for i = 1, queue_count do queue_numbers[ARGV[5 + i]] = i end
local first = 6 + queue_count
local ids = {}
for at = first, #ARGV, 6 do ids[#ids + 1] = ARGV[at] end
local found, records = read_jobs(ids), {}
for i, id in ipairs(ids) do records[id] = found[i] end

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

local answers, missing, bodies = {}, {}, {}
local earliest, readied = {}, {}
local next_body = OWN_KEYS + 2 * queue_count

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
    only_expired = bits % 2 == 1, has_result = band(bits, 2) ~= 0, has_body = band(bits, 4) ~= 0,
    has_meta = band(bits, 8) ~= 0, has_error = band(bits, 16) ~= 0, has_key = bits >= 32,
    verdict = read_verdict(bytes, 2), if_canceled = read_verdict(bytes, 11),
  }
  endings[bytes] = ending
  return ending
end

-- The job goes back to its queue: to wait for a worker, or for its time.
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

local function settle_one(at, id, bytes)
  local run, ending = ARGV[at + 1], endings[ARGV[at + 2]] or read_ending(ARGV[at + 2])
  local body_key
  if ending.has_key then
    next_body = next_body + 1
    body_key = KEYS[next_body]
  end
  if not is_record(bytes) then return 'stale' end
  local state, flags, attempt, version = unpack_bytes('<BI2BI4', bytes, 2)
  if band(flags, HAS_LIFE) == 0 then return 'stale' end
  if state ~= running or sub(bytes, 53, 55) ~= sub(run, 1, 3) then
    -- The newest settlement is that of the newest run, or of the one before the run that goes on (SUB-3).
    local newest, _, _, _, settled_nonce, settled_to = read_life(bytes)
    local fence, nonce = unpack_bytes('<I3c4', run)
    local settled_fence = state == running and newest - 1 or newest
    if nonce ~= NO_NONCE and nonce == settled_nonce and fence == settled_fence and settled_to ~= NO_STATE then
      return settled_to
    end
    return 'stale'
  end
  if ending.only_expired and tonumber(call('ZSCORE', LEASE, id) or 0) >= now then return 'stale' end

  local verdict = band(flags, CANCEL) == 0 and ending.verdict or ending.if_canceled
  local queue = sub(bytes, BASE + LIFE + 2, BASE + LIFE + 1 + byte(bytes, BASE + LIFE + 1))
  if not verdict.is_ended and not queue_numbers[queue] then
    missing[#missing + 1] = queue
    return 'stale'
  end
  if not verdict.is_charged and attempt > 0 then attempt = attempt - 1 end
  flags, version = touch(id, flags, version)
  local result, meta, placed, finished = '', '', nil, stamp
  if verdict.is_ended then
    if verdict.keeps_result and ending.has_result then
      flags = flags + RESULT
      if body_key then
        flags = flags + BODY + BODY_OUT
        bodies[#bodies + 1] = { body_key, ARGV[at + 3] }
      elseif ending.has_body then
        flags, result = flags + BODY, ARGV[at + 3]
      end
      if ending.has_meta then
        flags, meta = flags + META, ARGV[at + 4]
      end
    end
    local created_at, _, kept_completed, kept_failed = unpack_bytes('<I6I4I6I6', bytes, 24)
    place_ended(id, flags, created_at, verdict.keeps_result and kept_completed or kept_failed, key_for, verdict.is_dead)
    placed = sub(bytes, 16, 61)
  else
    local ready_at = unpack_bytes('<I6', bytes, 16)
    if not verdict.keeps_place then ready_at = now + verdict.delay end
    place_waiting(id, verdict, queue_numbers[queue], byte(bytes, 23), ready_at)
    placed, finished = pack('<I6', ready_at) .. sub(bytes, 22, 61), sub(bytes, 62, 67)
  end
  displace(LEASE, id)
  count(state, queue, -1)
  count(verdict.to, queue, 1)

  -- The run that ends is the last, and goes on with its end where the mark of its claim was.
  local ended_as, error = verdict.outcome, ''
  if ending.has_error then
    ended_as, error = ended_as + HAS_ERROR, pack('<I3', #ARGV[at + 5]) .. ARGV[at + 5]
  end
  -- Of the life, fence, started_at, cancel_requested_at and the length of the progress stay.
  local first, canceled, nonce = first_of_head(verdict.to, flags, attempt, version), sub(bytes, 68, 73), sub(run, 4, 7)
  local newest = unpack_bytes('<I3', bytes, 53)
  local forgets = not verdict.is_charged and newest > released_kept
  if forgets or result ~= '' or meta ~= '' then
    local names, request, payload = unpack_bytes('<I3I2I2', bytes, 46)
    local progress = sub(bytes, 79, 81)
    local runs = BASE + LIFE + 1 + names + request + payload + unpack_bytes('<I3', progress)
    local all = sub(bytes, runs, -1 - MARK) .. stamp .. char(ended_as) .. error
    if forgets then all = forget_released(all, verdict.outcome) end
    bytes = first .. stamp .. placed .. finished .. canceled .. nonce .. char(verdict.to) .. progress
      .. pack('<I2I2', #result, #meta) .. sub(bytes, BASE + LIFE + 1, runs - 1) .. result .. meta .. all
  else
    bytes = first .. stamp .. placed .. finished .. canceled .. nonce .. char(verdict.to) .. sub(bytes, 79, 81)
      .. '\0\0\0\0' .. sub(bytes, BASE + LIFE + 1, -1 - MARK) .. stamp .. char(ended_as) .. error
  end
  records[id] = bytes
  put(id, bytes)
  return verdict.to
end

for i, id in ipairs(ids) do answers[i] = settle_one(first + 6 * (i - 1), id, records[id]) end
if missing[1] then return { 'queues', missing } end
for number, head_of in pairs(earliest) do
  if is_earliest(KEYS[OWN_KEYS + 2 * number], head_of[1], head_of[2]) then readied[number] = true end
end
for _, body in ipairs(bodies) do call('SET', body[1], body[2]) end
write_all()
for number in pairs(readied) do wake(ARGV[5 + number]) end
return answers
