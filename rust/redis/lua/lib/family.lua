-- The jobs that share the effects of one origin: how many others are stored, then the keys of the effects, each behind
-- two bytes of length.
local function read_family(origin)
  local bytes = call('HGET', ONCE, origin)
  if not bytes then return 0, '' end
  return unpack_bytes('<I4', bytes), sub(bytes, 5)
end

-- A job that names this origin is stored.
local function family_join(origin)
  local redriven, effects = read_family(origin)
  call('HSET', ONCE, origin, pack('<I4', redriven + 1) .. effects)
end
