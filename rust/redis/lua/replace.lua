-- Put the record of a failed job in place of bytes that are no record, while they are what was seen. Which index it was in
-- tells what it was counted as; where its chunk cannot be read any more, it is searched.
-- KEYS: shard ready due request payload result
-- ARGV: now:time id:id seen:bytes record:bytes queue:name searched:flag failed:state queued:state scheduled:state running:state key_for:ms
local id, seen, bytes, queue, searched = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6] == '1'
local failed, key_for = tonumber(ARGV[7]), tonumber(ARGV[11])
local READY, DUE = KEYS[OWN_KEYS + 1], KEYS[OWN_KEYS + 2]
if call('HGET', JOB, id) ~= seen then return 'moved' end

local created_at, chunk, _, kept_for = read_base(bytes)
if searched then
  for _, number in ipairs(call('ZREVRANGE', CHUNKS, 0, -1)) do
    if string.find(call('HGET', LIST, number) or '', id, 1, true) then
      chunk = tonumber(number)
      break
    end
  end
end
for i, key in ipairs({ READY, DUE, LEASE }) do
  if call('ZSCORE', key, id) then count(tonumber(ARGV[7 + i]), queue, -1) end
  displace(key, id)
end
displace(STRIP, id)
count(failed, queue, 1)
put(id, sub(bytes, 1, 29) .. pack('<I4', chunk) .. sub(bytes, 34))
place_ended(id, unpack_bytes('<I2', bytes, 3), created_at, kept_for, key_for, true)
told[#told + 1] = id
write_all()
call('UNLINK', KEYS[OWN_KEYS + 3], KEYS[OWN_KEYS + 4], KEYS[OWN_KEYS + 5])
return 'replaced'
