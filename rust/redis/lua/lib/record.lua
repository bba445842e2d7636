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

-- Whether these bytes are a record that scripts may change: of this layout, and as long as its header says; answers where
-- what lies before the runs ends.
local function is_record(bytes)
  local size = bytes and #bytes or 0
  if size < BASE then return false end
  local format, state, flags = byte(bytes, 1, 3)
  if format ~= 1 then return false end
  -- The lengths of names, request and payload.
  local a, b, c, d, e, f, g = byte(bytes, 46, 52)
  local last = BASE + a + d + f + 256 * (b + e + g) + 65536 * c
  if flags % 16 < HAS_LIFE then return size == last and state ~= RUNNING and last end
  last = last + LIFE
  if size < last then return false end
  -- Those of progress, result and meta.
  a, b, c, d, e, f, g = byte(bytes, 79, 85)
  last = last + a + d + f + 256 * (b + e + g) + 65536 * c
  -- Most runs that go on are their job's first.
  if state == RUNNING and size - last == 10 + MARK + (byte(bytes, last + 10) or 0) then return last end
  return has_whole_runs(bytes, last + 1, size, state == RUNNING) and last
end

-- Read the records of these jobs with one call; false where there is none.
local function read_jobs(ids)
  if #ids == 0 then return {} end
  return call('HMGET', JOB, unpack(ids))
end
