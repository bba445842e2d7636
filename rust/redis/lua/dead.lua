-- Read failed jobs, newest first, from behind a place or from the newest on: whether there is more behind them, how
-- many bytes were read, then id, record and the end of the lease for each.
-- KEYS: shard
-- ARGV: now:time created_at:ms id:id count:number
local created_at, before, count_of = ARGV[2], ARGV[3], tonumber(ARGV[4])
local from = 0

-- Bytes have an order that does not depend on the server's language.
local function is_less(one, other)
  for i = 1, 16 do
    local a, b = byte(one, i), byte(other, i)
    if a ~= b then return a < b end
  end
  return false
end

if created_at ~= '' then
  from = call('ZCOUNT', DEAD, '(' .. created_at, '+inf')
  -- Of those created at the same time, the first whose id is smaller, by halving.
  local behind = from + call('ZCOUNT', DEAD, created_at, created_at)
  while from < behind do
    local middle = math.floor((from + behind) / 2)
    if is_less(call('ZREVRANGE', DEAD, middle, middle)[1], before) then
      behind = middle
    else
      from = middle + 1
    end
  end
end
local jobs, done, bytes_read = listed(call('ZREVRANGE', DEAD, from, from + count_of - 1), 0)
return { call('ZCARD', DEAD) > from + done and 1 or 0, bytes_read, jobs }
