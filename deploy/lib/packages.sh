# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# need_packages SET...   installs what is missing of the named sets (build run test lint fuzz bench
#                        node), with apt, as root or by sudo.
#
# Installing must change nothing else on the machine: while apt runs, /usr/sbin/policy-rc.d keeps
# services from starting and PostgreSQL's package is told not to create a cluster; both are put back
# as they were afterwards, also when apt fails or is interrupted.

POLICY=/usr/sbin/policy-rc.d
CLUSTER_CONF=/etc/postgresql-common/createcluster.conf

packages_of() {
    case $1 in
    build) echo build-essential cmake ninja-build pkg-config ccache git ca-certificates \
        libevent-dev libpq-dev libhiredis-dev libjansson-dev libssl-dev libcurl4-openssl-dev \
        libxml2-dev libarchive-dev libunistring-dev libhpdf-dev libsmpp34-dev libseccomp-dev libcmocka-dev ;;
    run) echo postgresql-15 postgresql-client-15 redis-server openssl curl python3 procps ;;
    test) echo tshark kannel python3-pytest python3-pytest-xdist python3-psycopg2 python3-redis python3-hypothesis python3-jsonschema python3-cryptography \
        live-manual-epub ubuntu-packaging-guide-epub chromium chromium-driver prometheus graphviz poppler-utils ;;
    lint) echo clang-format-14 clang-tidy-14 cppcheck shellcheck universal-ctags ;;
    fuzz) echo clang-14 libclang-rt-14-dev llvm-14 ;;
    bench) echo wrk kannel ;;
    *) die "no package set '$1'" ;;
    esac
}

package_installed() {
    dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'install ok installed'
}

missing_packages() {
    local set name
    for set in "$@"; do
        if [ "$set" = node ]; then
            # Node from elsewhere is as good as Debian's; only its absence matters.
            command -v node >/dev/null || printf 'nodejs\n'
            command -v npm >/dev/null || printf 'npm\n'
            continue
        fi
        for name in $(packages_of "$set"); do
            package_installed "$name" || printf '%s\n' "$name"
        done
    done
}

# Runs as root in its own bash: keeps services from starting, installs, puts everything back.
install_script() {
    cat <<'SCRIPT'
set -eu
policy=$1 cluster=$2
shift 2
export DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1
mark='# written by the Coko set-up while packages are installed'
restore() {
    if [ -f "$policy.coko-saved" ]; then mv "$policy.coko-saved" "$policy"
    elif grep -qs "$mark" "$policy"; then rm -f "$policy"; fi
    if [ -f "$cluster.coko-saved" ]; then mv "$cluster.coko-saved" "$cluster"
    elif grep -qs "$mark" "$cluster"; then
        cp /usr/share/postgresql-common/createcluster.conf "$cluster" || rm -f "$cluster"
    fi
}
restore # what an earlier, killed run may have left
trap restore EXIT
trap 'exit 1' INT TERM HUP
[ ! -f "$policy" ] || cp -p "$policy" "$policy.coko-saved"
printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$policy"
chmod 755 "$policy"
mkdir -p "$(dirname "$cluster")"
[ ! -f "$cluster" ] || cp -p "$cluster" "$cluster.coko-saved"
printf '%s\ncreate_main_cluster = false\n' "$mark" >"$cluster"
apt-get -q -o DPkg::Lock::Timeout=300 update
apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold \
    install --no-install-recommends "$@"
SCRIPT
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

need_packages() {
    local missing
    command -v apt-get >/dev/null || die "this set-up needs Debian 12 (apt-get is missing)"
    mapfile -t missing < <(missing_packages "$@")
    if ((${#missing[@]} == 0)); then
        say "packages: all present"
        return 0
    fi
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || die "packages missing, and neither root nor sudo: ${missing[*]}"
        sudo -v || die "packages missing, and sudo refused: ${missing[*]}"
    fi
    say "packages: installing ${#missing[@]}: ${missing[*]}"
    step packages apt.log as_root bash -c "$(install_script)" install \
        "$POLICY" "$CLUSTER_CONF" "${missing[@]}"
}
