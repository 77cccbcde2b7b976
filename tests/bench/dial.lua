-- SPDX-License-Identifier: Apache-2.0
-- wrk: Hubtel dials, each a new session, of readers in turn: each runs one statement that writes.
--   wrk ... -s dial.lua URL -- PREFIX READERS PAUSE
-- Each connection waits PAUSE ms before a request. Numbers are those of hop.lua. One thread only.
-- Prints one line of JSON at the end, as hop.lua does.

local prefix, readers, at

function init(args)
    local pause = tonumber(args[3])
    prefix, readers, at = args[1], tonumber(args[2]), 0
    delay = function() return pause end
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/json"
end

function request()
    at = at + 1
    return wrk.format(nil, nil, nil, string.format(
        '{"Type":"initiation","Message":"*384*26#","ServiceCode":"384*26","Operator":"mtn",' ..
        '"ClientState":"","Mobile":"22507%08d","SessionId":"%s%d","Sequence":"1",' ..
        '"Platform":"USSD"}', at % readers + 1, prefix, at))
end

function done(summary, latency)
    local e = summary.errors
    io.write(string.format('\n{"requests":%d,"seconds":%.6f,"p50_us":%d,"p99_us":%d,"errors":%d}\n',
        summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
        e.connect + e.read + e.write + e.status + e.timeout))
end
