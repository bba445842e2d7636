-- Jobs as a listing reads them, each with id, record and the end of its lease; what is gone is left out.
local function listed(ids)
  if #ids == 0 then return {} end
  local records, leases, jobs = read_jobs(ids), call('ZMSCORE', LEASE, unpack(ids)), {}
  for i, id in ipairs(ids) do
    if records[i] then
      jobs[#jobs + 1] = id
      jobs[#jobs + 1] = records[i]
      jobs[#jobs + 1] = leases[i]
    end
  end
  return jobs
end
