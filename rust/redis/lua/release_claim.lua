-- Find what a claim began and still runs, some leases at a time: where to go on, '0' at the end, then ids, fences and
-- queues of the runs with its mark. A job may come twice.
-- KEYS: shard
-- ARGV: now:time mark:bytes running:state from:text
local mark, running = ARGV[2], tonumber(ARGV[3])
local scanned = call('ZSCAN', LEASE, ARGV[4], 'COUNT', 1000)
local leases, ids = scanned[2], {}
for i = 1, #leases, 2 do ids[#ids + 1] = leases[i] end
local found = { scanned[1] }
for i, bytes in ipairs(read_jobs(ids)) do
  if bytes and sub(bytes, -MARK) == mark and is_record(bytes) and byte(bytes, 2) == running then
    found[#found + 1] = ids[i]
    found[#found + 1] = read_life(bytes)
    found[#found + 1] = queue_of(bytes)
  end
end
return found
