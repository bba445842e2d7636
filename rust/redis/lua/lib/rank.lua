-- The order of claims (CLM-2): higher priority first, then earlier; `priority` is counted from −100.
local function rank(priority, ready_at)
  return (200 - priority) * 4398046511104 + math.min(ready_at, 4398046511103)
end

-- Whether one id comes before another, byte by byte: Lua compares strings by the server's locale.
local function is_before(id, other)
  for i = 1, 16 do
    local a, b = byte(id, i), byte(other, i)
    if a ~= b then return a < b end
  end
  return false
end
