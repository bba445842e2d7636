-- Read a page of a sorted set of jobs: where it goes on, then id and queue of each, no queue where there is no job.
-- KEYS: shard index
-- ARGV: now:time cursor:number count:number
local page = call('ZSCAN', KEYS[OWN_KEYS + 1], ARGV[2], 'COUNT', ARGV[3])
local entries = {}
for i = 1, #page[2], 2 do
  local id = page[2][i]
  local bytes = call('HGET', JOB, id)
  entries[#entries + 1] = id
  entries[#entries + 1] = bytes and is_record(bytes) and queue_of(bytes) or (bytes and '?')
end
return { page[1], entries }
