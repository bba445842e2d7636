-- Find records that nothing keeps any more: id, then the record up to its names.
-- KEYS: shard
-- ARGV: now:time limit:number
local ids = call('ZRANGEBYSCORE', DONE, '-inf', now, 'LIMIT', 0, tonumber(ARGV[2]))
local records, found = read_jobs(ids), {}
for i, id in ipairs(ids) do
  local bytes = records[i] or ''
  if is_record(bytes) then
    local _, last = names_at(bytes)
    bytes = sub(bytes, 1, last)
  end
  found[#found + 1] = id
  found[#found + 1] = bytes
end
return found
