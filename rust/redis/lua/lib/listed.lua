-- Records above this are listed without what lies behind their names, for most of them are only passed over.
local LARGE = 4096
-- How many bytes of records one call reads, and a few records more: what bounds how long others wait for it.
local BYTES_A_CALL = 4194304

-- A record as a listing reads it: in a table where it is cut, with a second member where it is none.
local function excerpt(bytes)
  if #bytes <= LARGE then return bytes end
  if not is_record(bytes) then return { sub(bytes, 1, LARGE), 0 } end
  local _, _, _, _, names = read_base(bytes)
  local life = band(byte(bytes, 3), HAS_LIFE) ~= 0 and LIFE or 0
  return { sub(bytes, 1, BASE + life + names) }
end

-- Jobs as a listing reads them, each with id, record and the end of its lease, until so many bytes have been read in all;
-- what is gone is left out. Answers also how many of the ids were read, and how many bytes now.
local function listed(ids, bytes_read)
  local total, done, jobs, at_once = #ids, 0, {}, 4
  if total == 0 then return jobs, done, bytes_read end
  local leases = call('ZMSCORE', LEASE, unpack(ids))
  -- Large records are not held all at once.
  while done < total and bytes_read < BYTES_A_CALL do
    local some, before = { unpack(ids, done + 1, math.min(done + at_once, total)) }, bytes_read
    for i, bytes in ipairs(read_jobs(some)) do
      if bytes then
        bytes_read = bytes_read + #bytes
        jobs[#jobs + 1] = some[i]
        jobs[#jobs + 1] = excerpt(bytes)
        jobs[#jobs + 1] = leases[done + i]
      end
    end
    done = done + #some
    at_once = bytes_read - before < LARGE * #some and 16 or 4
  end
  return jobs, done, bytes_read
end
