-- Keep what a process tells of itself, in the place of what it told before, and let go of what is too old, so much at a
-- time; returns the server's time.
-- KEYS: shard sign card slot told
-- ARGV: now:time process:name has_card:flag card:bytes slot:number has_history:flag history:bytes sign_ms:ms slot_ms:ms slots:number
local SIGN, CARD, SLOT, TOLD = KEYS[OWN_KEYS + 1], KEYS[OWN_KEYS + 2], KEYS[OWN_KEYS + 3], KEYS[OWN_KEYS + 4]
local process, slot = ARGV[2], ARGV[5]
-- What bounds how long others wait for one report.
local AT_ONCE = 500

if ARGV[3] == '1' then
  call('ZADD', SIGN, digits(now), process)
  call('HSET', CARD, process, ARGV[4])
else
  call('ZREM', SIGN, process)
  call('HDEL', CARD, process)
end
if ARGV[6] == '1' then
  local field = slot .. ':' .. process
  call('ZADD', SLOT, slot, field)
  call('HSET', TOLD, field, ARGV[7])
end

-- What comes first by a score, up to the one that is too old, goes with its bodies.
local function let_go(index, bodies, oldest)
  local gone = call('ZRANGEBYSCORE', index, '-inf', digits(oldest), 'LIMIT', 0, AT_ONCE)
  if not gone[1] then return end
  call('ZREM', index, unpack(gone))
  call('HDEL', bodies, unpack(gone))
end

let_go(SIGN, CARD, now - tonumber(ARGV[8]))
let_go(SLOT, TOLD, math.floor(now / tonumber(ARGV[9])) - tonumber(ARGV[10]))
return now
