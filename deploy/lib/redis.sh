# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# A private Redis without persistence: it holds only what can be rebuilt.
#
#   redis_start DIR   starts it on a free loopback port and sets REDIS_PORT and REDIS_URL
#   redis_stop DIR    ends it

redis_up() {
    local dir=$1 port _try
    if pid_alive "$dir/redis.pid"; then
        return 0
    fi
    for _try in "$(cat "$dir/redis.port" 2>/dev/null)" "" "" ""; do
        port=${_try:-$(free_port)}
        setsid redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$dir" \
            --daemonize no >>"$dir/redis.log" 2>&1 </dev/null &
        remember_pid "$dir/redis.pid" $!
        printf '%s\n' "$port" >"$dir/redis.port"
        redis_answers "$dir" "$port" && return 0
    done
    return 1
}

redis_answers() {
    local _i
    for _i in $(seq 100); do
        [ "$(redis-cli -p "$2" info server 2>/dev/null | grep -c "process_id:$(cut -d' ' -f1 "$1/redis.pid")")" = 1 ] &&
            return 0
        pid_alive "$1/redis.pid" || return 1
        sleep 0.05
    done
    return 1
}

redis_start() {
    local dir=$1
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    step redis "redis-${dir##*/}.log" redis_up "$dir" || return 1
    REDIS_PORT=$(cat "$dir/redis.port")
    # shellcheck disable=SC2034 # for the caller
    REDIS_URL="redis://127.0.0.1:$REDIS_PORT/0"
}

redis_stop() {
    stop_pid "$1/redis.pid" 10
}
