-- Make jobs queued whose time has come, in every queue that is named (CLM-6); returns how many.
-- KEYS: shard (ready due)*
-- ARGV: now:time limit:number scheduled:state queued:state queue:name*
local queues = {}
for i = 1, #ARGV - 4 do
  queues[i] = { name = ARGV[4 + i], ready = KEYS[OWN_KEYS + 2 * i - 1], due = KEYS[OWN_KEYS + 2 * i] }
end
local promoted = promote(queues, tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]))
if promoted > 0 then
  for _, queue in ipairs(queues) do
    if call('EXISTS', queue.ready) == 1 then wake(queue.name) end
  end
end
return promoted
