-- Whether this run holds the job (LSE-2): it is in the state of running jobs, and this is its newest run.
local function is_held(bytes, running, fence)
  return is_record(bytes) and byte(bytes, 2) == running and unpack_bytes('<I3', bytes, 53) == fence
end
