-- The header of a record; the layout stands in src/record/mod.rs. Sections are cut and joined here, never read.
local BASE, LIFE, MARK = 52, 33, 8
local NEVER, NO_STATE, NO_NONCE = 281474976710655, 255, string.rep('\0', 4)
local CANCEL, WATCHED, STRIPPED, HAS_LIFE, KEYED = 1, 2, 4, 8, 16
local REQUEST_OUT, PAYLOAD_OUT, PROGRESS, RESULT, BODY = 64, 256, 512, 1024, 2048
local BODY_OUT, META, HAS_ORIGIN = 4096, 8192, 16384
local HAS_ERROR = 128
-- The state in which the newest run goes on, and so the last one ends in the mark of its claim.
local RUNNING = 2

-- Whether the runs that begin at a place fill the record to its end, as readers want them.
local function has_whole_runs(bytes, at, size, is_running)
  while at <= size do
    local ended_at = at + 10 + (byte(bytes, at + 9) or size)
    if is_running and size - ended_at == MARK - 1 then return true end
    local ended_as = byte(bytes, ended_at + 6)
    if not ended_as then return false end
    at = ended_at + 7
    if ended_as >= HAS_ERROR then
      local low, middle, high = byte(bytes, at, at + 2)
      if not high then return false end
      at = at + 3 + low + 256 * middle + 65536 * high
    end
  end
  return at == size + 1 and not is_running
end

-- Whether these bytes are a record that scripts may change: of this layout, and as long as its header says.
local function is_record(bytes)
  local size = bytes and #bytes or 0
  if size < BASE then return false end
  local format, state, flags = byte(bytes, 1, 3)
  if format ~= 1 then return false end
  -- The lengths of names, request and payload.
  local a, b, c, d, e, f, g = byte(bytes, 46, 52)
  local last = BASE + a + d + f + 256 * (b + e + g) + 65536 * c
  if flags % 16 < HAS_LIFE then return size == last and state ~= RUNNING end
  last = last + LIFE
  if size < last then return false end
  -- Those of progress, result and meta.
  a, b, c, d, e, f, g = byte(bytes, 79, 85)
  last = last + a + d + f + 256 * (b + e + g) + 65536 * c
  -- Most runs that go on are their job's first.
  if state == RUNNING and size - last == 10 + MARK + (byte(bytes, last + 10) or 0) then return true end
  return has_whole_runs(bytes, last + 1, size, state == RUNNING)
end

-- Read the head: state, flags, attempt, version, updated_at, ready_at, max_attempts, priority + 100.
local function read_head(bytes)
  return unpack_bytes('<BI2BI4I6I6BB', bytes, 2)
end

local function head(state, flags, attempt, version, updated_at, ready_at)
  return pack('<BBI2BI4I6I6', 1, state, flags, attempt, version, updated_at, ready_at)
end

-- What a head begins with: all before `updated_at`. It gives the same bytes as `head`, for a third of the time.
local function first_of_head(state, flags, attempt, version)
  if version < 256 then
    return char(1, state, flags % 256, (flags - flags % 256) / 256, attempt, version, 0, 0, 0)
  end
  return pack('<BBI2BI4', 1, state, flags, attempt, version)
end

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

-- Read the records of these jobs with one call; false where there is none.
local function read_jobs(ids)
  if #ids == 0 then return {} end
  return call('HMGET', JOB, unpack(ids))
end
