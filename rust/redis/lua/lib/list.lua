-- The listing: chunks of at most 127 ids, in the order of their storing, so that ids cost little more than their bytes.
-- With what Redis keeps around a value, this fills two kilobytes.
local CHUNK_BYTES = 2032

-- Append jobs to the listing; returns the number of each one's chunk.
local function list_add(ids)
  local total = #ids
  if total == 0 then return {} end
  local known = call('HMGET', CTL, 'chunk', 'last', 'back')
  local newest, last_time, back = known[1], tonumber(known[2]), tonumber(known[3]) or 0
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
  local news = name ~= newest and { 'chunk', name } or {}
  if not last_time or now > last_time then
    news[#news + 1] = 'last'
    news[#news + 1] = digits(now)
  elseif last_time - now > back then
    -- The clock was set back: whoever looks for a time has to look so much further.
    news[#news + 1] = 'back'
    news[#news + 1] = digits(last_time - now)
  end
  if news[1] then call('HSET', CTL, unpack(news)) end
  return numbers
end
