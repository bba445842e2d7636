-- Drop request, payload and result of ended jobs whose retention is over and whose key keeps the record (IDM-4); returns
-- how many. A job that is not as it was found any more is left for the next time.
-- KEYS: shard body*
-- ARGV: now:time (id:id out:bits)*
local gone, unlinked, next_key = 0, {}, OWN_KEYS + 1

local function strip_one(id, bytes)
  local state, flags, attempt, version, _, ready_at = read_head(bytes)
  local number, started_at, finished_at, canceled_at, nonce, settled_to, progress, result, meta = read_life(bytes)
  local _, _, _, _, names, request, payload = read_base(bytes)
  local sections = BASE + LIFE + 1
  local behind = sections + names + request + payload
  flags, version = touch(id, flags, version)
  flags = bor(band(flags, bnot(bor(REQUEST, PAYLOAD, RESULT, BODY, META, OUT))), STRIPPED)
  put(id, head(state, flags, attempt, version, now, ready_at) .. sub(bytes, 22, 48) .. pack('<I2I2', 0, 0)
    .. life(number, started_at, finished_at, canceled_at, nonce, settled_to, progress, 0, 0)
    .. sub(bytes, sections, sections + names - 1) .. sub(bytes, behind, behind + progress - 1)
    .. sub(bytes, behind + progress + result + meta))
  displace(STRIP, id)
end

for i = 2, #ARGV, 2 do
  local id, out = ARGV[i], tonumber(ARGV[i + 1])
  local bytes = call('HGET', JOB, id)
  local expires_at, forgotten_at = call('ZSCORE', STRIP, id), call('ZSCORE', DONE, id)
  local is_as_found = expires_at and tonumber(expires_at) <= now and forgotten_at and tonumber(forgotten_at) > now
    and is_record(bytes) and band(unpack_bytes('<I2', bytes, 3), OUT) == out
  if is_as_found then
    strip_one(id, bytes)
    gone = gone + 1
  end
  for _, flag in ipairs({ REQUEST_OUT, PAYLOAD_OUT, BODY_OUT }) do
    if band(out, flag) ~= 0 then
      if is_as_found then unlinked[#unlinked + 1] = KEYS[next_key] end
      next_key = next_key + 1
    end
  end
end
write_all()
for _, key in ipairs(unlinked) do call('UNLINK', key) end
return gone
