# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The parts of deploy/demo. All state is in $DEMO: the servers' data, secrets/ (0600), ports, pid files
# and logs. Each function may run again on a demo that is partly up.

DEMO=${COKO_DEMO:-$COKO_TOP/build/demo}
DEMO_SECRETS="$DEMO/secrets"

# A port is kept over restarts, so that a bookmarked page and a printed command stay true.
demo_port() {
    local file="$DEMO/ports/$1"
    mkdir -p "$DEMO/ports"
    if [ ! -s "$file" ] || ! port_is_free "$(cat "$file")"; then
        free_port >"$file"
    fi
    cat "$file"
}

port_is_free() {
    python3 -c 'import socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", int(sys.argv[1])))' "$1" 2>/dev/null
}

secret() {
    local file="$DEMO_SECRETS/$1"
    [ -s "$file" ] || (umask 077 && openssl rand -hex "$2" >"$file")
    cat "$file"
}

demo_secrets() {
    mkdir -p "$DEMO_SECRETS"
    chmod 700 "$DEMO_SECRETS"
    if [ ! -s "$DEMO_SECRETS/keys" ]; then
        (umask 077 && printf '1:%s\n' "$(openssl rand -hex 32)" >"$DEMO_SECRETS/keys")
    fi
    (umask 077 && printf '%s\n' "$PG_URL" >"$DEMO_SECRETS/database_url")
    SMPP_PASSWORD=$(secret smpp_password 4)
}

# The commands that need only the database and the keys.
demo_coko() {
    (cd "$COKO_TOP" && DATABASE_URL=$PG_URL COKO_KEYS=$(cat "$DEMO_SECRETS/keys") build/coko "$@")
}

