-- What is fixed of a record, and its life.
-- What lies between head and life, as it is.
local function rest_of_base(bytes)
  return sub(bytes, 22, 52)
end

-- Read what is fixed: created_at, chunk, retention if completed and if not, lengths of names, request and payload.
local function read_base(bytes)
  return unpack_bytes('<I6I4I6I6I3I2I2', bytes, 24)
end

-- Read the life: fence, started_at, finished_at, cancel_requested_at, nonce, settled_to, lengths of progress, result
-- and meta.
local function read_life(bytes)
  return unpack_bytes('<I3I6I6I6c4BI3I2I2', bytes, 53)
end

local function life(fence, started_at, finished_at, canceled_at, nonce, settled_to, progress, result, meta)
  return pack('<I3I6I6I6c4BI3I2I2', fence, started_at, finished_at, canceled_at, nonce, settled_to, progress, result,
    meta)
end

-- The life of a job that never ran.
local function no_life()
  return 0, NEVER, NEVER, NEVER, NO_NONCE, NO_STATE, 0, 0, 0
end

-- The name of a job's queue: the first of its names.
local function queue_of(bytes)
  local from = BASE
  if band(byte(bytes, 3), HAS_LIFE) ~= 0 then from = BASE + LIFE end
  return sub(bytes, from + 2, from + 1 + (byte(bytes, from + 1) or 0))
end
