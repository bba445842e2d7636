-- Keep what a run says of its progress; 0 where the run is stale (LSE-2).
-- KEYS: shard
-- ARGV: now:time id:id fence:number running:state body:bytes
local id, fence, running, body = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local bytes = call('HGET', JOB, id)
if not is_held(bytes, running, fence) then return 0 end

local state, flags, attempt, version, _, ready_at = read_head(bytes)
local number, started_at, finished_at, canceled_at, nonce, settled_to, old, result, meta = read_life(bytes)
local _, _, _, _, names, request, payload = read_base(bytes)
local sections = BASE + LIFE + 1
local behind = sections + names + request + payload
flags, version = touch(id, bor(flags, PROGRESS), version)
put(id, head(state, flags, attempt, version, now, ready_at) .. rest_of_base(bytes)
  .. life(number, started_at, finished_at, canceled_at, nonce, settled_to, #body, result, meta)
  .. sub(bytes, sections, behind - 1) .. body .. sub(bytes, behind + old))
write_all()
return 1
