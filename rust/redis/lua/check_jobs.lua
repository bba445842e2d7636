-- Read jobs with every entry that an index has for them: record, scores in ready, due, lease, done, strip and dead, whose
-- the idempotency key is, whether the job is in its chunk and the chunk known, and how many of its bodies there are.
-- KEYS: shard (ready due request payload result)*
-- ARGV: now:time (id:id digest:bytes chunk:number)*
local jobs = {}
for i = 2, #ARGV, 3 do
  local id, digest, chunk = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local own = OWN_KEYS + (i - 2) / 3 * 5
  local function score(key) return call('ZSCORE', key, id) end
  local members, is_listed = read_chunk(chunk), 0
  for at = 1, #members, 16 do
    if sub(members, at, at + 15) == id then is_listed = 1 end
  end
  jobs[#jobs + 1] = {
    call('HGET', JOB, id), score(KEYS[own + 1]), score(KEYS[own + 2]), score(LEASE), score(DONE), score(STRIP),
    score(DEAD), call('HGET', IDEM, digest), is_listed, call('ZSCORE', CHUNKS, chunk) and 1 or 0,
    call('EXISTS', KEYS[own + 3]), call('EXISTS', KEYS[own + 4]), call('EXISTS', KEYS[own + 5]),
  }
end
return jobs
