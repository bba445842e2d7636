-- Find what a claim began and still runs: ids, fences and queues of the runs with its mark.
-- KEYS: shard
-- ARGV: now:time mark:bytes running:state
local mark, running = ARGV[2], tonumber(ARGV[3])
local ids = call('ZRANGE', LEASE, 0, -1)
local found = {}
for from = 1, #ids, 1000 do
  local some = {}
  for i = from, math.min(from + 999, #ids) do some[#some + 1] = ids[i] end
  for i, bytes in ipairs(read_jobs(some)) do
    if is_record(bytes) and byte(bytes, 2) == running and sub(bytes, -MARK) == mark then
      found[#found + 1] = some[i]
      found[#found + 1] = read_life(bytes)
      found[#found + 1] = queue_of(bytes)
    end
  end
end
return found
