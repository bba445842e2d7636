-- Record the value of a reserved effect, or give the reservation back; 0 where the run is stale, or the reservation is
-- not (or no longer) the one of this nonce. The same write repeated answers as the first (SUB-3).
-- KEYS: shard
-- ARGV: now:time id:id fence:number running:state key:text nonce:text gives_back:flag value:bytes
local id, fence, running, key, nonce = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5], ARGV[6]
local gives_back, value = ARGV[7] == '1', ARGV[8]
local bytes = call('HGET', JOB, id)
if not is_held(bytes, running, fence) then return 0 end

local origin = origin_of(id, bytes)
local holder, recorded = read_effect(origin, key)
if not holder then return gives_back and 1 or 0 end
if holder ~= nonce then return 0 end
if not gives_back then
  -- The first value stands.
  if not recorded then write_effect(origin, key, nonce, value) end
  return 1
end
if recorded then return 0 end
local redriven, effects = read_family(origin)
local kept, rest, other = '', effects, nil
while rest ~= '' do
  other, rest = next_effect(rest)
  if other ~= key then kept = kept .. pack('<I2', #other) .. other end
end
call('HDEL', ONCE, effect_field(origin, key))
keep_family(origin, redriven, kept, true)
return 1
