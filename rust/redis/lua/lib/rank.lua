-- The order of claims (CLM-2): higher priority first, then earlier; `priority` is above −100.
local function rank(priority, ready_at)
  return (200 - priority) * 4398046511104 + math.min(ready_at, 4398046511103)
end
