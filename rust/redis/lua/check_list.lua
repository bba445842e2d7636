-- Read a page of the listing: where it goes on, then for each chunk its number and whether it is known, and for each of its
-- jobs the id and the chunk that its record names, none where there is no job.
-- KEYS: shard
-- ARGV: now:time cursor:number count:number
local page = call('HSCAN', LIST, ARGV[2], 'COUNT', ARGV[3])
-- The newest chunk is not among the others.
if ARGV[2] == '0' and call('EXISTS', TAIL) == 1 then
  page[2][#page[2] + 1] = call('HGET', CTL, 'chunk') or ''
  page[2][#page[2] + 1] = call('GET', TAIL)
end
local chunks = {}
for i = 1, #page[2], 2 do
  local number, members, jobs = page[2][i], page[2][i + 1], {}
  for at = 1, #members, 16 do
    local id = sub(members, at, at + 15)
    local bytes = call('HGET', JOB, id)
    jobs[#jobs + 1] = id
    -- What is wrong with a record that cannot be read is found with the record.
    jobs[#jobs + 1] = bytes and (is_record(bytes) and select(2, read_base(bytes)) or tonumber(number))
  end
  chunks[#chunks + 1] = { number, call('ZSCORE', CHUNKS, number) and 1 or 0, jobs }
end
return { page[1], chunks }
