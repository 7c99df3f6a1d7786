-- Request the URLs of a file in turn, over and over; print the summary as a line of JSON at the end.
-- wrk … -s load.lua BASE_URL -- FILE [POST]: with POST each line is a path, a space and the body of a new feature.

local threads = 0

function setup(thread)
   threads = threads + 1
   thread:set("number", threads)
end

local requests, turn, run, method = {}, 0, "", "GET"

function init(arguments)
   method = arguments[2] or "GET"
   for line in io.lines(arguments[1]) do
      local path, body = line:match("^(%S+) ?(.*)$")
      requests[#requests + 1] = { path = path, body = body, text = wrk.format("GET", path) }
   end
   turn = number * 7 -- threads begin at different lines
   run = ("%x-%d-%d"):format(os.time(), number, tonumber(tostring({}):match("0x(%x+)"), 16) % 1000000)
end

function request()
   turn = turn + 1
   local entry = requests[turn % #requests + 1]
   if method == "GET" then return entry.text end
   local headers = { ["Content-Type"] = "application/json", ["Idempotency-Key"] = run .. "-" .. turn }
   return wrk.format(method, entry.path, headers, entry.body)
end

function done(summary, latency)
   local failed = summary.errors
   io.write(("{\"requests\": %d, \"microseconds\": %d, \"bytes\": %d, \"failed\": %d, \"p50\": %d, \"p99\": %d}\n"):format(
      summary.requests, summary.duration, summary.bytes,
      failed.connect + failed.read + failed.write + failed.status + failed.timeout,
      latency:percentile(50), latency:percentile(99)))
end
