-- Find ended jobs whose bodies are to go and whose records stay: how many were looked at, then id and the bits of the
-- bodies in keys of their own. It looks at no more than `limit`, behind the first `passed`; what is to be pruned is left to
-- prune.
-- KEYS: shard
-- ARGV: now:time limit:number passed:number
local ids = call('ZRANGEBYSCORE', STRIP, '-inf', now, 'LIMIT', ARGV[3], ARGV[2])
local records, found = read_jobs(ids), { #ids }
for i, id in ipairs(ids) do
  local forgotten_at = call('ZSCORE', DONE, id)
  if forgotten_at and tonumber(forgotten_at) > now and is_record(records[i]) then
    found[#found + 1] = id
    found[#found + 1] = band(unpack_bytes('<I2', records[i], 3), OUT)
  end
end
return found
