-- Move a job whose state has a row for it, as if its time had come: `row` has the next state for each, 255 where there
-- is none.
-- KEYS: shard ready due request payload result
-- ARGV: now:time id:id row:states queue:name
local id, row, queue = ARGV[2], ARGV[3], ARGV[4]
local READY, DUE = KEYS[OWN_KEYS + 1], KEYS[OWN_KEYS + 2]
local bytes = call('HGET', JOB, id)
if not bytes then return { 'missing' } end
if not is_record(bytes) then return { 'kept', { bytes } } end

local state, flags, attempt, version, _, _, _, priority = read_head(bytes)
local to = byte(row, state + 1) or NO_STATE
if to ~= NO_STATE then
  if queue_of(bytes) ~= queue then return { 'moved' } end
  flags, version = touch(id, flags, version)
  bytes = head(to, flags, attempt, version, now, now) .. sub(bytes, 22)
  put(id, bytes)
  displace(DUE, id)
  place(READY, rank(priority, now), id)
  count(state, queue, -1)
  count(to, queue, 1)
  write_all()
  wake(queue)
end
return { 'kept', view(id, bytes, OWN_KEYS + 3) }
