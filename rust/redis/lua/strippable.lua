-- Find ended jobs whose bodies are to go and whose records stay: id, then the bits of the bodies in keys of their own.
-- It looks at no more than `limit`; what is to be pruned is left to prune.
-- KEYS: shard
-- ARGV: now:time limit:number
local ids = call('ZRANGEBYSCORE', STRIP, '-inf', now, 'LIMIT', 0, tonumber(ARGV[2]))
local records, found = read_jobs(ids), {}
for i, id in ipairs(ids) do
  local forgotten_at = call('ZSCORE', DONE, id)
  if forgotten_at and tonumber(forgotten_at) > now and is_record(records[i]) then
    found[#found + 1] = id
    found[#found + 1] = band(unpack_bytes('<I2', records[i], 3), OUT)
  end
end
return found
