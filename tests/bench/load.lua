-- Ask the addresses of a file in turn, over and over; what came of it is one line of JSON at the end.
-- wrk … -s load.lua ADDRESS -- FILE [POST]: with POST each line is an address, a space and the body of a new feature.

local threads = 0

function setup(thread)
   threads = threads + 1
   thread:set("number", threads)
end

local asked, turn, run, method = {}, 0, "", "GET"

function init(arguments)
   method = arguments[2] or "GET"
   for line in io.lines(arguments[1]) do
      local address, body = line:match("^(%S+) ?(.*)$")
      asked[#asked + 1] = { address = address, body = body, text = wrk.format("GET", address) }
   end
   turn = number * 7 -- threads begin at different addresses
   run = ("%x-%d-%d"):format(os.time(), number, tonumber(tostring({}):match("0x(%x+)"), 16) % 1000000)
end

function request()
   turn = turn + 1
   local one = asked[turn % #asked + 1]
   if method == "GET" then return one.text end
   local headers = { ["Content-Type"] = "application/json", ["Idempotency-Key"] = run .. "-" .. turn }
   return wrk.format(method, one.address, headers, one.body)
end

function done(summary, latency)
   local failed = summary.errors
   io.write(("{\"requests\": %d, \"microseconds\": %d, \"bytes\": %d, \"failed\": %d, \"p50\": %d, \"p99\": %d}\n"):format(
      summary.requests, summary.duration, summary.bytes,
      failed.connect + failed.read + failed.write + failed.status + failed.timeout,
      latency:percentile(50), latency:percentile(99)))
end
