-- The ids of a chunk of the listing, joined. The newest lies in a key of its own, where ids are appended to it.
local newest_chunk
local function is_newest(number)
  newest_chunk = newest_chunk or call('HGET', CTL, 'chunk') or ''
  return tostring(number) == newest_chunk
end

local function read_chunk(number)
  if is_newest(number) then return call('GET', TAIL) or '' end
  return call('HGET', LIST, number) or ''
end
