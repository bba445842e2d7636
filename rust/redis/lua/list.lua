-- Read the listing from a chunk on, newest first: whether there is more behind it, then for each chunk its number and its
-- jobs, each with id, record and the end of its lease. It stops behind the chunk with which it has read enough.
-- KEYS: shard
-- ARGV: now:time from:number enough:number
local from, enough = ARGV[2], tonumber(ARGV[3])
local read, chunks = 0, {}
while read < enough do
  local newest = call('ZREVRANGEBYSCORE', CHUNKS, from, '-inf', 'LIMIT', 0, 1)[1]
  if not newest then return { 0, chunks } end
  from = '(' .. newest
  local bytes, ids = call('HGET', LIST, newest) or '', {}
  for at = 1, #bytes, 16 do ids[#ids + 1] = sub(bytes, at, at + 15) end
  chunks[#chunks + 1] = { tonumber(newest), listed(ids) }
  -- An empty chunk is none, but must not be read for ever.
  read = read + math.max(#ids, 1)
end
return { call('ZCOUNT', CHUNKS, '-inf', from) > 0 and 1 or 0, chunks }
