-- The words of every script.
local call, pack, unpack_bytes = redis.call, struct.pack, struct.unpack
local byte, sub, char = string.byte, string.sub, string.char
local band, bor, bnot = bit.band, bit.bor, bit.bnot

-- A whole number in digits. Lua's own way leads over fractions, and takes ten times as long.
local function digits(number)
  if number < 1000000 then return string.format('%d', number) end
  local low = number % 1000000
  return string.format('%d%06d', (number - low) / 1000000, low)
end

-- Tell those who hear a channel. Where the user has no right to it, nobody hears, and everybody looks now and then: what
-- was written holds all the same.
local function tell(channel, message)
  redis.pcall('PUBLISH', CHANNELS .. channel, message)
end
