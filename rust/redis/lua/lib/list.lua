-- The listing: chunks of at most 127 ids, in the order of their storing, so that ids cost little more than their bytes.
-- With what Redis keeps around a value, this fills two kilobytes.
local CHUNK_BYTES = 2032

-- Append jobs to the listing; returns the number of each one's chunk.
local function list_add(ids)
  local total = #ids
  if total == 0 then return {} end
  local newest = call('HGET', CTL, 'chunk')
  local name = newest or '0'
  local number = tonumber(name)
  local bytes = newest and call('HGET', LIST, name) or ''
  local numbers, at, chunks = {}, 1, {}
  while at <= total do
    local room = (CHUNK_BYTES - #bytes) / 16
    if room < 1 then
      number, bytes, room = number + 1, '', CHUNK_BYTES / 16
      name = digits(number)
    end
    local last = math.min(at + room - 1, total)
    if bytes == '' then chunks[#chunks + 1] = name end
    bytes = bytes .. table.concat(ids, '', at, last)
    for i = at, last do numbers[i] = number end
    call('HSET', LIST, name, bytes)
    at = last + 1
  end
  for _, begun in ipairs(chunks) do call('ZADD', CHUNKS, begun, begun) end
  if name ~= newest then call('HSET', CTL, 'chunk', name) end
  return numbers
end