demo_load() {
    local books=("$COKO_TOP"/deploy/sample/books/*.txt)
    step migrate demo-migrate.log demo_coko migrate || return 1
    if [ -f "$COKO_TOP/deploy/sample/seed.sql" ]; then
        step seed demo-seed.log psql -X -q -v ON_ERROR_STOP=1 \
            -f "$COKO_TOP/deploy/sample/seed.sql" "$PG_URL" || return 1
    fi
    if [ "$(psql -X -q -t -A -c 'select exists (select from catalog.book)' "$PG_URL")" = f ] &&
        [ -f "${books[0]}" ]; then
        step "sample books" demo-import.log demo_coko import "${books[@]}" || return 1
    fi
}

# lab_start NAME SCRIPT ARGS...: starts a lab program and waits for its ready line in $DEMO/NAME.ready
lab_start() {
    local name=$1 script=$2 log="$DEMO/$1.log" _i
    shift 2
    pid_alive "$DEMO/$name.pid" && return 0
    : >"$log"
    setsid python3 "$COKO_TOP/tests/lab/$script" "$@" >"$log" 2>&1 </dev/null &
    remember_pid "$DEMO/$name.pid" $!
    for _i in $(seq 200); do
        grep -m 1 '^{.*"ready".*}$' "$log" >"$DEMO/$name.ready" && return 0
        pid_alive "$DEMO/$name.pid" || break
        sleep 0.05
    done
    fail "lab: $script did not start, see $log"
}

lab_fact() {
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1])).get(sys.argv[2], ""))' \
        "$DEMO/$1.ready" "$2"
}

demo_lab() {
    local started=$SECONDS
    lab_start smsc smsc.py --port "$(demo_port smpp)" --control-port "$(demo_port smsc-control)" \
        --system-id coko --password "$SMPP_PASSWORD" || return 1
    SMPP_PORT=$(lab_fact smsc port)
    SMSC_CONTROL=$(lab_fact smsc control_port)
    if [ -f "$COKO_TOP/tests/lab/mtn_rail.py" ]; then
        lab_start mtn mtn_rail.py --currency XOF --environment mtnivorycoast \
            --port "$(demo_port mtn)" \
            --control-port "$(demo_port mtn-control)" || return 1
        MTN_PORT=$(lab_fact mtn port)
        MTN_CONTROL=$(lab_fact mtn control_port)
    fi
    if [ -f "$COKO_TOP/tests/lab/wave_rail.py" ]; then
        lab_start wave wave_rail.py --signing-secret lab-wave-signing-secret \
            --port "$(demo_port wave)" --control-port "$(demo_port wave-control)" \
            --webhook-url "http://127.0.0.1:$(demo_port http)/pay/wave/lab-wave-callback-0001" ||
            return 1
        WAVE_PORT=$(lab_fact wave port)
        WAVE_CONTROL=$(lab_fact wave control_port)
    fi
    if [ -f "$COKO_TOP/tests/lab/sonatel_rail.py" ]; then
        lab_start sonatel sonatel_rail.py --signing-secret lab-orange-signing \
            --callback-url "http://127.0.0.1:$(demo_port http)/pay/orange_sonatel/lab-orange-callback-0001" \
            --port "$(demo_port sonatel)" \
            --control-port "$(demo_port sonatel-control)" || return 1
        SONATEL_PORT=$(lab_fact sonatel port)
        SONATEL_CONTROL=$(lab_fact sonatel control_port)
    fi
    say "lab: done ($((SECONDS - started)) s)"
}

# Fills the template: demo_render NAME VALUE [NAME VALUE...]
demo_render() {
    local text
    text=$(cat "$COKO_TOP/deploy/sample/coko.ini.in")
    while [ $# -gt 1 ]; do
        text=${text//@$1@/"$2"}
        shift 2
    done
    printf '%s\n' "$text"
}

demo_config() {
    HTTP_PORT=$(demo_port http)
    METRICS_PORT=$(demo_port metrics)
    (umask 077 && demo_render ROLES all SECRETS "$DEMO_SECRETS" RUN_DIR "$DEMO" \
        HTTP_PORT "$HTTP_PORT" METRICS_PORT "$METRICS_PORT" REDIS_URL "$REDIS_URL" \
        SMPP_PORT "$SMPP_PORT" SMPP_PASSWORD "$SMPP_PASSWORD" \
        SMSC_URL "http://127.0.0.1:$SMSC_CONTROL" MTN_PORT "${MTN_PORT:-1}" \
        WAVE_PORT "${WAVE_PORT:-1}" \
        SONATEL_PORT "${SONATEL_PORT:-1}" \
        >"$DEMO/coko.ini")
    step "coko check" demo-check.log "$COKO_TOP/build/coko" check -c "$DEMO/coko.ini"
}

demo_serve() {
    local started=$SECONDS _i
    cd "$COKO_TOP" || return 1
    setsid build/coko serve -c "$DEMO/coko.ini" >>"$DEMO/coko.log" 2>&1 </dev/null &
    remember_pid "$DEMO/coko.pid" $!
    for _i in $(seq 300); do
        if curl -fs -o /dev/null "http://127.0.0.1:$HTTP_PORT/health/ready"; then
            say "coko: ready ($((SECONDS - started)) s)"
            return 0
        fi
        pid_alive "$DEMO/coko.pid" || break
        sleep 0.1
    done
    fail "coko: not ready, see $DEMO/coko.log"
}

demo_env() {
    (umask 077 && cat >"$DEMO/env" <<ENV
COKO_URL=http://127.0.0.1:$HTTP_PORT
COKO_METRICS_URL=http://127.0.0.1:$METRICS_PORT/metrics
COKO_SMPP_PORT=$SMPP_PORT
COKO_CONFIG=$DEMO/coko.ini
COKO_LOG=$DEMO/coko.log
DATABASE_URL=$PG_URL
REDIS_URL=$REDIS_URL
LAB_SMSC_URL=http://127.0.0.1:$SMSC_CONTROL
LAB_MTN_URL=http://127.0.0.1:${MTN_PORT:-}
LAB_MTN_CONTROL_URL=http://127.0.0.1:${MTN_CONTROL:-}
LAB_WAVE_CONTROL_URL=http://127.0.0.1:${WAVE_CONTROL:-}
LAB_SONATEL_CONTROL_URL=http://127.0.0.1:${SONATEL_CONTROL:-}
ENV
    )
}

demo_doors() {
    # shellcheck source=/dev/null
    . "$DEMO/env"
    cat <<DOORS

Coko is running. Dial *384*26#:
  in this terminal    build/coko phone --url $COKO_URL
  in a browser        $COKO_URL/phone/
  as a carrier does   curl -d 'sessionId=1&serviceCode=*384*26#&phoneNumber=%2B2250700000001&text=' \\
                        $COKO_URL/ussd/africastalking/demo
Look at
  REST                $COKO_URL/api/v1/catalog/books
  health, metrics     $COKO_URL/health/ready  $COKO_METRICS_URL
  SMS sent            $LAB_SMSC_URL/messages
  log                 $COKO_LOG
  every address       $DEMO/env
Stop it with deploy/demo --stop; deploy/demo --reset also forgets its data.
DOORS
}

demo_stop() {
    local name
    stop_pid "$DEMO/coko.pid" 30
    for name in sonatel wave mtn smsc; do
        stop_pid "$DEMO/$name.pid" 5
    done
    redis_stop "$DEMO"
    pg_stop "$DEMO"
}
