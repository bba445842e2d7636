-- The time in UTC milliseconds: the one that was handed in, else the server's (CLK-1).
local now = tonumber(ARGV[1])
if not now then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
-- The time as records have it.
local stamp = pack('<I6', now)
