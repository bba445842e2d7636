-- Read a page of the idempotency keys: where it goes on, then digest, id and record of each, none where there is no job.
-- KEYS: shard
-- ARGV: now:time cursor:number count:number
local page = call('HSCAN', IDEM, ARGV[2], 'COUNT', ARGV[3])
local entries = {}
for i = 1, #page[2], 2 do
  entries[#entries + 1] = page[2][i]
  entries[#entries + 1] = page[2][i + 1]
  entries[#entries + 1] = call('HGET', JOB, page[2][i + 1])
end
return { page[1], entries }
