-- Read the listing, newest first, from a chunk on, or from where jobs created before a time begin: whether there is more
-- behind it, how far the clock was ever set back, how many bytes were read, the ids of the last chunk that were not, then
-- for each chunk its number and its jobs, each with id, record and the end of its lease. It stops behind the chunk with
-- which it has read enough, and in one where that is too many bytes; it goes on there if it is handed the ids.
-- KEYS: shard
-- ARGV: now:time from:number enough:number before:ms? rest:ids
local from, enough, before, rest = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local back = tonumber(call('HGET', CTL, 'back')) or 0
local read, bytes_read, chunks, left = 0, 0, {}, ''

-- Whether the oldest job of a chunk was created at a time or later; not where nothing is known of it.
local function is_since(chunk, time)
  local ids = read_chunk(chunk)
  for at = 1, #ids, 16 do
    local bytes = call('HGET', JOB, sub(ids, at, at + 15))
    if is_record(bytes) then return (read_base(bytes)) >= time end
  end
  return false
end

-- The newest chunk that can have jobs created before a time, by halving. Chunks are in the order of storing; a job that
-- is stored behind one created at `time + back` was itself created at `time` or later.
local function chunk_before(time)
  local low, high = 0, call('ZCARD', CHUNKS)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if is_since(call('ZRANGE', CHUNKS, middle, middle)[1], time + back) then high = middle else low = middle + 1 end
  end
  return low > 0 and call('ZRANGE', CHUNKS, low - 1, low - 1)[1]
end

local function show_chunk(chunk, bytes)
  local ids, done = {}, 0
  for at = 1, #bytes, 16 do ids[#ids + 1] = sub(bytes, at, at + 15) end
  local jobs
  jobs, done, bytes_read = listed(ids, bytes_read)
  left = sub(bytes, 16 * done + 1)
  chunks[#chunks + 1] = { tonumber(chunk), jobs }
  -- An empty chunk is none, but must not be read for ever.
  read = read + math.max(#ids, 1)
end

if before then
  from = chunk_before(before)
  if not from then return { 0, back, 0, '', chunks } end
end
if rest ~= '' then
  show_chunk(from, rest)
  from = '(' .. from
end
while left == '' and read < enough and bytes_read < BYTES_A_CALL do
  local newest = call('ZREVRANGEBYSCORE', CHUNKS, from, '-inf', 'LIMIT', 0, 1)[1]
  if not newest then return { 0, back, bytes_read, '', chunks } end
  from = '(' .. newest
  show_chunk(newest, read_chunk(newest))
end
local has_more = left ~= '' or call('ZCOUNT', CHUNKS, '-inf', from) > 0
return { has_more and 1 or 0, back, bytes_read, left, chunks }
