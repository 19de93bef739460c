#!/usr/bin/env bash
# The services the tests need: Redis, and PostgreSQL 15 or newer with pgvector
# 0.8 or newer, as throw-away instances on loopback, in .services/ beside this
# folder. What runs already is used again; what is missing is installed (Debian
# and its kin, as root or with passwordless sudo).
#
#   eval "$(scripts/services.sh start)"   start both, set REDIS_URL and DATABASE_URL
#   scripts/services.sh stop              stop them and forget their data
#
# A REDIS_URL or DATABASE_URL given by the environment is used as it is, and its
# service is neither installed nor started. Only `export` lines go to stdout.
set -euo pipefail
shopt -s inherit_errexit 2>/dev/null || true # bash 4.4; without it $(…) forgets -e

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cd "$root" # where we were may be closed to the user that we run as
state=$root/.services
log=$state/install.log
export DEBIAN_FRONTEND=noninteractive LC_ALL=C

say() { printf 'services: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

manual() {
  say "$1"
  say "install it (Redis 7+; PostgreSQL 15+ with pgvector 0.8+), or name servers that run already:"
  say "  export REDIS_URL=redis://127.0.0.1:6379/0"
  die "  export DATABASE_URL=postgres://user:password@127.0.0.1:5432/database"
}

# --- installing -----------------------------------------------------------------

sudo=()
can_install() {
  has apt-get || return 1
  [ "$(id -u)" = 0 ] && return 0
  has sudo && sudo -n true 2>/dev/null && sudo=(sudo -n --preserve-env=DEBIAN_FRONTEND,LC_ALL,RUNLEVEL)
}

# Runs a step of an installation with its output in the log, which is shown if
# the step fails.
logged() {
  "$@" >>"$log" 2>&1 </dev/null && return
  say "this did not work: $*"
  tail -n 25 "$log" >&2
  die "the whole output is in $log"
}

apt_updated=
apt_update() {
  [ -n "$apt_updated" ] || logged "${sudo[@]}" apt-get -q -o DPkg::Lock::Timeout=300 update
  apt_updated=yes
}

apt_install() {
  say "installing $*"
  apt_update
  # RUNLEVEL=1 keeps the packages from starting services of their own.
  RUNLEVEL=1 logged "${sudo[@]}" apt-get -qy -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@"
}

# The race detector is written in C, so the tests want a compiler; the program does not.
need_compiler() {
  has "${CC:-cc}" || has gcc && return
  if can_install; then apt_install gcc libc6-dev; else say "no C compiler: go test -race needs one"; fi
}

# --- Redis ----------------------------------------------------------------------

redis_ours() { # port: is the Redis there the one in our folder?
  has redis-cli && [ "$(redis-cli -h 127.0.0.1 -p "$1" config get dir 2>/dev/null | tail -n 1)" = "$state/redis" ]
}

start_redis() {
  has redis-server && has redis-cli || { can_install || manual "redis-server is not installed"; apt_install redis-server redis-tools; }
  mkdir -p "$state/redis"
  local port try
  port=$(cat "$state/redis/port" 2>/dev/null || true)
  if [ -z "$port" ] || ! redis_ours "$port"; then
    for try in 1 2 3 4 5; do
      port=$(free_port)
      redis-server --bind 127.0.0.1 --port "$port" --dir "$state/redis" --save '' --appendonly no \
        --daemonize yes --pidfile "$state/redis/pid" --logfile "$state/redis/log" >/dev/null 2>&1 </dev/null 9>&- || true
      wait_for redis_ours "$port" && break
      port=
    done
    [ -n "$port" ] || { tail -n 20 "$state/redis/log" >&2 || true; die "Redis does not start"; }
    echo "$port" >"$state/redis/port"
  fi
  echo "redis://127.0.0.1:$port/0"
}

stop_redis() {
  local port
  port=$(cat "$state/redis/port" 2>/dev/null) || return 0
  if redis_ours "$port"; then redis-cli -h 127.0.0.1 -p "$port" shutdown nosave >/dev/null 2>&1 || true; fi
  rm -rf "$state/redis"
}

# --- PostgreSQL -----------------------------------------------------------------

# find_postgres sets bin, the folder of the newest PostgreSQL server, and major.
find_postgres() {
  local dir version
  major=0 bin=
  for dir in /usr/lib/postgresql/*/bin "$(pg_config --bindir 2>/dev/null || true)"; do
    [ -x "$dir/postgres" ] && [ -x "$dir/initdb" ] || continue
    version=$("$dir/postgres" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
    if [ "$version" -gt "$major" ]; then major=$version bin=$dir; fi
  done
  [ "$major" -ge 15 ]
}

has_pgvector() {
  local control version
  control=$("$bin/pg_config" --sharedir 2>/dev/null)/extension/vector.control
  version=$(sed -nE "s/^default_version *= *'([0-9.]+)'.*/\1/p" "$control" 2>/dev/null)
  [ -n "$version" ] && printf '0.8\n%s\n' "$version" | sort -CV
}

install_pgvector() {
  can_install || manual "pgvector 0.8 or newer is not installed for PostgreSQL $major"
  apt_update
  local candidate
  candidate=$(apt-cache policy "postgresql-$major-pgvector" | sed -n 's/^ *Candidate: //p')
  case $candidate in
    '' | '(none)' | 0.[0-7].*) build_pgvector ;;
    *) apt_install "postgresql-$major-pgvector" ;;
  esac
  has_pgvector || die "pgvector was installed, but not where $bin/pg_config looks; see $log"
}

