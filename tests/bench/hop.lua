-- SPDX-License-Identifier: Apache-2.0
-- wrk: Hubtel hops over many sessions in turn, so that no session is in flight twice.
--   wrk ... -s hop.lua URL -- PREFIX SESSIONS SEQUENCE PAUSE INPUT INPUT...
-- The k-th lap over the sessions sends the k-th input, again and again. Sessions are PREFIX1,
-- PREFIX2, ... of the numbers +225 07 00000001, ...; SEQUENCE is above every earlier one. With a
-- PAUSE above 0 each connection waits so many milliseconds before a request. One thread only.
-- Prints one line of JSON at the end.

local prefix, sessions, sequence, inputs, at

function init(args)
    prefix, sessions, sequence = args[1], tonumber(args[2]), tonumber(args[3])
    inputs, at = {}, 0
    local pause = tonumber(args[4])
    if pause > 0 then delay = function() return pause end end
    for i = 5, #args do inputs[#inputs + 1] = args[i] end
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/json"
end

function request()
    local k, lap = at % sessions + 1, math.floor(at / sessions)
    at = at + 1
    return wrk.format(nil, nil, nil, string.format(
        '{"Type":"response","Message":"%s","ServiceCode":"384*26","Operator":"mtn",' ..
        '"ClientState":"","Mobile":"22507%08d","SessionId":"%s%d","Sequence":"%d",' ..
        '"Platform":"USSD"}', inputs[lap % #inputs + 1], k, prefix, k, sequence + lap))
end

function done(summary, latency)
    local e = summary.errors
    io.write(string.format('\n{"requests":%d,"seconds":%.6f,"p50_us":%d,"p99_us":%d,"errors":%d}\n',
        summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
        e.connect + e.read + e.write + e.status + e.timeout))
end
