-- The time in UTC milliseconds: the one that was handed in, else the server's (CLK-1).
local function time_of(given)
  if given ~= '' then return tonumber(given) end
  local time = call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local now = time_of(ARGV[1])
-- The time as records have it.
local stamp = struct.pack('<I6', now)
