-- What a head begins with: all before `updated_at`. It gives the same bytes as `head`, for a third of the time.
local function first_of_head(state, flags, attempt, version)
  if version < 256 then
    return char(1, state, flags % 256, (flags - flags % 256) / 256, attempt, version, 0, 0, 0)
  end
  return pack('<BBI2BI4', 1, state, flags, attempt, version)
end