# build_pgvector compiles the source package of the Debian release that has the
# version we need. Its apt lists are private: the system's stay as they are.
build_pgvector() {
  local mirror apt build=$state/build
  mirror=$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' 'Created-By: Packages' | sed -n 's/^Debian //p' | grep -v -e -security | head -n 1)
  [ -n "$mirror" ] || manual "this distribution has no pgvector 0.8 for PostgreSQL $major"
  apt_install gcc make libc6-dev dpkg-dev debian-archive-keyring "postgresql-server-dev-$major" "postgresql-$major"
  say "building pgvector for PostgreSQL $major"
  rm -rf "$build"
  mkdir -p "$build/lists/partial" "$build/cache/archives/partial"
  echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" >"$build/sources.list"
  apt=(apt-get -q -o "Dir::Etc::sourcelist=$build/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$build/lists"
    -o "Dir::Cache=$build/cache" -o APT::Sandbox::User=)
  (
    cd "$build"
    logged "${apt[@]}" update
    logged "${apt[@]}" source pgvector
    cd pgvector-*/
    # OPTFLAGS= : no -march=native, so the build also runs where the folder moves to.
    logged make -s -j "$(getconf _NPROCESSORS_ONLN)" OPTFLAGS= with_llvm=no PG_CONFIG="$bin/pg_config"
    logged "${sudo[@]}" make -s install OPTFLAGS= with_llvm=no PG_CONFIG="$bin/pg_config"
  )
  rm -rf "$build"
}

# as_db runs a command as a user that PostgreSQL agrees to run as: not root.
as_db() {
  if [ "$(id -u)" != 0 ]; then "$@"; else (cd / && runuser -u "$db_user" -- "$@"); fi
}

pg_runs() { as_db "$bin/pg_ctl" -D "$data" status >/dev/null 2>&1; }
pg_port() { sed -n 4p "$data/postmaster.pid"; }
pg_ready() { pg_runs && "$bin/pg_isready" -q -h 127.0.0.1 -p "$1"; }

pg_init() {
  rm -rf "$data"
  mkdir -p "$data"
  [ "$(id -u)" != 0 ] || chown "$db_user" "$data"
  chmod 700 "$data"
  as_db "$bin/initdb" -D "$data" -U postgres --auth=trust --encoding=UTF8 --locale=C --no-sync >"$state/initdb.log" 2>&1 </dev/null ||
    { cat "$state/initdb.log" >&2; die "initdb does not work in $data"; }
}

pg_start() { # port
  # Durability is off: the data is thrown away, and the tests run several times faster.
  as_db "$bin/pg_ctl" -D "$data" -l "$data/server.log" -s -w -t 60 start -o "-p $1 -c listen_addresses=127.0.0.1 \
    -c unix_socket_directories='' -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=200" \
    >/dev/null 2>&1 </dev/null 9>&- && pg_ready "$1"
}

# pg_place sets db_user and data: the folder must be reachable by that user, which
# a checkout under a private home is not.
pg_place() {
  db_user=postgres
  id "$db_user" >/dev/null 2>&1 || db_user=nobody
  data=$state/postgres
  if [ -s "$state/postgres.place" ]; then
    data=$(cat "$state/postgres.place")
  elif ! as_db test -x "$state"; then
    data=$(mktemp -d "${TMPDIR:-/tmp}/services.XXXXXX")/postgres
    chmod 711 "${data%/*}"
    echo "$data" >"$state/postgres.place"
  fi
}

start_postgres() {
  find_postgres || { can_install || manual "PostgreSQL 15 or newer is not installed"
    apt_install postgresql; find_postgres || manual "this distribution's PostgreSQL is older than 15"; }
  has_pgvector || install_pgvector
  pg_place
  local port try
  if ! pg_runs; then
    for try in 1 2 3 4 5; do
      # A data folder that does not start (another major version, a crash in the
      # middle of initdb) is made anew, once; then it is the port.
      [ "$try" != 2 ] && [ -s "$data/PG_VERSION" ] && [ "$(cat "$data/PG_VERSION")" = "$major" ] || pg_init
      port=$(free_port)
      pg_start "$port" && break
      port=
    done
    [ -n "$port" ] || { tail -n 20 "$data/server.log" >&2 || true; die "PostgreSQL does not start"; }
  fi
  port=$(pg_port)
  wait_for pg_ready "$port" || die "PostgreSQL on port $port does not answer; see $data/server.log"
  echo "postgres://postgres@127.0.0.1:$port/postgres?sslmode=disable"
}

stop_postgres() {
  find_postgres || return 0
  pg_place
  if pg_runs; then as_db "$bin/pg_ctl" -D "$data" -s -m immediate stop >/dev/null 2>&1 || true; fi
  rm -rf "$data"
  if [ -s "$state/postgres.place" ]; then rmdir "${data%/*}"; rm "$state/postgres.place"; fi
}

# --- the rest ---------------------------------------------------------------------

# free_port prints a port on loopback that nobody listens on. Somebody may take it
# before we do: then starting fails and the next is tried.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 10000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}

wait_for() { # command…: until it succeeds, for 10 s
  local i
  for i in $(seq 100); do "$@" && return; sleep 0.1; done
  return 1
}

# One at a time in a checkout: `make test` may be run twice at once. The lock is
# kept from the servers (9>&-), which outlive us.
lock() {
  mkdir -p "$state"
  chmod 711 "$state"
  if has flock; then exec 9>"$state/lock"; flock 9; else exec 9>/dev/null; fi
}

case ${1:-} in
  start)
    lock
    need_compiler
    redis=${REDIS_URL:-$(start_redis)}
    postgres=${DATABASE_URL:-$(start_postgres)}
    printf 'export REDIS_URL=%q\nexport DATABASE_URL=%q\n' "$redis" "$postgres"
    ;;
  stop)
    [ -d "$state" ] || exit 0
    lock
    stop_redis
    stop_postgres
    ;;
  *)
    sed -n '2,12s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
