-- Delete jobs that have ended; returns how many. A job that is not as it was found any more is left; with `pruned`, so is
-- one whose time has not come.
-- KEYS: shard (request payload result)*
-- ARGV: now:time pruned:flag ended:states (id:id digest:bytes seen:bytes)*
local pruned, ended, gone = ARGV[2] == '1', ARGV[3], {}

-- What was found is the fixed part of the record: the same id may have gone and come again. Of what is no record, its
-- place among the ended ones says that it has ended.
local function is_as_found(bytes, seen, forgotten_at)
  if not bytes then return seen == '' end
  if not is_record(bytes) then return forgotten_at and bytes == seen end
  if not string.find(ended, sub(bytes, 2, 2), 1, true) then return false end
  return sub(bytes, 22, 47) == sub(seen, 22, 47)
end

for i = 4, #ARGV, 3 do
  local id, digest, seen = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local bytes = call('HGET', JOB, id)
  local forgotten_at = call('ZSCORE', DONE, id)
  local is_due = not pruned or (forgotten_at and tonumber(forgotten_at) <= now)
  if is_due and is_as_found(bytes, seen, forgotten_at) then
    gone[#gone + 1] = { id = id, bytes = bytes or '', digest = digest, body = OWN_KEYS + (i - 4) + 1 }
  end
end
for _, job in ipairs(gone) do
  remove_one(job.id, job.bytes, job.digest)
  call('UNLINK', KEYS[job.body], KEYS[job.body + 1], KEYS[job.body + 2])
end
write_chunks()
write_all()
return #gone
