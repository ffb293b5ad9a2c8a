#!/usr/bin/env bats
# ways: one
#
# The command line. No test here needs a socket, except those that serve: without one, a valid
# command line exits with 66 (EX_NOINPUT), an invalid one with 64 (EX_USAGE).

load helpers

# program [ARGUMENT]...: runs the program without a socket and with a time limit.
program() {
  timeout "$PATIENCE" "$PROGRAM" "$@" </dev/null
}

# refused TEXT... -- [ARGUMENT]...: the exit status is 64, and the one line of output contains the
# texts.
refused() {
  local texts=()
  while [[ $1 != -- ]]; do
    texts+=("$1")
    shift
  done
  run -64 --separate-stderr program "${@:2}"
  prints_one_line "${texts[@]}"
}

# accepted [ARGUMENT]...
accepted() {
  run -66 --separate-stderr program "$@" hello:app
}

# Prints the long options in the table of the source.
names_in_table() {
  sed -nE 's/^ *\{"([a-z][a-z-]*)", [A-Z_]+, .*/\1/p' "$TESTS/../src/options/table.c" | sort
}

names_in_help() {
  program --help | sed -nE 's/^  --([a-z][a-z-]*).*/\1/p' | sort
}

names_in_manual() {
  sed -nE 's/^\.It Fl -([a-z][a-z-]*).*/\1/p' "$TESTS/../src/wsgi-once.8" | sort
}

# ---- --help and --version ----

@test "--help prints the usage on standard output" {
  run -0 --separate-stderr program --help
  [[ $output == "Usage: wsgi-once "* ]]
  # shellcheck disable=SC2154 # set by run
  equal "$stderr" ""
}

@test "--help lists every option once" {
  [[ -n $(names_in_table) ]]
  equal "$(names_in_help)" "$(names_in_table)"
}

@test "--help shows every limit and every timeout with its default" {
  run -0 program --help
  for line in "${lines[@]}"; do
    [[ ! $line =~ ^\ +--[a-z-]+=(SIZE|TIME|N|PATH)\  || $line =~ \ \[[0-9A-Za-z/]+\]$ ]] ||
      equal "$line" "a line with a default"
  done
  for default in "max-request-line=SIZE 8K" "max-field-section=SIZE 32K" "max-fields=N 100" \
    "max-content=SIZE 128M" "head-timeout=TIME 10s" "read-timeout=TIME 30s" \
    "write-timeout=TIME 30s" "request-timeout=TIME 5min" "linger-timeout=TIME 10s" \
    "mount=PATH /" "spare=N 2" "max-workers=N 16" "import=WHERE server" "import-timeout=TIME 5min" \
    "idle-timeout=TIME 60s" "stop-timeout=TIME 30s" "leftover-timeout=TIME 5s" \
    "limit-cpu=TIME 0" "limit-memory=SIZE 0" \
    "limit-files=N 0" "limit-processes=N 0" "access-log=WHERE journal"; do
    grep -qE -- "^  --${default% *} .* \[${default#* }\]$" <<<"$output" ||
      equal "--help" "--${default% *} with the default ${default#* }"
  done
}

