-- A job as readers get it: its record, the end of its lease, and the bodies that lie in keys of their own, for which
-- KEYS has three from `first` on: request, payload, result. Where something else lies in the key, MGET has nothing and
-- GET an error.
local function view(id, bytes, first)
  if not is_record(bytes) then return { bytes } end
  local flags = unpack_bytes('<I2', bytes, 3)
  local function out(flag, at) return band(flags, flag) ~= 0 and call('MGET', KEYS[at])[1] end
  return {
    bytes, call('ZSCORE', LEASE, id), out(REQUEST_OUT, first), out(PAYLOAD_OUT, first + 1), out(BODY_OUT, first + 2),
  }
end
