-- Put the record of a failed job in place of a running one that cannot be read, while it is as it was found; 0 where it is
-- not. Where its chunk of the listing could not be read either, it is searched; so is the queue in which it is counted,
-- which then becomes the job's.
-- KEYS: shard body*
-- ARGV: now:time id:id found:bytes record:bytes running:state failed:state queue:name strip_at:ms? forgotten_at:ms created_at:ms
local id, bytes, running, queue = ARGV[2], ARGV[4], tonumber(ARGV[5]), ARGV[7]
if call('HGET', JOB, id) ~= ARGV[3] or not call('ZSCORE', LEASE, id) then return 0 end

local function is_in(number)
  local members = read_chunk(number)
  for at = 1, #members, 16 do
    if sub(members, at, at + 15) == id then return true end
  end
  return false
end

-- The runs that are counted in each queue, without those whose records say that they are there.
local function unexplained()
  local left = {}
  local counted = call('HGETALL', STAT)
  for i = 1, #counted, 2 do
    if byte(counted[i]) == running then left[sub(counted[i], 2)] = tonumber(counted[i + 1]) end
  end
  local ids = call('ZRANGE', LEASE, 0, -1)
  for from = 1, #ids, 1000 do
    local some = { unpack(ids, from, math.min(from + 999, #ids)) }
    for i, other in ipairs(read_jobs(some)) do
      if some[i] ~= id and is_record(other) and byte(other, 2) == running then
        local of = queue_of(other)
        if left[of] then left[of] = left[of] - 1 end
      end
    end
  end
  return left
end

-- The queue in which the run is counted: the one that its record names, else one that counts more than there are.
local function counted_in()
  local left = unexplained()
  if (left[queue] or 0) > 0 then return queue end
  for name, number in pairs(left) do
    if number > 0 then return name end
  end
end

-- The record with another queue among its names.
local function moved_to(other)
  local _, _, _, _, names = read_base(bytes)
  return sub(bytes, 1, 45) .. pack('<I3', names - #queue + #other) .. sub(bytes, 49, BASE + LIFE) .. char(#other)
    .. other .. sub(bytes, BASE + LIFE + 2 + #queue)
end

local counted = counted_in()
if counted then
  if counted ~= queue then bytes, queue = moved_to(counted), counted end
  count(running, queue, -1)
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
count(tonumber(ARGV[6]), queue, 1)
displace(LEASE, id)
if ARGV[8] ~= '' then place(STRIP, tonumber(ARGV[8]), id) end
place(DONE, tonumber(ARGV[9]), id)
place(DEAD, tonumber(ARGV[10]), id)
-- Whether somebody waits for its change cannot be read.
told[#told + 1] = id
write_all()
call('UNLINK', unpack(KEYS, OWN_KEYS + 1))
return 1
