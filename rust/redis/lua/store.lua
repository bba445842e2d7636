-- Store new jobs that are alike: they may be claimed at once, in one queue, and have no keys, no origins, and no bodies in
-- keys of their own (SUB-3). Answers the time; or 0, where one of them is stored already or the queue has no room for all.
-- Nothing is written then, and `enqueue` tells what becomes of each.
-- KEYS: job stat list chunks ctl tail channels ready
-- ARGV: now:time max_queued:number? scheduled:state queued:state queue:name facts:packed (id:id)* (record:bytes)*
-- facts: what each record has before `updated_at`, and between `ready_at` and `created_at`. The record is what lies behind
-- the number of its chunk.
local most, queue, facts = tonumber(ARGV[2]), ARGV[5], ARGV[6]
local IDS = 6
local number = (#ARGV - IDS) / 2
local RECORDS = IDS + number

local found = call('HMGET', JOB, unpack(ARGV, IDS + 1, RECORDS))
for i = 1, number do
  if found[i] then return 0 end
end
local queued = char(ARGV[4]) .. queue
if most then
  local counts = call('HMGET', STAT, char(ARGV[3]) .. queue, queued)
  if (tonumber(counts[1]) or 0) + (tonumber(counts[2]) or 0) + number > most then return 0 end
end

local marks = call('HMGET', CTL, 'chunk', 'last', 'back', 'idle:' .. queue, 'paused:' .. queue)
local newest, before = list_add(table.concat(ARGV, '', IDS + 1, RECORDS), marks)
local first = sub(facts, 1, 9) .. stamp .. stamp .. sub(facts, 10, 11) .. stamp
local score = digits(rank(byte(facts, 11), now))
local records, ranked, chunk, beginning = {}, {}, nil, nil
for i = 1, number do
  local id, its = ARGV[IDS + i], chunk_of(newest, before, i - 1)
  if its ~= chunk then chunk, beginning = its, first .. pack('<I4', its) end
  records[2 * i - 1], records[2 * i] = id, beginning .. ARGV[RECORDS + i]
  ranked[2 * i - 1], ranked[2 * i] = score, id
end
call('HINCRBY', STAT, queued, digits(number))
call('ZADD', READY, unpack(ranked))
call('HSET', JOB, unpack(records))
wake_marked(queue, marks[4], marks[5])
return now
