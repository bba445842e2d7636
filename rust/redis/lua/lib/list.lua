-- The listing: chunks of at most 127 ids each, in the order of their storing, so that ids cost little more than their
-- bytes. With what Redis keeps around a value, this fills two kilobytes.
local CHUNK_BYTES = 2032

-- Move the full chunks of the tail to the others; what is left is the newest chunk then.
local function part_tail(number)
  local bytes, at = call('GET', TAIL), 1
  while #bytes - at >= CHUNK_BYTES do
    call('HSET', LIST, digits(number), sub(bytes, at, at + CHUNK_BYTES - 1))
    at, number = at + CHUNK_BYTES, number + 1
    call('ZADD', CHUNKS, digits(number), digits(number))
  end
  call('SET', TAIL, sub(bytes, at))
  call('HSET', CTL, 'chunk', digits(number))
end

-- Append ids, joined, to the listing, of which `ctl` has these: chunk, last, back. Returns the number of the newest chunk,
-- and how many bytes it had, by which `chunk_of` knows the chunk of each.
local function list_add(ids, known)
  local newest, last_time, back = known[1] or '0', tonumber(known[2]), tonumber(known[3]) or 0
  local number, size = tonumber(newest), call('APPEND', TAIL, ids)
  local before = size - #ids
  if before == 0 then call('ZADD', CHUNKS, newest, newest) end
  local news = known[1] and {} or { 'chunk', newest }
  if not last_time or now > last_time then
    news[#news + 1] = 'last'
    news[#news + 1] = digits(now)
  elseif last_time - now > back then
    -- The clock was set back: whoever looks for a time has to look so much further.
    news[#news + 1] = 'back'
    news[#news + 1] = digits(last_time - now)
  end
  if news[1] then call('HSET', CTL, unpack(news)) end
  if size > CHUNK_BYTES then part_tail(number) end
  return number, before
end

-- The number of the chunk into which the job at this place went, counted from zero.
local function chunk_of(number, before, place)
  return number + math.floor((before + 16 * place) / CHUNK_BYTES)
end
