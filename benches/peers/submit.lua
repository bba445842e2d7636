-- For wrk: post the same report again and again, and print the answer as JSON.

wrk.method = "POST"
wrk.body = '{"title": "Autumn", "pages": 5}'
wrk.headers["Content-Type"] = "application/json"

local FORMAT = '{"answers": %d, "rate": %.3f, "p99": %.3f, "errors": %d}'

function done(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  local rate = summary.requests / (summary.duration / 1e6)
  print(string.format(FORMAT, summary.requests, rate, latency:percentile(99) / 1000, failed))
end
