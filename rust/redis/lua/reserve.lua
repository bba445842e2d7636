-- Reserve a side effect of the job, shared with all its redrives (EFF-1). Repeated with its nonce it answers as the
-- first time (SUB-3); `takeover` reserves again what another began and never recorded.
-- KEYS: shard
-- ARGV: now:time id:id fence:number running:state key:text nonce:text takeover:flag
local id, fence, running, key, nonce = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5], ARGV[6]
local takeover = ARGV[7] == '1'
local bytes = call('HGET', JOB, id)
if not is_held(bytes, running, fence) then return { 'stale' } end

local origin = origin_of(id, bytes)
local holder, value = read_effect(origin, key)
if value then return { 'recorded', value } end
if holder and holder ~= nonce and not takeover then return { 'uncertain' } end
if not holder then
  local redriven, effects = read_family(origin)
  keep_family(origin, redriven, effects .. pack('<I2', #key) .. key, true)
end
if holder ~= nonce then write_effect(origin, key, nonce, false) end
return { 'reserved' }
