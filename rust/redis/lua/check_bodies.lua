-- Look at keys that hold bodies: for each whether it is still there, and the flags of its job, none where there is no job.
-- KEYS: shard body*
-- ARGV: now:time id:id*
local found = {}
for i = 2, #ARGV do
  local bytes = call('HGET', JOB, ARGV[i])
  found[#found + 1] = call('EXISTS', KEYS[OWN_KEYS + i - 1])
  found[#found + 1] = is_record(bytes) and unpack_bytes('<I2', bytes, 3)
end
return found
