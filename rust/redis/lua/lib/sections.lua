-- The sections of a record, found by the lengths in its header.
local REQUEST, PAYLOAD = 32, 128
local OUT = REQUEST_OUT + PAYLOAD_OUT + BODY_OUT

-- Where a record's names begin and end.
local function names_at(bytes)
  local first = BASE + 1
  if band(byte(bytes, 3), HAS_LIFE) ~= 0 then first = first + LIFE end
  local _, _, _, _, length = read_base(bytes)
  return first, first + length - 1
end

-- The job whose effects this one shares: the last of its names, where it has any but itself.
local function origin_of(id, bytes)
  if band(unpack_bytes('<I2', bytes, 3), HAS_ORIGIN) == 0 then return id end
  local _, last = names_at(bytes)
  return sub(bytes, last - 15, last)
end
