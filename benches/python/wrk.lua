-- Every request carries an idempotency key of its own; KEYS is what the keys of one run begin with.
local count = 0
local prefix = os.getenv("KEYS") or ""
local body = '{"title": "Autumn", "pages": 5}'
local headers = { ["Content-Type"] = "application/json" }

request = function()
  count = count + 1
  headers["Idempotency-Key"] = prefix .. "-" .. count
  return wrk.format("POST", nil, headers, body)
end
