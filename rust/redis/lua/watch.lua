-- Read one job, and ask to be told of its next change where it has not ended and its version is not above the given one.
-- KEYS: shard request payload result
-- ARGV: now:time id:id version:number ended:states
local id = ARGV[2]
local bytes = call('HGET', JOB, id)
if not bytes then return false end
if is_record(bytes) then
  local state, flags, attempt, version, updated_at, ready_at = read_head(bytes)
  local has_ended = string.find(ARGV[4], char(state), 1, true)
  if version <= tonumber(ARGV[3]) and not has_ended and band(flags, WATCHED) == 0 then
    bytes = head(state, flags + WATCHED, attempt, version, updated_at, ready_at) .. sub(bytes, 22)
    call('HSET', JOB, id, bytes)
  end
end
return view(id, bytes, OWN_KEYS + 1)
