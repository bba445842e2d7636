-- Prolong leases, each to `lease_ms` from now. It changes no version (SET-5). Answers for each: 'renewed',
-- 'cancel_requested' or 'stale'.
-- KEYS: shard
-- ARGV: now:time lease_ms:number running:state (id:id fence:number)*
local lease_until, running = now + tonumber(ARGV[2]), tonumber(ARGV[3])
local ids, answers = {}, {}
for at = 4, #ARGV, 2 do ids[#ids + 1] = ARGV[at] end
for i, bytes in ipairs(read_jobs(ids)) do
  if not is_held(bytes, running, tonumber(ARGV[3 + 2 * i])) then
    answers[i] = 'stale'
  else
    place(LEASE, lease_until, ids[i])
    answers[i] = band(byte(bytes, 3), CANCEL) ~= 0 and 'cancel_requested' or 'renewed'
  end
end
write_all()
return answers
