# shellcheck shell=bash
# Helpers of all suites. A test starts the program with `serve`, sends requests with `http` or
# `talk`, and checks what the process has left with `exit_status` and `logged`.
#
# WAY (accept, inetd, listener, server) and FAMILY (unix, tcp, tcp6) determine how the program is
# activated; tests/run repeats the suites for each. See tests/activator. With THAW=1 the program
# starts from an image, which is made before.

bats_require_minimum_version 1.5.0

TESTS=$(cd "${BASH_SOURCE[0]%/*}" && pwd)
APPS=$TESTS/apps
PROGRAM=${PROGRAM:-$TESTS/../build/wsgi-once}
WAY=${WAY:-accept}
FAMILY=${FAMILY:-unix}
exec {SILENCE}<> <(:) # never readable: `read -t` from it pauses without a process
export PATH=/usr/sbin:/usr/bin:/sbin:/bin PYTHONDONTWRITEBYTECODE=1
# How many seconds tests wait for what must happen. On a busy machine that can take long.
export PATIENCE=${PATIENCE:-60}
unset "${!PYENV@}" PYTHONPATH PYTHONHOME PYTHONUNBUFFERED

setup() {
  LOG=$BATS_TEST_TMPDIR/log
  STATUSES=$BATS_TEST_TMPDIR/statuses
  export FIFOS=$BATS_TEST_TMPDIR # where apps and tests find their fifos
  ACTIVATOR=
  : >"$LOG"
  : >"$STATUSES"
}

teardown() {
  stop
  check_log
}

# Shows the log of a failed test. A sanitizer's report fails the test, because the exit status of a
# server does not show how its workers ended; so does an image that was made and does not fit.
check_log() {
  local found=0
  if [[ -n ${SANITIZED:-} ]]; then
    found=$(grep -cE 'ERROR: [A-Za-z]+Sanitizer|runtime error:' "$LOG") || :
  fi
  if [[ -n ${THAW:-} && -z ${MAY_IMPORT:-} ]]; then
    found=$(grep -c "cannot start from the image" "$LOG") || :
  fi
  if [[ (-z $BATS_TEST_COMPLETED || $found != 0) && -s $LOG ]]; then
    echo "--- log of the program:"
    cat "$LOG"
  fi
  [[ $found == 0 ]]
}

# way_options: prints the options of a WAY. A `listener` serves one connection and exits; a `server`
# exits as soon as it is idle, so that each request yields an exit status, as with the other ways.
way_options() {
  case $WAY in
    listener) echo --single ;;
    server) echo --idle-timeout=1ms ;;
  esac
}

# make_image [OPTION]... APPLICATION: makes the image for THAW=1. If there is none, because the app
# cannot be loaded, or leaves what an image cannot hold, the app is imported. (The activator does
# the same with SIGINT, which is ignored in the background jobs of a shell.)
make_image() {
  rm -f "$BATS_TEST_TMPDIR/image"
  env --default-signal=INT "$PROGRAM" --freeze="$BATS_TEST_TMPDIR/image" --python-path="$APPS" \
    --access-log=none "${options[@]}" "$@" \
    </dev/null >/dev/null 2>"$BATS_TEST_TMPDIR/frozen" 3>&- 4>&- || return 0
  cat "$BATS_TEST_TMPDIR/frozen" >>"$LOG" # what the import has printed
  options+=(--image="$BATS_TEST_TMPDIR/image")
}

# serve [OPTION]... APPLICATION: starts the program under the activator, in place of a running one.
# Apps are found in tests/apps. There is no access log unless the options enable it.
serve() {
  local options
  stop
  mapfile -t options < <(way_options)
  [[ ! ${THAW:-} ]] || make_image "$@"
  # The activator must not hold the descriptors of bats, which waits for their end: 3 is its output.
  coproc ACTIVATOR_OUTPUT {
    exec "$TESTS/activator" "$WAY" "$FAMILY" "$STATUSES" \
      "$PROGRAM" --python-path="$APPS" --access-log=none "${options[@]}" "$@" \
      </dev/null 2>>"$LOG" 3>&- 4>&- # the input is as in a unit
  }
  ACTIVATOR=$ACTIVATOR_OUTPUT_PID
  read -r ADDRESS <&"${ACTIVATOR_OUTPUT[0]}"
  case $FAMILY in
    unix) TARGET=(--unix-socket "$ADDRESS"); ORIGIN=http://localhost ;;
    tcp) TARGET=(); ORIGIN=http://127.0.0.1:$ADDRESS ;;
    tcp6) TARGET=(-g); ADDRESS="[::1]:$ADDRESS"; ORIGIN="http://$ADDRESS" ;;
  esac
}

stop() {
  [[ -n $ACTIVATOR ]] || return 0
  kill "$ACTIVATOR" 2>/dev/null || :
  wait "$ACTIVATOR" 2>/dev/null || :
  ACTIVATOR=
}