@test "the output of --help fits 80 columns and 60 lines" {
  run -0 program --help
  for line in "${lines[@]}"; do
    ((${#line} <= 80)) || equal "$line" "a shorter line"
  done
  ((${#lines[@]} <= 60))
}

@test "without /proc, the program finds its library, and loads none from the working directory" {
  ((EUID == 0)) || skip "impossible: only root can unmount /proc"
  [[ -z ${SANITIZED:-} ]] || skip "impossible: sanitizers need /proc"
  echo "no library" >"$BATS_TEST_TMPDIR/wsgi-once.so"
  cd "$BATS_TEST_TMPDIR"
  # shellcheck disable=SC2016 # for the inner shell
  run -0 unshare --mount sh -c 'umount --lazy /proc && exec "$0" --version' "$PROGRAM"
  contains "$output" "wsgi-once "
}

@test "--version prints the versions of the program, Python and systemd, and the build flags" {
  run -0 --separate-stderr program --version
  local python
  python=$(/usr/bin/python3 -c 'import platform; print(platform.python_version())')
  equal "${lines[0]}" "wsgi-once $(sed -n 's/^VERSION := //p' "$TESTS/../Makefile")"
  [[ ${lines[1]} == "Python "*" $python, built for "*": /usr/bin/python3."* ]]
  [[ ${lines[2]} == "systemd "*" libsystemd $(pkg-config --modversion libsystemd)" ]]
  [[ ${lines[3]} == "build "*" gcc "*" optimized"* ]]
  equal "${#lines[@]}" 4
}

@test "--help and --version fail if standard output cannot be written" {
  local what
  for what in --help --version; do
    run -74 --separate-stderr bash -c '"$@" >/dev/full' bash "$PROGRAM" "$what"
    # shellcheck disable=SC2154 # set by run
    contains "$stderr" "standard output"
  done
}

@test "the manual documents every option and no others" {
  equal "$(names_in_manual)" "$(names_in_help)"
}

@test "the defaults in the manual are those of --help" {
  run -0 program --help
  local name default text checked=0
  while read -r name default; do
    text=$(sed -n "/^\.It Fl -$name /,/^\.\(It\|El\)/p" "$TESTS/../src/wsgi-once.8")
    contains "$text" $'\n'"The default is $default."$'\n'
    checked=$((checked + 1))
  done < <(sed -nE 's/^  --([a-z-]+)=.* \[([0-9][0-9A-Za-z]*)\]$/\1 \2/p' <<<"$output")
  ((checked >= 18))
}

# ---- invalid command lines ----

@test "an unknown option is refused" {
  refused "--no-such-option" -- --no-such-option hello:app
  refused "--no-such-option" -- --no-such-option=5 hello:app
  refused "-x" -- -x hello:app
}

@test "an ambiguous abbreviation of an option is refused" {
  refused "--max" -- --max=5 hello:app
}

@test "an option without its required argument is refused" {
  refused "--directory" "argument" -- --directory
  refused "--max-content" "argument" -- --max-content
}

@test "an argument to an option that takes none is refused" {
  refused "--help" "argument" -- --help=all
}

@test "an invalid size is refused" {
  for value in "" many -1 +1 1.5K 1KB 0x10 "1 K" K 1k 99999999999999999999 18446744073709551615K; do
    refused "--max-content" "'$value'" "K, M or G" -- --max-content="$value" hello:app
  done
}

@test "an invalid number is refused" {
  for value in "" many -1 +1 1K 1.5 " 1" "1 " 99999999999999999999; do
    refused "--max-fields" "'$value'" "number" -- --max-fields="$value" hello:app
  done
}

@test "an invalid time span is refused" {
  for value in "" soon -1 +1 s 5parsecs 1.5 "1min s" 99999999999999999999s 18446744073709551615h \
    36526d 18446744073709551ms; do
    refused "--head-timeout" "'$value'" "500ms" "1min 30s" -- --head-timeout="$value" hello:app
  done
}

@test "an invalid mount point is refused" {
  for value in "" blog blog/ /blog/ // /a//b; do
    refused "--mount" "'$value'" "/blog" -- --mount="$value" hello:app
  done
}

@test "an invalid number of workers is refused" {
  for value in "" 0 1001 many -1 1K; do
    refused "--spare" "'$value'" "from 1 to 1000" -- --spare="$value" hello:app
    refused "--max-workers" "'$value'" "from 1 to 1000" -- --max-workers="$value" hello:app
  done
}

@test "an invalid value of --import is refused" {
  for value in "" client Server worker,server; do
    refused "--import" "'$value'" "server or worker" -- --import="$value" hello:app
  done
}

@test "an invalid value of --access-log is refused" {
  for value in "" syslog Journal stderr,journal ./access.log; do
    refused "--access-log" "'$value'" "journal, stderr or none" -- --access-log="$value" hello:app
  done
}

@test "an invalid trusted proxy is refused" {
  for value in "" localhost unix: unix:/run/x unix:4294967295 192.0.2 192.0.2.1/33 ::1/129 \
    192.0.2.1,::1 "[::1]"; do
    refused "--trusted-proxy" "'$value'" "unix" "192.0.2.0/24" -- \
      --trusted-proxy="$value" hello:app
  done
}

@test "a trusted proxy with an unknown user is refused" {
  refused "--trusted-proxy" "'unix:no-such-user'" "no such user" -- \
    --trusted-proxy=unix:no-such-user hello:app
}

@test "a trusted proxy whose user cannot be distinguished from others is refused" {
  local user
  program() { # as with PrivateUsers=: all users but root appear as nobody
    timeout "$PATIENCE" unshare --user --map-root-user "$PROGRAM" "$@" </dev/null
  }
  for user in 33 daemon 65534; do
    refused "--trusted-proxy" "'unix:" "distinguish this user" "PrivateUsers=" -- \
      --trusted-proxy="unix:$user" hello:app
  done
  accepted --trusted-proxy=unix --trusted-proxy=unix:0
}

@test "outside of a user namespace, all users can be distinguished" {
  [[ $(cat /proc/self/uid_map) =~ ^\ *0\ +0\ +4294967295$ ]] ||
    skip "impossible: this is in a user namespace"
  accepted --trusted-proxy=unix:33 --trusted-proxy=unix:daemon --trusted-proxy=unix:65534
}

@test "an invalid trusted field is refused" {
  for value in "" X-Forwarded X-Real-IP X-Forwarded-For,Forwarded; do
    refused "--trusted-field" "'$value'" "X-Forwarded-For" "X-Forwarded-Prefix" -- \
      --trusted-proxy=unix --trusted-field="$value" hello:app
  done
}

@test "trusted fields without a trusted proxy, and conflicting trusted fields, are refused" {
  refused "--trusted-field" "--trusted-proxy" -- --trusted-field=X-Forwarded-For hello:app
  refused "--proxy-protocol" "--trusted-proxy" -- --proxy-protocol hello:app
  refused "--trusted-field" "Forwarded with X-Forwarded-..." "choose" -- --trusted-proxy=unix \
    --trusted-field=forwarded --trusted-field=X-Forwarded-Proto hello:app
}

@test "an invalid --warm-up target is refused" {
  for value in "" login http:// http://host http:///path HTTP://host/ https://host/ "/a b" \
    $'/a\r\nX: y' /ü; do
    refused "--warm-up" "/login" "http://" -- --warm-up="$value" hello:app
  done
}

@test "an image without an absolute path is refused" {
  for value in "" image ./image; do
    refused "--image" "'$value'" "absolute path" -- --image="$value" hello:app
    refused "--freeze" "'$value'" "absolute path" -- --freeze="$value" hello:app
  done
}

@test "--reload is refused with --import=worker, whose sources the server does not know" {
  refused "--reload" "--import=server" -- --reload --import=worker hello:app
}

@test "a missing application is refused" {
  refused "no application" "module:callable" --
  refused "no application" "module:callable" -- --max-fields=5
}

@test "two applications are refused" {
  refused "hello:app" "counter:app" -- hello:app counter:app
}

@test "an option after the application is refused" {
  refused "--max-fields=5" "hello:app" -- hello:app --max-fields=5
}

# ---- valid command lines ----

@test "sizes are accepted" {
  for value in 0 1 1000 64K 2M 3G; do
    accepted --max-content="$value"
  done
}

@test "K, M and G are powers of 1024" {
  serve --max-content=1K hello:app
  equal "$(status / --data-binary "$(printf '%01024d' 0)")" 200
  equal "$(status / --data-binary "$(printf '%01025d' 0)")" 413
  # 1M and 1G are tested with Content-Length alone: the content of accepted requests is not awaited.
  for step in "1M 1048577 413" "1M 1048576 200" "1G 1073741825 413" "1G 1073741824 200"; do
    read -r value length expected <<<"$step"
    serve --max-content="$value" --linger-timeout=1ms hello:app
    run talk send "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: $length\r\n\r\n" read
    contains "$output" "HTTP/1.1 $expected "
  done
}

@test "options of the server are accepted" {
  accepted --spare=1000 --max-workers=1000
  accepted --spare=5 --max-workers=1
  accepted --import=server --reload
  accepted --import=worker
  accepted --warm-up=/login?next=/
  accepted --warm-up=http://www.example.org:8000/login
  accepted --single --idle-timeout=0 --stop-timeout=1min --leftover-timeout=500ms
  accepted --limit-cpu=10s --limit-memory=256M --limit-files=64 --limit-processes=32
}

@test "a --warm-up target is accepted even if a request for it would be refused" {
  for value in "/a#b" /%zz http://u@h/p "http://h?q/p" //p; do
    accepted --warm-up="$value"
  done
}

@test "an image is accepted" {
  accepted --image=/no/such/image
  accepted --image /no/such/image --image-max-age=2h
}

@test "options for logging are accepted" {
  for value in journal stderr none; do
    accepted --access-log="$value"
  done
}

@test "options for front servers are accepted" {
  accepted --trusted-proxy=unix --trusted-proxy=192.0.2.0/24 --trusted-proxy=2001:db8::1
  accepted --proxy-protocol --trusted-proxy=unix
  accepted --trusted-proxy=unix:0 --trusted-proxy=unix:root --trusted-field=FORWARDED
  accepted --trusted-proxy=unix --trusted-field=X-Forwarded-For --trusted-field=X-Forwarded-Proto \
    --trusted-field=X-Forwarded-Host --trusted-field=X-Forwarded-Port \
    --trusted-field=X-Forwarded-Prefix --trusted-field=X-Forwarded-For
}

@test "time spans are accepted" {
  for value in 0 30 500ms 5s "5 s" "1min 30s" 1min30s "1h 2min 3s 4ms" 1hour 2minutes 3seconds \
    1d 250us 36525d; do
    accepted --head-timeout="$value"
  done
}

@test "a time span has the value that was given" {
  serve --head-timeout=50ms hello:app
  run talk send "GET / HTTP/1.1\r\n" read
  contains "$output" "HTTP/1.1 408 "
  # 0 disables the timeout: the server waits until the client has sent the whole request.
  serve --head-timeout=0 hello:app
  run talk send "GET / HTTP/1.1\r\n" send "Host: a\r\n\r\n" read
  contains "$output" "HTTP/1.1 200 "
}

@test "an argument may be a separate word after its option" {
  accepted --max-content 5K --mount /blog
}

@test "an unambiguous abbreviation of an option is accepted" {
  accepted --max-req=5K
}

@test "-- ends the options" {
  run -66 program -- hello:app
  refused "no application" -- --
}

@test "the last of repeated options takes effect" {
  serve --max-content=1 --max-content=1K hello:app
  equal "$(status / --data 12345)" 200
}

@test "limits on what is held in memory are themselves limited" {
  for option in --max-request-line --max-field-section; do
    run -64 "$PROGRAM" "$option=17M" hello:app
    contains "$output" "option $option: '17M' is not a number of bytes up to 16M"
    run -64 "$PROGRAM" "$option=18446744073709551615" hello:app
  done
}
