-- Apply the table's row for a cancel to the job's present state: `row` has the next state for each, 255 where there is
-- none (CAN-1). A job that stays in its state goes on running, and its worker is told.
-- KEYS: shard ready due request payload result
-- ARGV: now:time id:id row:states queue:name fence:number worker:text key_for:ms
local id, row, queue, fence, worker, key_for = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7])
local READY, DUE = KEYS[OWN_KEYS + 1], KEYS[OWN_KEYS + 2]
local bytes = call('HGET', JOB, id)
if not bytes then return { 'missing' } end
if not is_record(bytes) then return { 'kept', { bytes } } end

local state, flags, attempt, version, _, ready_at = read_head(bytes)
local to = byte(row, state + 1) or NO_STATE
if to == NO_STATE then return { 'kept', view(id, bytes, OWN_KEYS + 3) } end
local created_at, _, _, kept_for = read_base(bytes)
local has_life = band(flags, HAS_LIFE) ~= 0
local number, started_at, finished_at, canceled_at, nonce, settled_to, progress, result, meta = no_life()
if has_life then
  number, started_at, finished_at, canceled_at, nonce, settled_to, progress, result, meta = read_life(bytes)
end
-- What was read before this script may be about an earlier run, or an earlier job of this id.
if queue_of(bytes) ~= queue or (to == state and number ~= fence) then return { 'moved' } end

local word = 'requested'
if to ~= state then
  word, finished_at = 'canceled', now
  displace(READY, id)
  displace(DUE, id)
  count(state, queue, -1)
  count(to, queue, 1)
  place_ended(id, flags, created_at, kept_for, key_for, false)
elseif band(flags, CANCEL) ~= 0 then
  -- The first request stands.
  return { word, view(id, bytes, OWN_KEYS + 3) }
end
flags, version = touch(id, bor(flags, CANCEL, HAS_LIFE), version)
local sections = sub(bytes, BASE + 1 + (has_life and LIFE or 0))
bytes = head(to, flags, attempt, version, now, ready_at) .. rest_of_base(bytes)
  .. life(number, started_at, finished_at, now, nonce, settled_to, progress, result, meta) .. sections
put(id, bytes)
write_all()
if to == state then tell('worker:' .. worker, id .. string.format('%d', number)) end
return { word, view(id, bytes, OWN_KEYS + 3) }
