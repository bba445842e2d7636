-- Put a job that ends now into the indexes of ended jobs: when it goes, when its bodies go before (IDM-4).
local function place_ended(id, flags, created_at, kept_for, key_for, is_dead)
  local expires_at = now + kept_for
  local forgotten_at = expires_at
  if band(flags, KEYED) ~= 0 then forgotten_at = math.max(expires_at, created_at + key_for) end
  if forgotten_at > expires_at then place(STRIP, expires_at, id) end
  place(DONE, forgotten_at, id)
  if is_dead then place(DEAD, created_at, id) end
end
