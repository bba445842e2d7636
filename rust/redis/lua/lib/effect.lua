-- The effects of `once` (EFF-1): one field each, named by origin and key, and told apart from the origin's family by a
-- byte between them. It holds whether there is a value, the nonce behind two bytes of length, and the value.
local function effect_field(origin, key)
  return origin .. '=' .. key
end

-- Read an effect: its nonce, and its value, or false; nothing where there is none.
local function read_effect(origin, key)
  local bytes = call('HGET', ONCE, effect_field(origin, key))
  if not bytes then return nil end
  local has_value, length = unpack_bytes('<BI2', bytes)
  return sub(bytes, 4, 3 + length), has_value == 1 and sub(bytes, 4 + length)
end

local function write_effect(origin, key, nonce, value)
  local mark = value and 1 or 0
  call('HSET', ONCE, effect_field(origin, key), pack('<BI2', mark, #nonce) .. nonce .. (value or ''))
end

-- Cut the next key off a family's list of them.
local function next_effect(effects)
  local length = unpack_bytes('<I2', effects)
  return sub(effects, 3, 2 + length), sub(effects, 3 + length)
end

-- Write a family, or forget it with all its effects where nobody of it is left.
local function keep_family(origin, redriven, effects, origin_lives)
  if redriven > 0 or (origin_lives and effects ~= '') then
    call('HSET', ONCE, origin, pack('<I4', redriven) .. effects)
    return
  end
  call('HDEL', ONCE, origin)
  while effects ~= '' do
    local key
    key, effects = next_effect(effects)
    call('HDEL', ONCE, effect_field(origin, key))
  end
end
