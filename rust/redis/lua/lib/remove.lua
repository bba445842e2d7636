-- Delete ended jobs with all that belongs to them alone (RTN-1).
local cut = {}

-- Cut a job out of its chunk of the listing.
local function unlist(id, chunk)
  local bytes = cut[chunk] or read_chunk(chunk)
  for at = 1, #bytes, 16 do
    if sub(bytes, at, at + 15) == id then
      cut[chunk] = sub(bytes, 1, at - 1) .. sub(bytes, at + 16)
      return
    end
  end
end

-- Write the chunks that were cut; one without jobs goes.
local function write_chunks()
  for chunk, bytes in pairs(cut) do
    if bytes == '' then
      call('HDEL', LIST, chunk)
      call('ZREM', CHUNKS, chunk)
      if is_newest(chunk) then call('UNLINK', TAIL) end
    elseif is_newest(chunk) then
      call('SET', TAIL, bytes)
    else
      call('HSET', LIST, chunk, bytes)
    end
  end
  cut = {}
end

-- A job is gone: its origin's family has one less, and its own family goes if nobody else is left of it.
local function leave_family(id, bytes)
  local origin = origin_of(id, bytes)
  if band(unpack_bytes('<I2', bytes, 3), HAS_ORIGIN) ~= 0 then
    local redriven, effects = read_family(origin)
    keep_family(origin, math.max(redriven - 1, 0), effects, call('HEXISTS', JOB, origin) == 1)
  end
  if call('HEXISTS', ONCE, id) == 1 then
    local redriven, effects = read_family(id)
    keep_family(id, redriven, effects, false)
  end
end

local function remove_one(id, bytes, digest)
  displace(DONE, id)
  displace(STRIP, id)
  displace(DEAD, id)
  if digest ~= '' and call('HGET', IDEM, digest) == id then call('HDEL', IDEM, digest) end
  call('HDEL', JOB, id)
  -- Of what is no record, nothing more is known.
  if not is_record(bytes) then return end
  local state, flags, _, version = read_head(bytes)
  local _, chunk = read_base(bytes)
  touch(id, flags, version)
  count(state, queue_of(bytes), -1)
  unlist(id, chunk)
  leave_family(id, bytes)
end
