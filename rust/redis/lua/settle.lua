-- End runs, each by the verdict that matches whether its cancellation was asked for. Answers for each the state that the
-- job went to, or 'stale'. Where a job goes back to a queue whose keys were not passed, nothing is written, and the
-- answer is 'queues' and their names.
-- KEYS: shard (ready due)* body*
-- ARGV: now:time running:state released_kept:number key_for:ms queues:number queue:name* (id:id facts:packed result:bytes meta:bytes error:bytes)*
-- facts: fence I6, nonce c4, bits B (1 only if expired, 2 result, 4 body, 8 meta, 16 error, 32 the body has a key), then
-- two verdicts: state B, outcome B, delay_ms I6, what goes with it B (1 to ready, 2 to due, 4 ended, 8 with its result,
-- 16 dead, 32 charged, 64 keeps its place).
local FACTS = 11
local running, released_kept, key_for = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local queue_count = tonumber(ARGV[5])
local queue_numbers = {}
for i = 1, queue_count do queue_numbers[ARGV[5 + i]] = i end
local first = 6 + queue_count
local ids = {}
for at = first, #ARGV, 5 do ids[#ids + 1] = ARGV[at] end
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

local function settle_one(at, id, bytes)
  local facts = ARGV[at + 1]
  local fence, nonce, bits = unpack_bytes('<I6c4B', facts)
  local body_key
  if bits >= 32 then
    next_body = next_body + 1
    body_key = KEYS[next_body]
  end
  if not is_record(bytes) or band(byte(bytes, 3), HAS_LIFE) == 0 then return 'stale' end
  local state, flags, attempt, version, _, ready_at, _, priority = read_head(bytes)
  local newest, started_at, finished_at, canceled_at, settled_nonce, settled_to, progress = read_life(bytes)
  if state ~= running or newest ~= fence then
    -- The newest settlement is that of the newest run, or of the one before the run that goes on (SUB-3).
    local settled_fence = state == running and newest - 1 or newest
    if nonce ~= NO_NONCE and nonce == settled_nonce and fence == settled_fence and settled_to ~= NO_STATE then
      return settled_to
    end
    return 'stale'
  end
  if bits % 2 == 1 and tonumber(call('ZSCORE', LEASE, id) or 0) >= now then return 'stale' end

  local to, outcome, delay, goes =
    unpack_bytes('<BBI6B', facts, band(flags, CANCEL) ~= 0 and FACTS + 10 or FACTS + 1)
  local queue = queue_of(bytes)
  local number = queue_numbers[queue]
  if goes % 4 ~= 0 and not number then
    missing[#missing + 1] = queue
    return 'stale'
  end
  local created_at, _, kept_completed, kept_failed, names, request, payload = read_base(bytes)
  local ended_as, result, meta, error = outcome, '', '', ''
  if band(bits, 16) ~= 0 then
    ended_as = outcome + HAS_ERROR
    error = pack('<I3', #ARGV[at + 4]) .. ARGV[at + 4]
  end
  if band(goes, 32) == 0 and attempt > 0 then attempt = attempt - 1 end
  flags, version = touch(id, flags, version)
  if band(goes, 4) ~= 0 then
    finished_at = now
    local keeps_result = band(goes, 8) ~= 0
    if keeps_result and band(bits, 2) ~= 0 then
      flags = flags + RESULT
      if body_key then
        flags = flags + BODY + BODY_OUT
        bodies[#bodies + 1] = { body_key, ARGV[at + 2] }
      elseif band(bits, 4) ~= 0 then
        flags, result = flags + BODY, ARGV[at + 2]
      end
      if band(bits, 8) ~= 0 then
        flags, meta = flags + META, ARGV[at + 3]
      end
    end
    place_ended(id, flags, created_at, keeps_result and kept_completed or kept_failed, key_for, band(goes, 16) ~= 0)
  else
    if band(goes, 64) == 0 then ready_at = now + delay end
    if goes % 2 == 1 then
      place(KEYS[OWN_KEYS + 2 * number - 1], rank(priority, ready_at), id)
      readied[number] = true
    else
      place(KEYS[OWN_KEYS + 2 * number], ready_at, id)
      local before = earliest[number]
      if not before or ready_at < before[1] or (ready_at == before[1] and is_before(id, before[2])) then
        earliest[number] = { ready_at, id }
      end
    end
  end
  displace(LEASE, id)
  count(state, queue, -1)
  count(to, queue, 1)

  -- The run that ends is the last, and goes on with its end where the mark of its claim was.
  local ending = pack('<I6B', now, ended_as) .. error
  local sections
  if band(goes, 32) == 0 and newest > released_kept then
    local runs = BASE + LIFE + 1 + names + request + payload + progress
    sections = sub(bytes, BASE + LIFE + 1, runs - 1) .. forget_released(sub(bytes, runs, -1 - MARK) .. ending, outcome)
  elseif result == '' and meta == '' then
    sections = sub(bytes, BASE + LIFE + 1, -1 - MARK) .. ending
  else
    local runs = BASE + LIFE + 1 + names + request + payload + progress
    sections = sub(bytes, BASE + LIFE + 1, runs - 1) .. result .. meta .. sub(bytes, runs, -1 - MARK) .. ending
  end
  bytes = head(to, flags, attempt, version, now, ready_at) .. rest_of_base(bytes)
    .. life(newest, started_at, finished_at, canceled_at, nonce, to, progress, #result, #meta) .. sections
  records[id] = bytes
  put(id, bytes)
  return to
end

for i, id in ipairs(ids) do answers[i] = settle_one(first + 5 * (i - 1), id, records[id]) end
if missing[1] then return { 'queues', missing } end
for number, head_of in pairs(earliest) do
  if is_earliest(KEYS[OWN_KEYS + 2 * number], head_of[1], head_of[2]) then readied[number] = true end
end
for _, body in ipairs(bodies) do call('SET', body[1], body[2]) end
write_all()
for number in pairs(readied) do wake(ARGV[5 + number], KEYS[OWN_KEYS + 2 * number - 1]) end
return answers