# http PATH [CURL-ARGUMENT]...: prints the content of the answer.
http() {
  local path=$1
  shift
  curl --silent --show-error --max-time "$PATIENCE" "${TARGET[@]}" "$@" "$ORIGIN$path"
}

# get_from SOCKET [PATH [CURL-ARGUMENT]...]: prints the content of an answer at a unix socket. The
# path is without its leading slash.
get_from() {
  curl --silent --show-error --max-time "$PATIENCE" --unix-socket "$1" "${@:3}" \
    "http://localhost/${2-}"
}

# status PATH [CURL-ARGUMENT]...: prints the status code of the answer.
status() {
  http "$@" --output /dev/null --write-out '%{http_code}'
}

# peer: prints the peer that a test connects from, for --trusted-proxy.
peer() {
  case $FAMILY in
    unix) echo "unix:$EUID" ;;
    tcp) echo 127.0.0.0/8 ;;
    tcp6) echo ::1 ;;
  esac
}

# talk STEP...: see tests/talk.
talk() {
  "$TESTS/talk" "$ADDRESS" "$@"
}

# get_environ KEY PATH [CURL-ARGUMENT]...: prints a value of the environ that the app received, in
# the format of repr().
get_environ() {
  local key=$1
  shift
  http "$@" | sed -n "s/^$key=//p"
}

# environ_value KEY: prints a value of the environ in $output, which environ:app printed, in the
# format of repr(); nothing if the key is missing.
environ_value() {
  # shellcheck disable=SC2154 # set by run
  sed -n "s/^$1=//p" <<<"$output"
}

# environ_has KEY=VALUE...: the environ in $output has these strings.
environ_has() {
  local pair
  for pair; do
    equal "${pair%%=*}: $(environ_value "${pair%%=*}")" "${pair%%=*}: '${pair#*=}'" || return
  done
}

# eventually COMMAND...: waits until the command succeeds; fails after PATIENCE.
eventually() {
  local end=$((SECONDS + PATIENCE))
  until "$@"; do
    if ((SECONDS >= end)); then
      echo "timed out waiting for: $*"
      return 1
    fi
    read -rt 0.02 -u "$SILENCE" || :
  done
}

# open_fifo FIFO: opens it for writing as descriptor 5 as soon as an app has opened it for reading;
# fails after PATIENCE. The shell cannot open with a timeout, so another reader then unblocks it.
open_fifo() {
  local guard
  guard=$( (read -rt "$PATIENCE" <> <(:) || : >"$1.late" <"$1") >/dev/null 2>&1 3>&- 4>&- & echo $!)
  exec 5>"$1"
  kill "$guard" 2>/dev/null || :
  [[ ! -e $1.late ]]
}

# read_fifo FIFO: reads what an app writes to a fifo, until the app closes it.
read_fifo() {
  timeout "$PATIENCE" cat "$1"
}

# write_fifo FIFO [TEXT]: returns as soon as an app has opened the fifo and read the text.
write_fifo() {
  # shellcheck disable=SC2016 # expanded by the inner shell
  timeout "$PATIENCE" sh -c 'printf %s "$2" >"$1"' sh "$1" "${2-}"
}

has_status() {
  local statuses
  mapfile -t statuses <"$STATUSES"
  [[ -n ${statuses[$1 - 1]-} ]]
}

# has_ended N: N processes have ended, or, for servers, all have: one server may serve several
# requests that arrive close together.
has_ended() {
  has_status "$1" || { [[ $WAY == server ]] && has_status 1 && ! pgrep -P "$ACTIVATOR" >/dev/null; }
}

# exit_status: waits for the next process to end and prints its exit status. The position is in a
# file because $(exit_status) runs in a subshell.
exit_status() {
  local reported statuses
  echo next >>"$BATS_TEST_TMPDIR/reported"
  mapfile -t reported <"$BATS_TEST_TMPDIR/reported"
  eventually has_ended "${#reported[@]}" >&2 || return
  mapfile -t statuses <"$STATUSES"
  statuses=("${statuses[@]:0:${#reported[@]}}")
  echo "${statuses[-1]}"
}

# logged TEXT: waits until a line of the log contains the text.
logged() {
  eventually grep -qF -- "$1" "$LOG"
}

not_logged() {
  ! grep -qF -- "$1" "$LOG"
}

# equal ACTUAL EXPECTED
equal() {
  [[ $1 == "$2" ]] && return
  printf 'expected: %s\nactual:   %s\n' "$2" "$1"
  return 1
}

# contains TEXT PART
contains() {
  [[ $1 == *"$2"* ]] && return
  printf 'expected in it: %s\nactual: %s\n' "$2" "$1"
  return 1
}

# prints_one_line TEXT...: the command of `run --separate-stderr` printed nothing but one message,
# which contains the texts.
prints_one_line() {
  local text
  # shellcheck disable=SC2154 # set by run
  equal "$output" "" && equal "${#stderr_lines[@]}" 1 || return
  # shellcheck disable=SC2154
  [[ $stderr == "wsgi-once: "* ]] || return
  for text; do
    contains "$stderr" "$text" || return
  done
}
