# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# A private PostgreSQL 15. State lives in DIR: pg.data (the cluster), pg.pass, pg.port, pg.log.
#
#   pg_start DIR   creates the cluster where there is none, starts it on 127.0.0.1 and sets PG_PORT and
#                  PG_URL. PG_FSYNC=off is for tests, whose data nobody will miss; PG_BUFFERS (128MB) for figures,
#                  where a quarter of the memory is what an operator gives it.
#   pg_stop DIR [MODE]  stops it (pg_ctl's mode, fast); the data stays in DIR
#   pg_wipe DIR    stops it and removes the data
#
# PostgreSQL refuses to run as root, so root starts it as `postgres`, the user that Debian's package
# made. When that user cannot reach DIR (a clone in a 0700 folder), the cluster is moved to a private
# folder under /var/tmp while the server runs, pg.data is a link to it, and pg_stop brings it back.

PG_BIN=/usr/lib/postgresql/15/bin
PG_OWNER=postgres

pg_reachable() {
    run_as_owner "$PG_OWNER" test -x "$1" 2>/dev/null
}

# Makes DIR/pg.data a folder or link that the server's user can use; prints the real path.
pg_place() {
    local dir=$1 real
    if [ "$(id -u)" = 0 ] && [ ! -L "$dir/pg.data" ] && ! pg_reachable "$dir"; then
        real=$(mktemp -d /var/tmp/coko-pg.XXXXXX)
        if [ -d "$dir/pg.data" ]; then
            rmdir "$real" && mv "$dir/pg.data" "$real"
        fi
        ln -s "$real" "$dir/pg.data"
    fi
    if [ -L "$dir/pg.data" ] && [ ! -d "$dir/pg.data" ]; then
        mkdir -m 700 "$(readlink "$dir/pg.data")" # its folder was swept away
    fi
    [ -d "$dir/pg.data" ] || mkdir -m 700 "$dir/pg.data"
    [ "$(id -u)" != 0 ] || chown "$PG_OWNER" "$dir/pg.data/."
    readlink -f "$dir/pg.data"
}

pg_create() {
    local dir=$1 data=$2 pwfile
    [ -s "$dir/pg.pass" ] || (umask 077 && openssl rand -hex 16 >"$dir/pg.pass")
    pwfile=$(mktemp /tmp/coko-pgpass.XXXXXX)
    cat "$dir/pg.pass" >"$pwfile"
    [ "$(id -u)" != 0 ] || chown "$PG_OWNER" "$pwfile"
    (cd / && run_as_owner "$PG_OWNER" "$PG_BIN/initdb" -D "$data" -U coko -A scram-sha-256 \
        --pwfile="$pwfile" --encoding=UTF8 --locale=C.UTF-8 --no-sync)
    local rc=$?
    rm -f "$pwfile"
    return $rc
}

pg_conf() {
    local data=$1 port=$2 fsync=${PG_FSYNC:-on}
    cat <<CONF
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = '$( ((${#data} < 80)) && printf '%s' "$data")'
max_connections = 200
shared_buffers = ${PG_BUFFERS:-128MB}
timezone = 'UTC'
log_timezone = 'UTC'
jit = off
fsync = $fsync
full_page_writes = $fsync
CONF
}

pg_server() {
    local data=$1
    shift
    (cd / && run_as_owner "$PG_OWNER" "$PG_BIN/pg_ctl" -D "$data" -s -w "$@")
}

# One try: writes the port into the cluster's configuration and starts it.
pg_try() {
    local dir=$1 data=$2 port=$3
    pg_conf "$data" "$port" >"$data/conf.coko"
    [ "$(id -u)" != 0 ] || chown "$PG_OWNER" "$data/conf.coko"
    grep -qs "^include 'conf.coko'" "$data/postgresql.conf" ||
        printf "include 'conf.coko'\n" >>"$data/postgresql.conf"
    printf '%s\n' "$port" >"$dir/pg.port"
    pg_server "$data" -l "$data/server.log" -t 60 start
}

pg_up() {
    local dir=$1 data _try
    data=$(pg_place "$dir") || return 1
    [ -f "$data/PG_VERSION" ] || pg_create "$dir" "$data" || return 1
    if pg_server "$data" status >/dev/null; then
        return 0
    fi
    # The last port first, so that a restart keeps its URL; a port somebody took costs one more try.
    for _try in "$(cat "$dir/pg.port" 2>/dev/null)" "" "" ""; do
        pg_try "$dir" "$data" "${_try:-$(free_port)}" && return 0
    done
    tail -n 20 "$data/server.log"
    return 1
}

pg_start() {
    local dir=$1
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    step postgresql "postgresql-${dir##*/}.log" pg_up "$dir" || return 1
    PG_PORT=$(cat "$dir/pg.port")
    PG_URL="postgresql://coko:$(cat "$dir/pg.pass")@127.0.0.1:$PG_PORT/coko"
    pg_database "$dir" coko
}

# Creates a database that does not exist yet.
pg_database() {
    local url=${PG_URL%/*}/postgres
    if [ "$(psql -X -q -t -A -c "select 1 from pg_database where datname = '$2'" "$url")" != 1 ]; then
        psql -X -q -c "create database \"$2\"" "$url"
    fi
}

pg_stop() {
    local dir=$1 mode=${2:-fast} real
    [ -e "$dir/pg.data/PG_VERSION" ] || return 0
    real=$(readlink -f "$dir/pg.data")
    if pg_server "$real" status >/dev/null 2>&1; then
        pg_server "$real" -m "$mode" -t 60 stop || return 1
    fi
    if [ -L "$dir/pg.data" ]; then
        rm "$dir/pg.data" && mv "$real" "$dir/pg.data"
    fi
}

# No checkpoint of what is thrown away: it takes minutes when the disk is slow.
pg_wipe() {
    pg_stop "$1" immediate || return 1
    [ ! -L "$1/pg.data" ] || rm -rf "$(readlink -f "$1/pg.data")"
    rm -rf "$1/pg.data" "$1/pg.pass" "$1/pg.port"
}
