# shellcheck shell=bash
# Helpers of the suites that test behind front servers, beyond installed.bash. Apps and front
# servers are started once for all tests of a file, in the booted systemd: each front server with
# its example as installed, once for each app, with the app's name and its own port.

load installed

FRONTS=(nginx haproxy apache2 caddy)
declare -gA EXAMPLES=([nginx]=nginx.conf [haproxy]=haproxy.cfg [apache2]=apache2.conf
  [caddy]=Caddyfile)

# All apps are tests/apps/by_path.py. Their positions in this list determine their ports.
APPS_BEHIND=(each-unix each-tcp server-unix server-tcp brief-unix brief-tcp impatient-unix
  trusting-unix trusting-tcp)
declare -gA PORTS=([app]=8000 [nginx]=8100 [haproxy]=8200 [apache2]=8300 [caddy]=8400)

setup_file() {
  local name
  boot
  [[ -n $SYSTEMD && -z $(missing) ]] || return 0
  make_install
  ROOT=/proc/$SYSTEMD/root
  for name in "${APPS_BEHIND[@]}"; do start_app "$name"; done
  for name in "${FRONTS[@]}"; do start_front "$name"; done
}

setup() {
  [[ -n $SYSTEMD ]] || skip "$(cat "$BATS_FILE_TMPDIR/complaint")"
  [[ -z $(missing) ]] || skip "not there:$(missing)"
  ROOT=/proc/$SYSTEMD/root
  # shellcheck disable=SC2034 # where talk and a test meet
  FIFOS=$BATS_TEST_TMPDIR
}

missing() {
  local program
  for program in "${FRONTS[@]}" wrk; do
    command -v "$program" >/dev/null || printf ' %s' "$program"
  done
}

teardown() {
  [[ -n $SYSTEMD && -z $BATS_TEST_COMPLETED ]] || return 0
  inside systemctl list-units --all --no-pager 'wsgi-once-*' 'front-*' || :
  inside journalctl --no-pager --lines 50 || :
}

# behind FRONT APP: directs http, talk, show and the like to this app behind this front server.
behind() {
  select_app "$2"
  ADDRESS=$(port "$1" "$2")
  # shellcheck disable=SC2034 # for http
  TARGET=()
  # shellcheck disable=SC2034
  ORIGIN=http://127.0.0.1:$ADDRESS
  echo "--- behind $1: $2"
}

# Connections from a test must be made in the network namespace of the booted systemd.
curl() {
  nsenter --net --target "$SYSTEMD" curl "$@"
}

talk() {
  nsenter --net --target "$SYSTEMD" "$TESTS/talk" "$ADDRESS" "$@"
}

port() { # front or "app", app
  local -i number=${PORTS[$1]}
  local name
  for name in "${APPS_BEHIND[@]}"; do
    number+=1
    [[ $name != "$2" ]] || echo "$number"
  done
}

# ---- apps ---------------------------------------------------------------------------------------

# trusting_lines FRONT: prints the lines that its example requires in the file of an app on a unix
# socket.
trusting_lines() {
  sed -n 's/^#   \(Trusted.*\)/\1/p' "$TESTS/../systemd/examples/fronts/${EXAMPLES[$1]}"
}

start_app() { # name
  local lines=(AccessLog=none)
  case $1 in
    brief-*) lines+=(IdleTimeout=1ms) ;;
    impatient-*) lines+=(ReadTimeout=1s LingerTimeout=1s RequestTimeout=2s MaxContent=1M) ;;
    trusting-unix) mapfile -t -O 1 lines < <(trusting_lines nginx) ;;
    trusting-tcp) mapfile -t -O 1 lines < <(trusting_lines nginx | sed 's/=unix$/=127.0.0.1/') ;;
  esac
  lines+=("[Socket]")
  case $1 in each-*) lines+=(Accept=yes) ;; esac
  case $1 in *-tcp) lines+=("ListenStream=127.0.0.1:$(port app "$1")") ;; esac
  app "$1" by_path:app "${lines[@]}"
}

# ---- fronts -------------------------------------------------------------------------------------

# start_front NAME: starts it with a main configuration for its place that includes the examples.
start_front() {
  local place=/run/fronts/$1 name
  mkdir -p "$ROOT$place/sites" "$ROOT$place/tmp"
  chmod 1777 "$ROOT$place/tmp"
  for name in "${APPS_BEHIND[@]}"; do
    example "$1" "$name" >"$ROOT$place/sites/$name.cfg" # as HAProxy has it
  done
  "start_$1" "$place"
  behind "$1" server-unix
  eventually is_up || { inside journalctl --no-pager --unit "front-$1"; return 1; }
}

is_up() {
  [[ $(status / 2>/dev/null) == 200 ]]
}

# example FRONT APP: prints the example for the app. For TCP, the line of the unix socket is
# replaced by the comment after it.
example() {
  local edit
  edit="s/^blog.example.org {/http:\/\/:80 {/; s/\(listen \|:\)80\b/\1$(port "$@")/"
  case $2 in
    *-tcp) edit+="; /^[^#]*unix/d; s/# \(.*127\.0\.0\.1:\)8001/\1$(port app "$2")/" ;;
  esac
  sed -e "$edit; s/\bblog\b/$2/g" \
    "$ROOT/usr/local/share/doc/wsgi-once/examples/fronts/${EXAMPLES[$1]}"
}

# run_front NAME COMMAND [ARGUMENT]...: runs it until systemd ends.
run_front() {
  inside systemd-run --quiet --unit="front-$1" --property=Type=exec "${@:2}"
}

start_nginx() { # place
  cat >"$ROOT$1/main" <<END_MAIN
user www-data;
worker_processes 2;
daemon off;
pid $1/pid;
events {}
http {
    access_log off;
    client_body_temp_path $1/tmp/client;
    proxy_temp_path $1/tmp/proxy;
    fastcgi_temp_path $1/tmp/fastcgi;
    scgi_temp_path $1/tmp/scgi;
    uwsgi_temp_path $1/tmp/uwsgi;
    include $1/sites/*;
}
END_MAIN
  run_front nginx nginx -e stderr -c "$1/main"
}

start_haproxy() { # place
  cat >"$ROOT$1/main" <<END_MAIN
global
    user haproxy
    group www-data
END_MAIN
  run_front haproxy haproxy -db -f "$1/main" -f "$1/sites"
}

start_apache2() { # place
  local name
  {
    printf '%s\n' "ServerRoot $1" "ServerName localhost" "DefaultRuntimeDir $1" "PidFile $1/pid" \
      "ErrorLog syslog" "User www-data" "Group www-data"
    for name in mpm_event authz_core env headers proxy proxy_http reqtimeout; do
      echo "LoadModule ${name}_module /usr/lib/apache2/modules/mod_$name.so"
    done
    for name in "${APPS_BEHIND[@]}"; do echo "Listen $(port apache2 "$name")"; done
    echo "Include $1/sites/*"
  } >"$ROOT$1/main"
  run_front apache2 apache2 -D FOREGROUND -f "$1/main"
}

start_caddy() { # place
  printf '%s\n' "{" "admin off" "}" "import $1/sites/*" >"$ROOT$1/main"
  run_front caddy --property=User=caddy --property=Group=www-data \
    --setenv=XDG_DATA_HOME="$1/tmp" --setenv=XDG_CONFIG_HOME="$1/tmp" \
    caddy run --adapter caddyfile --config "$1/main"
}
