-- SPDX-License-Identifier: Apache-2.0
-- wrk: one GET again and again. With an argument each connection waits so many milliseconds before
-- a request. Prints one line of JSON at the end, as hop.lua does.

local pause = 0

function init(args)
    pause = tonumber(args[1] or "0")
    if pause > 0 then delay = function() return pause end end
end

function done(summary, latency)
    local e = summary.errors
    io.write(string.format('\n{"requests":%d,"seconds":%.6f,"p50_us":%d,"p99_us":%d,"errors":%d}\n',
        summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
        e.connect + e.read + e.write + e.status + e.timeout))
end
