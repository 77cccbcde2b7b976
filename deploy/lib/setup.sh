# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What deploy/demo and tests/run share. Source it: it sets COKO_TOP and defines
#
#   say TEXT...                  one progress line
#   die TEXT...                  one clear line on stderr, exit 1
#   fail TEXT...                 the same, but returns 1
#   step NAME LOG COMMAND...     runs a command with its output in build/logs/LOG and prints its
#                                seconds; on failure one line naming the step and its log, returns 1
#   run_as_owner USER CMD...     runs a command as another user when we are root
#   free_port                    prints a loopback TCP port that nobody listens on
#   remember_pid FILE PID        notes a process with its start time, so that a reused pid is known
#   pid_alive FILE, stop_pid FILE [SECONDS]
#
# and, from the files beside it: need_packages (packages.sh), build_coko and build_fuzz (build.sh),
# pg_* (pg.sh), redis_* (redis.sh). Nothing here starts, stops or configures a system service.

COKO_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
COKO_LOGS="$COKO_TOP/build/logs"
STEP_TICK=${STEP_TICK:-20} # a long step says that it is still running every so many seconds

say() {
    printf '%s\n' "$*"
}

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

fail() {
    printf '%s\n' "$*" >&2
    return 1
}

step_run() {
    local log=$1 name=$2 started=$SECONDS next=$STEP_TICK pid
    shift 2
    "$@" >"$log" 2>&1 </dev/null &
    pid=$!
    while kill -0 "$pid" 2>/dev/null; do
        sleep 0.2
        if ((SECONDS - started >= next)); then
            say "  ... $name: still running ($((SECONDS - started)) s)"
            next=$((next + STEP_TICK))
        fi
    done
    wait "$pid"
}

step() {
    local name=$1 log="$COKO_LOGS/$2" started=$SECONDS rc=0
    shift 2
    mkdir -p "$COKO_LOGS"
    step_run "$log" "$name" "$@" || rc=$?
    if ((rc == 0)); then
        say "$name: done ($((SECONDS - started)) s)"
    else
        printf '%s: FAILED (exit %d), see %s\n' "$name" "$rc" "$log" >&2
        return 1
    fi
}

run_as_owner() {
    local user=$1
    shift
    if [ "$(id -u)" = 0 ]; then
        runuser -u "$user" -- "$@"
    else
        "$@"
    fi
}

# Below the ports that the kernel gives to whoever connects: one of those may be taken before its server listens, and a
# client that tries it while the server is down may meet itself.
free_port() {
    python3 - <<'PY'
import random, socket
with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as given:
    first = int(given.read().split()[0])
ports = range(10000, first if first > 12000 else 65536)
for port in random.sample(ports, 200):
    with socket.socket() as s:
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            continue
    print(port)
    break
PY
}

# Start time in clock ticks: field 22 of /proc/PID/stat, counted after the name's parenthesis. A
# zombie has ended: whoever should reap it may never do so.
pid_born() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    stat=${stat##*) }
    # shellcheck disable=SC2086 # the fields are split on purpose
    set -- $stat
    [ "$1" != Z ] || return 1
    printf '%s\n' "${20}"
}

remember_pid() {
    printf '%s %s\n' "$2" "$(pid_born "$2")" >"$1"
}

pid_alive() {
    local pid born
    [ -s "$1" ] || return 1
    read -r pid born <"$1"
    [ "$(pid_born "$pid")" = "$born" ]
}

stop_pid() {
    local file=$1 limit=$((${2:-10} * 10)) pid _born
    if pid_alive "$file"; then
        read -r pid _born <"$file"
        kill -TERM "$pid" 2>/dev/null
        while ((limit-- > 0)) && pid_alive "$file"; do
            sleep 0.1
        done
        if pid_alive "$file"; then
            say "pid $pid did not end in ${2:-10} s: killed"
            kill -KILL "$pid" 2>/dev/null
        fi
    fi
    rm -f "$file"
}

# shellcheck source=deploy/lib/packages.sh
. "$COKO_TOP/deploy/lib/packages.sh"
# shellcheck source=deploy/lib/build.sh
. "$COKO_TOP/deploy/lib/build.sh"
# shellcheck source=deploy/lib/pg.sh
. "$COKO_TOP/deploy/lib/pg.sh"
# shellcheck source=deploy/lib/redis.sh
. "$COKO_TOP/deploy/lib/redis.sh"
