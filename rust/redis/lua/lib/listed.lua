-- Records above this are listed without what lies behind their names, for most of them are only passed over.
local LARGE = 4096

-- A record as a listing reads it: in a table where it is cut, with a second member where it is none.
local function excerpt(bytes)
  if #bytes <= LARGE then return bytes end
  if not is_record(bytes) then return { sub(bytes, 1, LARGE), 0 } end
  local _, _, _, _, names = read_base(bytes)
  local life = band(byte(bytes, 3), HAS_LIFE) ~= 0 and LIFE or 0
  return { sub(bytes, 1, BASE + life + names) }
end

-- Jobs as a listing reads them, each with id, record and the end of its lease; what is gone is left out.
local function listed(ids)
  if #ids == 0 then return {} end
  local leases, jobs = call('ZMSCORE', LEASE, unpack(ids)), {}
  -- Large records are not held all at once.
  for from = 1, #ids, 16 do
    local some = { unpack(ids, from, math.min(from + 15, #ids)) }
    for i, bytes in ipairs(read_jobs(some)) do
      if bytes then
        jobs[#jobs + 1] = some[i]
        jobs[#jobs + 1] = excerpt(bytes)
        jobs[#jobs + 1] = leases[from + i - 1]
      end
    end
  end
  return jobs
end
