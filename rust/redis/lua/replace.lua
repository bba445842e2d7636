-- Put the record of a failed job in place of a running one that cannot be read, while it is as it was found; 0 where it is
-- not. Where its chunk of the listing could not be read either, it is searched.
-- KEYS: shard body*
-- ARGV: now:time id:id found:bytes record:bytes running:state failed:state queue:name strip_at:ms? forgotten_at:ms created_at:ms
local id, bytes, queue = ARGV[2], ARGV[4], ARGV[7]
if call('HGET', JOB, id) ~= ARGV[3] or not call('ZSCORE', LEASE, id) then return 0 end

local function is_in(number)
  local members = call('HGET', LIST, number) or ''
  for at = 1, #members, 16 do
    if sub(members, at, at + 15) == id then return true end
  end
  return false
end

local _, chunk = read_base(bytes)
if not is_in(chunk) then
  for _, number in ipairs(call('ZREVRANGE', CHUNKS, 0, -1)) do
    if is_in(number) then
      chunk = tonumber(number)
      break
    end
  end
end
put(id, sub(bytes, 1, 29) .. pack('<I4', chunk) .. sub(bytes, 34))
count(tonumber(ARGV[5]), queue, -1)
count(tonumber(ARGV[6]), queue, 1)
displace(LEASE, id)
if ARGV[8] ~= '' then place(STRIP, ARGV[8], id) end
place(DONE, ARGV[9], id)
place(DEAD, ARGV[10], id)
-- Whether somebody waits for its change cannot be read.
told[#told + 1] = id
write_all()
call('UNLINK', unpack(KEYS, OWN_KEYS + 1))
return 1
