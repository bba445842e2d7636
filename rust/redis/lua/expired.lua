-- Find runs whose lease has passed, longest ago first: the time, then ids and their records up to the names; 0 in place
-- of a record that scripts cannot read. A lease whose job is gone is forgotten.
-- KEYS: shard
-- ARGV: now:time limit:number
local ids = call('ZRANGEBYSCORE', LEASE, '-inf', string.format('(%.0f', now), 'LIMIT', 0, tonumber(ARGV[2]))
local answer = { now }
for i, bytes in ipairs(read_jobs(ids)) do
  if not bytes then
    displace(LEASE, ids[i])
  else
    local shown = 0
    if is_record(bytes) then
      local _, _, _, _, names = read_base(bytes)
      local last = BASE + names
      if band(byte(bytes, 3), HAS_LIFE) ~= 0 then last = last + LIFE end
      shown = sub(bytes, 1, last)
    end
    answer[#answer + 1] = ids[i]
    answer[#answer + 1] = shown
  end
end
write_all()
return answer
