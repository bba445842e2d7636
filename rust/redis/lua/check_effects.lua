-- Read a page of families and effects: where it goes on, then for each the origin, whether its job is there, how many jobs
-- repeat it, and whether an effect stands in its family's list.
-- KEYS: shard
-- ARGV: now:time cursor:number count:number
local page = call('HSCAN', ONCE, ARGV[2], 'COUNT', ARGV[3])
local entries = {}
for i = 1, #page[2], 2 do
  local field = page[2][i]
  local origin, key = sub(field, 1, 16), sub(field, 18)
  local redriven, effects = read_family(origin)
  local is_known = #field == 16 and 1 or 0
  while effects ~= '' do
    local other
    other, effects = next_effect(effects)
    if #field > 16 and other == key then is_known = 1 end
  end
  entries[#entries + 1] = origin
  entries[#entries + 1] = call('HEXISTS', JOB, origin)
  entries[#entries + 1] = redriven
  entries[#entries + 1] = is_known
end
return { page[1], entries }
