-- The head of a record, which most writes change.
-- Read the head: state, flags, attempt, version, updated_at, ready_at, max_attempts, priority + 100.
local function read_head(bytes)
  return unpack_bytes('<BI2BI4I6I6BB', bytes, 2)
end

local function head(state, flags, attempt, version, updated_at, ready_at)
  return pack('<BBI2BI4I6I6', 1, state, flags, attempt, version, updated_at, ready_at)
end
