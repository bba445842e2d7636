-- Tell claimers that there is more for them, once: where a claim came back short since, and the queue is not paused.
local function wake_marked(queue, is_idle, is_paused)
  if is_idle and not is_paused then
    call('HDEL', CTL, 'idle:' .. queue)
    tell('ready:' .. queue, queue)
  end
end

local function wake(queue)
  local marks = call('HMGET', CTL, 'idle:' .. queue, 'paused:' .. queue)
  wake_marked(queue, marks[1], marks[2])
end

-- Whether a job that is due then comes before all others of its queue.
local function is_earliest(due_key, due_at, id)
  local first = call('ZRANGE', due_key, '0', '0', 'WITHSCORES')
  if not first[1] then return true end
  local time = tonumber(first[2])
  return due_at < time or (due_at == time and is_before(id, first[1]))
end
