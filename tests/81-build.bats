#!/usr/bin/env bats
# ways: source
# lasts: 40 s

# The Makefile, the runner of the tests, and the scripts beside them.

load helpers

cd "$BATS_TEST_DIRNAME/.." || exit

# Runs make without the variables of the make that runs the tests, with the objects of setup_file.
build() {
  env -u MAKEFLAGS -u MAKELEVEL -u WERROR make --no-print-directory BUILD="$BATS_FILE_TMPDIR" \
    INSTALL_DEPENDENCIES=: "$@"
}

setup_file() {
  cd "$BATS_TEST_DIRNAME/.." || return
  env -u MAKEFLAGS -u MAKELEVEL -u WERROR make --no-print-directory BUILD="$BATS_FILE_TMPDIR" \
    >"$BATS_FILE_TMPDIR/output"
}

@test "the output is quiet: a word and a file for each step" {
  run -1 grep -vE '^  (AR|CC|LINK|MAKE) +[^ ]+$' "$BATS_FILE_TMPDIR/output"
  grep -qE '^  LINK  .*/wsgi-once$' "$BATS_FILE_TMPDIR/output"
  grep -qE '^  LINK  .*/wsgi-once-generator$' "$BATS_FILE_TMPDIR/output"
}

@test "V=1 prints the commands, with the user's flags after the project's" {
  run -0 build -W src/log/log.c V=1 CFLAGS=-Os CPPFLAGS=-DMINE LDFLAGS=-Wl,-O1
  [[ $output =~ -DMINE\ .*-Wall\ .*-fstack-protector-strong\ .*-Os\ .*-c\ .*src/log/log.c ]]
  [[ $output =~ -Wl,-z,relro,-z,now.*\ -Wl,-O1 ]]
}

@test "the user's _FORTIFY_SOURCE is not overridden, and not defined twice" {
  run -0 build -W src/log/log.c V=1
  contains "$output" "-D_FORTIFY_SOURCE=2 "
  run -0 build -W src/log/log.c V=1 CPPFLAGS="-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3"
  contains "$output" "-D_FORTIFY_SOURCE=3 "
  [[ $output != *-D_FORTIFY_SOURCE=2* ]]
}

@test "a second build does nothing; a changed header rebuilds its users only" {
  run -0 build
  run -0 build
  equal "$output" ""
  run -0 build -W src/base/slice.h
  contains "$output" "src/http/request.o"
  contains "$output" "src/wsgi/environ.o"
  [[ $output != *src/base/streams.o* ]]
}

@test "WERROR=1 makes warnings errors" {
  # The sources cause this warning: they declare variables where they are needed.
  run -0 build -W src/log/log.c CFLAGS='-O2 -Wdeclaration-after-statement'
  contains "$output" "warning:"
  run ! build WERROR=1 -W src/log/log.c CFLAGS='-O2 -Wdeclaration-after-statement'
  contains "$output" "[-Werror=declaration-after-statement]"
  run -0 build -W src/log/log.c
}

# compile_one [VARIABLE=VALUE]...: compiles the test's one.c like a source of the program.
compile_one() {
  local source=$BATS_TEST_TMPDIR/one
  build "$@" --eval="$source.o: $source.c ; \$(compile)" "$source.o"
}

# hardened PROGRAM
hardened() {
  local program=$BATS_FILE_TMPDIR/$1
  contains "$(readelf --file-header "$program")" "Position-Independent Executable"
  contains "$(readelf --program-headers --wide "$program")" GNU_RELRO
  run ! grep -q 'GNU_STACK.* RWE ' <(readelf --program-headers --wide "$program")
  contains "$(readelf --dynamic --wide "$program")" BIND_NOW
  contains "$(readelf --dyn-syms --wide "$program")" __stack_chk_fail
  contains "$(readelf --dyn-syms --wide "$program")" _chk@
}

@test "the programs are hardened" {
  build
  hardened wsgi-once
  hardened wsgi-once-generator
}

@test "only used libraries are linked" {
  # The program starts from an image before it loads what serves an app.
  run -0 readelf --dynamic --wide "$BATS_FILE_TMPDIR/wsgi-once"
  equal "$(grep -c '(NEEDED)' <<<"$output")" 1
  grep -qF '[libc.so.' <<<"$output"
  run -0 readelf --dynamic --wide "$BATS_FILE_TMPDIR/wsgi-once.so"
  libraries=$(sed -n 's/.*(NEEDED).*\[\(.*\)\.so.*/\1/p' <<<"$output" | sort | tr '\n' ' ')
  equal "${libraries/libpython3.[0-9]*[0-9]/libpython3.x}" "libc libpython3.x libsystemd "
  # The generator runs early at boot: it must start fast, and depend on little.
  run -0 readelf --dynamic --wide "$BATS_FILE_TMPDIR/wsgi-once-generator"
  equal "$(sed -n 's/.*(NEEDED).*\[\(.*\)\.so.*/\1/p' <<<"$output")" libc
}

# systemd_directory NAME: the directory of this systemd, as find prints it below DESTDIR.
systemd_directory() {
  echo ".$(pkg-config --variable="systemd$1dir" systemd)"
}

@test "make install installs these files below DESTDIR, and no others" {
  local root=$BATS_TEST_TMPDIR/root generators units user_generators user_units
  generators=$(systemd_directory systemgenerator)
  user_generators=$(systemd_directory usergenerator)
  units=$(systemd_directory systemunit)
  user_units=$(systemd_directory userunit)
  build install DESTDIR="$root" prefix=/opt
  equal "$(cd "$root" && find . -type f -printf '%m %p\n' | sort -k 2)" \
    "$(sort -k 2 <<END
755 ./opt/bin/wsgi-once
644 ./opt/lib/wsgi-once/wsgi-once.so
644 ./opt/share/bash-completion/completions/wsgi-once
644 ./opt/share/fish/vendor_completions.d/wsgi-once.fish
644 ./opt/share/man/man5/wsgi-once.conf.5
644 ./opt/share/man/man7/wsgi-once-apps.7
644 ./opt/share/man/man8/wsgi-once-generator.8
644 ./opt/share/man/man8/wsgi-once.8
644 ./opt/share/wsgi-once/lean.conf
644 ./opt/share/zsh/site-functions/_wsgi-once
644 .$(pkg-config --variable=catalogdir systemd)/wsgi-once.catalog
755 $generators/wsgi-once-generator
644 $units/wsgi-once-.service.d/10-wsgi-once.conf
644 $units/wsgi-once-.socket.d/10-wsgi-once.conf
644 $user_units/wsgi-once-.service.d/10-wsgi-once.conf
644 $user_units/wsgi-once-.socket.d/10-wsgi-once.conf
$(cd systemd/examples && find . -type f -printf '644 ./opt/share/doc/wsgi-once/examples/%P\n')
END
    )"
  contains "$("$root/opt/bin/wsgi-once" --version)" "wsgi-once "
  # Links to the generator, for user managers and the command line; they do not contain DESTDIR.
  equal "$(cd "$root" && find . -type l | sort)" \
    "$(printf '%s\n' ./opt/bin/wsgi-once-generator "$user_generators/wsgi-once-generator" | sort)"
  local link
  for link in "$root/opt/bin" "$root/$user_generators"; do
    [[ $(readlink "$link/wsgi-once-generator") != *"$root"* ]]
    [[ $link/wsgi-once-generator -ef $root/$generators/wsgi-once-generator ]]
  done
  # again, over existing files
  build install DESTDIR="$root" prefix=/opt
}

# paths_in_units DIRECTORY: the paths of the program and of lean.conf that this generator writes.
paths_in_units() {
  local file=$BATS_TEST_TMPDIR/app.conf
  printf '[App]\nApplication=a:b\n[Socket]\nAccept=yes\n' >"$file"
  "$1/wsgi-once-generator" --dry-run "$file" |
    sed -nE 's/^ExecStart=([^ ]*).*/\1/p; s/^# .*20-lean.conf -> //p'
}

@test "generated units follow the prefix, even after a build with another one" {
  local generators
  generators=$(systemd_directory systemgenerator)
  build
  equal "$(paths_in_units "$BATS_FILE_TMPDIR")" \
    $'/usr/local/bin/wsgi-once\n/usr/local/share/wsgi-once/lean.conf'
  build install DESTDIR="$BATS_TEST_TMPDIR/root" prefix=/opt
  equal "$(paths_in_units "$BATS_TEST_TMPDIR/root/$generators")" \
    $'/opt/bin/wsgi-once\n/opt/share/wsgi-once/lean.conf'
  build install DESTDIR="$BATS_TEST_TMPDIR/other" prefix=/usr bindir=/usr/libexec
  equal "$(paths_in_units "$BATS_TEST_TMPDIR/other/$generators")" \
    $'/usr/libexec/wsgi-once\n/usr/share/wsgi-once/lean.conf'
  build
}

@test "the examples follow the prefix" {
  build install DESTDIR="$BATS_TEST_TMPDIR/root" prefix=/opt
  cd "$BATS_TEST_TMPDIR/root/opt/share/doc/wsgi-once/examples"
  run -1 grep -r /usr/local .
  equal "$(grep -rlF 'ExecStart=/opt/bin/wsgi-once ' . | sort)" "$(find . -name '*.service' | sort)"
  grep -q /opt/share/wsgi-once/lean.conf wsgi-once-each.socket
}

@test "SOCKET_GROUP is the group of the sockets" {
  local drop_in
  drop_in=$(systemd_directory systemunit)/wsgi-once-.socket.d/10-wsgi-once.conf
  build install DESTDIR="$BATS_TEST_TMPDIR/root"
  grep -qx SocketGroup=www-data "$BATS_TEST_TMPDIR/root/$drop_in"
  build install DESTDIR="$BATS_TEST_TMPDIR/root" SOCKET_GROUP=nginx
  equal "$(diff systemd/system/wsgi-once-.socket.d/10-wsgi-once.conf \
    "$BATS_TEST_TMPDIR/root/$drop_in" | grep '^[<>]')" \
    $'< SocketGroup=www-data\n> SocketGroup=nginx'
}

@test "make install without systemd.pc fails and names the remedy" {
  # knows the libraries, but not systemd
  local pkg_config=$BATS_TEST_TMPDIR/pkg-config
  cat >"$pkg_config" <<'END'
#!/bin/sh
for last; do :; done
[ "$last" != systemd ] && exec pkg-config "$@"
END
  chmod +x "$pkg_config"
  run ! build install DESTDIR="$BATS_TEST_TMPDIR/root" PKG_CONFIG="$pkg_config"
  contains "$output" "packaging/install-dependencies build"
  [[ ! -e $BATS_TEST_TMPDIR/root ]]
}

@test "the default prefix of make install is /usr/local" {
  build install DESTDIR="$BATS_TEST_TMPDIR/root"
  [[ -x $BATS_TEST_TMPDIR/root/usr/local/bin/wsgi-once ]]
}

@test "the program embeds the Python of pkg-config, and --version prints its version" {
  run -0 "$BATS_FILE_TMPDIR/wsgi-once" --version
  [[ ${lines[1]} == Python*" $(pkg-config --modversion python3-embed)."* ]]
}

# run_demo NAME [VARIABLE=VALUE]...: runs `make run` from the current directory, on a unix socket of
# that name, until end_demo.
run_demo() {
  local log=$BATS_TEST_TMPDIR/$1.log
  (exec 3>&- 4>&- &&
    build -C "$TESTS/.." run LISTEN="$BATS_TEST_TMPDIR/$1" "${@:2}" >"$log" 2>&1) &
  DEMO=$!
  eventually grep -q "Listening on" "$log"
}

end_demo() {
  pkill --parent "$DEMO"
  wait "$DEMO" || :
  DEMO=
}

eval "common_$(declare -f teardown)"
teardown() {
  [[ -z ${DEMO-} ]] || end_demo
  common_teardown
}

@test "make run serves the demo on the address LISTEN, and ignores an active environment" {
  VIRTUAL_ENV=/nowhere run_demo demo
  equal "$(get_from "$BATS_TEST_TMPDIR/demo" user/ada)" "Hello, ada."
  equal "$(get_from "$BATS_TEST_TMPDIR/demo" "" --data text=hi)" "You sent: hi"
}

# make_site: changes to the new directory of an app that reports its directory, what it imports from
# there and from a virtual environment, and a variable of its environment.
make_site() {
  mkdir "$BATS_TEST_TMPDIR/my site"
  cd "$BATS_TEST_TMPDIR/my site" || return
  /usr/bin/python3 -m venv --without-pip venv
  echo "name = 'of the venv'" >"$(echo venv/lib/python3*/site-packages)/in_venv.py"
  echo "name = 'of the site'" >status.py # tests/apps has a status.py, too
  cat >site_app.py <<'END'
import os, status, in_venv
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr((os.getcwd(), status.name, in_venv.name, os.environ.get("WORD"))).encode()]
def factory():
    return app
END
}

@test "make run APP=... serves an app of the current directory, in the active environment" {
  make_site
  export WORD=$'one\ntwo=three'
  VIRTUAL_ENV=$PWD/venv run_demo site APP=site_app:app
  equal "$(get_from "$BATS_TEST_TMPDIR/site")" \
    "('$PWD', 'of the site', 'of the venv', 'one\\ntwo=three')"
  contains "$(<"$BATS_TEST_TMPDIR/site.log")" "Serving site_app:app in $PWD on "
}

@test "make run accepts VENV, a factory, and an app in a file" {
  make_site
  VIRTUAL_ENV=/nowhere run_demo site APP='site_app:factory()' VENV=venv
  equal "$(get_from "$BATS_TEST_TMPDIR/site")" "('$PWD', 'of the site', 'of the venv', None)"
  end_demo
  cd /
  run_demo file APP="$APPS/counter.py:app"
  equal "$(get_from "$BATS_TEST_TMPDIR/file")" 1
}

@test "a build without the libraries fails and names the remedy" {
  run ! build -W src/log/log.c PKG_CONFIG=false
  contains "$output" "packaging/install-dependencies build"
  run -0 build
}

@test "install-dependencies rejects unknown groups, and lists the packages without apt or dnf" {
  run -64 packaging/install-dependencies
  contains "$output" "usage:"
  run -64 packaging/install-dependencies everything
  run -69 env PATH="$BATS_TEST_TMPDIR" /bin/sh packaging/install-dependencies test
  contains "$output" "libsystemd-dev"
}

# install_fronts COMMAND [POLICY]: with fake tools. The fake apt-get(8) prints the answers of the
# policy, and ends with COMMAND. /usr/sbin is empty, except for the POLICY.
install_fronts() {
  local tools=$BATS_TEST_TMPDIR/tools
  mkdir -p "$tools"
  # shellcheck disable=SC2016 # for the fake tool
  printf '%s\n' '#!/bin/sh' '[ "$1" = install ] || exit 0' \
    'for unit in nginx.service dbus.service; do' \
    '/usr/sbin/policy-rc.d $unit start; echo "$unit: $?" >&2; done' "$1" >"$tools/apt-get"
  printf '%s\n' '#!/bin/sh' 'exit 1' >"$tools/dpkg-query"
  printf '%s\n' '#!/bin/sh' 'echo "systemctl $*"' >"$tools/systemctl"
  chmod +x "$tools"/*
  # shellcheck disable=SC2016
  PATH=$tools:$PATH unshare --mount sh -c 'mount -t tmpfs none /usr/sbin
    printf %s "$0" >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d
    [ "$0" ] || rm /usr/sbin/policy-rc.d
    status=0
    packaging/install-dependencies integration || status=$?
    ls /usr/sbin
    exit $status' "${2-}"
}

@test "installed front servers do not start, now or at boot; other services do" {
  ((EUID == 0)) || skip "root is required"
  local started=$'nginx.service: 101\ndbus.service: 0'
  run -0 install_fronts 'exit 0'
  contains "$output" "$started"
  contains "$output" "systemctl --quiet disable nginx"
  # the policy is removed, even after a failure
  [[ $output != *policy-rc.d* ]]
  run -100 install_fronts 'exit 100'
  equal "$(sed 1d <<<"$output")" "$started"
  # shellcheck disable=SC2016 # for the fake tool
  run ! install_fronts 'kill $PPID'
  equal "$(sed 1d <<<"$output")" "$started"
  # except one that existed before
  run -100 install_fronts 'exit 100' $'#!/bin/sh\nexit 104\n'
  equal "$(sed 1d <<<"$output")" $'nginx.service: 104\ndbus.service: 104\npolicy-rc.d'
}

@test "the closing line counts the tests; with NO_SKIPS=1 a skipped test fails the run" {
  # A copy of the runner, with other suites.
  local tree=$BATS_TEST_TMPDIR/tree
  mkdir -p "$tree/tests"
  cp tests/run "$tree/tests"
  printf '# ways: %s\n@test "good" { true; }\n@test "skipped" { skip; }\n' one \
    >"$tree/tests/1.bats"
  run -0 env NO_SKIPS= BUILD="$tree/build" "$tree/tests/run" bats-o
  equal "${lines[-1]}" "2 passed, 0 failed, 2 skipped"
  run -1 env NO_SKIPS=1 BUILD="$tree/build" "$tree/tests/run" bats-o
  sed -i 's/skip;/skip "impossible: no moon";/' "$tree/tests/1.bats"
  run -0 env NO_SKIPS=1 BUILD="$tree/build" "$tree/tests/run" bats-o
  equal "${lines[-1]}" "2 passed, 0 failed, 2 skipped"
  printf '# ways: %s\n@test "bad" { echo why; false; }\n' one >"$tree/tests/2.bats"
  run -1 env NO_SKIPS= BUILD="$tree/build" "$tree/tests/run" bats-o
  equal "${lines[-1]}" "2 passed, 2 failed, 2 skipped"
  # The list of failed tests has the first lines of their diagnostics.
  contains "$(sed '1,/^== failed/d' <<<"$output")" "bats-once/2: not ok 1 bad in "
  equal "$(sed '1,/^== failed/d' <<<"$output" | grep -cx '# why')" 2
  # The whole name of a group or of a job matches nothing else.
  run -1 env NO_SKIPS= BUILD="$tree/build" "$tree/tests/run" bats-once
  equal "${lines[-1]}" "1 passed, 1 failed, 1 skipped"
  run -1 env NO_SKIPS= BUILD="$tree/build" "$tree/tests/run" bats-once/2
  equal "${lines[-1]}" "0 passed, 1 failed, 0 skipped"
  run -2 env BUILD="$tree/build" "$tree/tests/run" nothing
}

@test "a job that hangs is ended, and its processes are shown" {
  local tree=$BATS_TEST_TMPDIR/tree
  mkdir -p "$tree/tests"
  cp tests/run "$tree/tests"
  printf '# ways: %s\n@test "stuck" { echo $$ >"%s/pid"; exec sleep infinity; }\n' one "$tree" \
    >"$tree/tests/1.bats"
  run -1 env BUILD="$tree/build" JOB_SECONDS=2 FUZZ_SECONDS=0 "$tree/tests/run" bats-once
  equal "${lines[-1]}" "0 passed, 1 failed, 0 skipped"
  contains "$output" "not finished after 2 s"
  contains "$output" "sleep infinity"
  eventually [ ! -e "/proc/$(<"$tree/pid")" ]
}

@test "a signal to the runner ends all processes of its jobs, and removes their files" {
  local tree=$BATS_TEST_TMPDIR/tree signal runner status pids
  mkdir -p "$tree/tests" "$tree/tmp"
  cp tests/run "$tree/tests"
  # One process is in another session, with another parent; one ignores SIGTERM.
  # shellcheck disable=SC2016 # for the inner shells
  printf '# ways: one\n%s\n' '@test "stuck" {' '  touch "$BATS_TEST_TMPDIR/file"' \
    '  setsid sh -c "echo \$\$ >>\"$PIDS\"; exec sleep infinity" 3>&- &' \
    '  [[ $PIDS != *TERM* ]] || trap "" TERM' \
    '  sh -c "echo \$\$ >>\"$PIDS\"; exec sleep infinity"' '}' \
    >"$tree/tests/1.bats"
  cp "$tree/tests/1.bats" "$tree/tests/2.bats"
  for signal in HUP:129 INT:130 TERM:143; do
    pids=$tree/$signal.pids
    : >"$pids"
    env --default-signal PIDS="$pids" TMPDIR="$tree/tmp" BUILD="$tree/build" \
      "$tree/tests/run" bats-once >"$tree/output" 2>&1 3>&- &
    runner=$!
    eventually has_lines "$pids" 4
    kill -s "${signal%:*}" "$runner"
    status=0
    wait "$runner" || status=$?
    equal "$status" "${signal#*:}"
    # Zombies do not count.
    run ps -o stat= --pid "$(paste -sd, "$pids")"
    equal "$(grep -v "^Z" <<<"$output")" ""
    equal "$(ls -A "$tree/tmp")" ""
  done
}

has_lines() { # file, number
  (($(wc -l <"$1") == $2))
}

@test "the runner reports finished jobs, and the slowest tests" {
  local tree=$BATS_TEST_TMPDIR/tree
  mkdir -p "$tree/tests"
  cp tests/run "$tree/tests"
  printf '# ways: one\n@test "quick in 5ms" { :; }\n@test "slow" { read -rt 0.5 <> <(:) || :; }\n' \
    >"$tree/tests/1.bats"
  printf '# ways: one\n@test "skipped" { skip; }\n' >"$tree/tests/2.bats"
  run -0 env NO_SKIPS= BUILD="$tree/build" "$tree/tests/run" bats-once
  grep -qE '^ +[12]/2 bats-once/1 +2 ok, +[0-9]+ s \([0-9]+ s CPU\)$' <<<"$output"
  grep -qE '^ +[12]/2 bats-once/2 +1 ok, ' <<<"$output"
  contains "$output" "== slowest (ms)"
  equal "$(sed -n '/^== slowest/{n;s/^[5-9][0-9][0-9] //p}' <<<"$output")" "bats-once/1: slow"
  grep -qE '^[0-9]+ bats-once/1: quick in 5ms$' <<<"$output"
}

# jobs_of PATTERN...: puts the matching jobs into $output.
jobs_of() {
  run -0 tests/run --list "$@"
}

@test "plain has no job with sanitizers, valgrind or fuzzers; memory has no other jobs" {
  local job plain memory
  jobs_of plain
  plain=$output
  for job in bats-once/42-workers bats-load/46-limits bats-booted/49-systemd unit-plain \
    bats-server-tcp/10-activation bats-source/80-lint; do
    grep -qxF "$job" <<<"$plain"
  done
  run ! grep -E 'sanitized|valgrind|fuzz' <<<"$plain"
  jobs_of memory
  memory=$output
  run ! grep -vE 'sanitized|valgrind|fuzz' <<<"$memory"
  for job in bats-once-sanitized/42-workers bats-server-tcp-sanitized/52-log unit-valgrind; do
    grep -qxF "$job" <<<"$memory"
  done
  jobs_of
  local each_change=$output
  run ! grep -vxF "$plain"$'\n'"$memory" <<<"$each_change"
  for job in bats-accept-unix-sanitized/20-request unit-sanitized unit-valgrind fuzz-body; do
    grep -qxF "$job" <<<"$each_change"
  done
}

@test "each suite belongs to a job; some run with all activations, some with two" {
  local suite
  jobs_of check memory integration bats-newcomer bats-vm bats-vm-reboot bats-vm-tool
  for suite in tests/*.bats; do
    suite=$(basename "$suite" .bats)
    grep -qE "^bats-[^/]+/$suite\$" <<<"$output"
  done
  equal "$(grep -c '/10-activation$' <<<"$output")" 11
  equal "$(grep '/20-request$' <<<"$output" | sort | tr '\n' ' ')" "bats-accept-unix-sanitized/20-\
request bats-accept-unix/20-request bats-server-tcp/20-request bats-thaw-accept-unix/20-\
request bats-thaw-inetd-tcp/20-request "
}

@test "the jobs of integration run on request only" {
  local integration
  jobs_of integration
  integration=$output
  equal "$(cut -d/ -f1 <<<"$integration" | sort -u)" \
    "$(printf 'bats-%s\n' accept-tcp6 analyzer applications-{accept,server,thaw} bench \
      deb{,-clean} floods fronts libraries listener-unix rpm scale server-unix \
      thaw-{accept-unix,inetd-tcp})"
  jobs_of
  contains "$output" "bats-once/"
  contains "$output" "fuzz-request"
  run -1 grep -xF "$integration" <<<"$output"
  jobs_of integration plain
  equal "$(grep -cxF "$integration" <<<"$output")" "$(wc -l <<<"$integration")"
}

@test "the jobs of release are among the others; jobs that match twice run once" {
  local release
  jobs_of release
  release=$output
  jobs_of check integration release
  equal "$(sort <<<"$output")" "$(sort -u <<<"$output")"
  equal "$(grep -cxF "$release" <<<"$output")" "$(wc -l <<<"$release")"
}

@test "the suites that boot a systemd are a group of their own" {
  local suite
  jobs_of bats-load bats-booted
  grep -qx bats-load/46-limits <<<"$output"
  for suite in 49-systemd 54-with-systemd 56-units 61-sandboxed; do
    grep -qx "bats-booted/$suite" <<<"$output"
  done
  equal "$(wc -l <<<"$output")" "$(grep -lx '# ways: load' tests/*.bats | wc -l)"
}

@test "suites that boot a systemd run in virtual machines on request, with the package they need" {
  jobs_of bats-vm-booted
  grep -qx bats-vm-booted/49-systemd <<<"$output"
  grep -qx bats-vm-booted/91-deb-lifecycle <<<"$output"
  run ! grep -E "54-with-systemd|46-limits" <<<"$output"
  jobs_of bats-vm bats-vm-reboot bats-vm-tool
  equal "$output" $'bats-vm/85-machine\nbats-vm-reboot/86-reboot\nbats-vm-tool/84-vm'
  jobs_of bats-vm-booted/49-systemd
  equal "$output" bats-vm-booted/49-systemd
  run -0 tests/run --programs bats-vm bats-vm-reboot
  equal "$output" all
  run -0 tests/run --programs bats-vm-booted
  equal "$output" $'all\ndeb'
  jobs_of check integration memory release
  run ! grep bats-vm <<<"$output"
  run -64 tests/check-vm
  contains "$output" "usage: tests/check-vm"
}

# check_vm COMMAND: runs tests/check-vm with this command instead of a machine.
check_vm() {
  local tree=$BATS_TEST_TMPDIR/tree
  mkdir -p "$tree/tests" "$tree/tmp"
  cp tests/check-vm tests/sum.bash tests/roots.bash "$tree/tests"
  printf '%s\n' '#!/bin/sh' 'echo all' >"$tree/tests/run"
  printf '%s\n' '#!/bin/sh' 'cat >/dev/null' >"$tree/tests/in-root"
  # shellcheck disable=SC2016 # for the script
  printf '%s\n' '#!/bin/sh' '[ "$2" != --prepare ] || exit 0' "$1" >"$tree/tests/vm"
  chmod +x "$tree/tests/"*
  TMPDIR=$tree/tmp BUILD=$tree/build "$tree/tests/check-vm" tests/vm one
}

@test "a machine that dies, or whose output is cut off, fails check-vm" {
  local counts="echo 2 passed, 0 failed, 1 skipped"
  run -0 check_vm "$counts; $counts; $counts"
  equal "${lines[-1]}" "6 passed, 0 failed, 3 skipped"
  run -1 check_vm "$counts; exit 125"
  contains "$output" "one: not ok - ended with status 125"
  equal "${lines[-1]}" "2 passed, 1 failed, 1 skipped"
  run -1 check_vm "$counts; $counts"
  equal "${lines[-1]}" "4 passed, 1 failed, 2 skipped"
  run -1 check_vm 'kill -KILL $$'
  equal "${lines[-1]}" "0 passed, 1 failed, 0 skipped"
  equal "$(ls "$BATS_TEST_TMPDIR/tree/tmp")" ""
}

# tests/suites and 95-newcomer.bats test that these packages suffice.
@test "--needs and --programs print the packages and the programs of jobs, and no others" {
  run -0 tests/run --needs unit
  equal "$output" unit
  run -0 tests/run --programs unit-plain
  equal "$output" unit-tests
  run -0 tests/run --needs bats-server-tcp/20-request fuzz
  equal "$output" $'bats\nfuzz'
  run -0 tests/run --programs bats-once/42-workers
  equal "$output" all
  run -0 tests/run --programs bats-once-sanitized unit-sanitized fuzz-request
  equal "$output" $'all\nfuzzers\nsanitized-programs\nsanitized-unit-tests'
  # All of these groups and targets exist.
  local groups
  mapfile -t groups < <(tests/run --needs check memory integration bats-newcomer bats-vm-tool)
  run -69 env PATH="$BATS_TEST_TMPDIR" /bin/sh packaging/install-dependencies "${groups[@]}"
  run -0 tests/run --programs check memory integration
  # shellcheck disable=SC2086 # words
  run build --dry-run ${output//$'\n'/ }
  ((status == 0))
}

@test "make check installs and builds what its jobs need" {
  local tools=$BATS_TEST_TMPDIR/tools
  mkdir "$tools"
  # shellcheck disable=SC2016 # for the fake tool
  printf '%s\n' '#!/bin/sh' 'echo "installed: $*" >&2; exit 3' >"$tools/install"
  chmod +x "$tools/install"
  run -2 build INSTALL_DEPENDENCIES="$tools/install" JOBS=unit check
  contains "$output" "installed: unit"
  run -2 build INSTALL_DEPENDENCIES="$tools/install" JOBS="bats-once fuzz" check
  contains "$output" "installed: bats fuzz"
  run -2 build INSTALL_DEPENDENCIES="$tools/install" JOBS=nothing check
  contains "$output" "no job matches nothing"
  [[ $output != *installed:* ]]
}

# ci COMMAND: runs .ci/run with this command instead of the tests.
ci() {
  local tree=$BATS_TEST_TMPDIR/tree
  mkdir -p "$tree/.ci" "$tree/tests"
  cp .ci/run "$tree/.ci"
  cp tests/sum.bash "$tree/tests"
  printf 'check-suites:\n\t@%s\ncheck-vm:\n\t@%s\n' "$1" \
    "${2:-echo 0 passed, 0 failed, 0 skipped}" >"$tree/Makefile"
  env -u MAKEFLAGS -u MAKELEVEL "$tree/.ci/run"
}

@test "CI prints one line with the counts, at the end, and fails if a test failed" {
  local plain='^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$'
  run -0 ci 'echo 300 passed, 0 failed, 0 skipped'
  equal "$(grep -E "$plain" <<<"$output")" "300 passed, 0 failed, 0 skipped"
  equal "${lines[-1]}" "300 passed, 0 failed, 0 skipped"
  run -1 ci 'echo 300 passed, 2 failed, 1 skipped; false'
  equal "${lines[-1]}" "300 passed, 2 failed, 1 skipped"
  run -1 ci 'echo 0 passed, 0 failed, 1 skipped; false'
  equal "${lines[-1]}" "0 passed, 0 failed, 1 skipped"
  # A run that ends without counts, or fails without a failed test.
  run -1 ci 'echo breaks off; false'
  contains "$output" "breaks off"
  equal "${lines[-1]}" "0 passed, 1 failed, 0 skipped"
  run -1 ci 'echo 2 passed, 0 failed, 0 skipped; false'
  equal "${lines[-1]}" "2 passed, 1 failed, 0 skipped"
  # A run that is cut off.
  run -1 ci 'echo cut off'
  equal "${lines[-1]}" "0 passed, 1 failed, 0 skipped"
  # It sets WERROR=1 and NO_SKIPS=1.
  # shellcheck disable=SC2016 # for make
  run -0 ci 'echo $(WERROR) $(NO_SKIPS) passed; echo 0 passed, 0 failed, 0 skipped'
  contains "$output" "1 1 passed"
}

@test "the counts of several runs are summed up" {
  # shellcheck disable=SC2016 # for the inner shell
  run -0 bash -c '. tests/sum.bash
    add one echo "300 passed, 0 failed, 0 skipped"
    add two echo "20 passed, 2 failed, 1 skipped"
    add three false
    closing_line'
  equal "${lines[-1]}" "320 passed, 3 failed, 1 skipped"
}

@test "the failed tests of all runs are listed at the end of CI" {
  run -1 ci "printf '%s\n' one '== failed' 'job: not ok 1 bad' '# it is' \
    '1 passed, 1 failed, 0 skipped'; echo after; false" "echo breaks off; false"
  equal "$(grep -v ^make: <<<"$output")" "one
== all suites: 1 passed, 1 failed, 0 skipped
after
breaks off
== failed
all suites, job: not ok 1 bad
# it is
a machine: not ok - ended with status 2
1 passed, 2 failed, 0 skipped"
}

@test "SIGTERM to CI ends what it runs" {
  local log=$BATS_TEST_TMPDIR/ci.log pid status=0
  # shellcheck disable=SC2016 # for make, which turns $$$$ into $$
  (exec 3>&- && ci 'echo begun $$$$; exec sleep infinity' >"$log" 2>&1) &
  eventually grep -q "^begun" "$log"
  read -r _ pid <"$log"
  kill -0 "$pid"
  pkill --parent $!
  wait $! || status=$?
  equal "$status" 143
  eventually [ ! -e "/proc/$pid" ]
}

@test "suites that this machine cannot test count as skipped tests, and the reason is printed" {
  local build=$BATS_TEST_TMPDIR/build
  run -64 tests/suites
  run -0 unshare --user env NO_SKIPS= BUILD="$build" tests/suites Makefile one two
  equal "$output" "tests/suites: one is not tested: root is required
tests/suites: two is not tested: root is required
0 passed, 0 failed, 2 skipped"
  run -1 unshare --user env NO_SKIPS=1 BUILD="$build" tests/suites Makefile one
}

@test "a suite that mmdebstrap cannot make counts as skipped; the next run tries again" {
  ((EUID == 0)) || skip "root is required"
  local tools=$BATS_TEST_TMPDIR/tools
  local build=$BATS_TEST_TMPDIR/build
  mkdir "$tools"
  # shellcheck disable=SC2016 # for the fake tool
  printf '%s\n' '#!/bin/sh -e' 'mkdir "$BUILD/suites/one.fresh"' 'echo "E: no such suite" >&2' \
    'exit 1' >"$tools/mmdebstrap"
  chmod +x "$tools/mmdebstrap"
  for _ in 1 2; do
    run -1 env NO_SKIPS=1 PATH="$tools:$PATH" BUILD="$build" tests/suites Makefile one
    equal "$output" "E: no such suite
tests/suites: one is not tested: mmdebstrap failed
0 passed, 0 failed, 1 skipped"
  done
}

@test "tests/vm refuses wrong arguments with 64 and one line that explains it" {
  local arguments
  while read -r arguments; do
    # shellcheck disable=SC2086 # words
    run -64 tests/vm $arguments
    contains "${lines[0]}" "tests/vm: "
    equal "${#lines[@]}" 1
  done <<'END'

trixie
trixie --
trixie true
--memory=1 trixie -- true
../trixie -- true
trixie --nonsense -- true
trixie --memory=much -- true
trixie --timeout=0 -- true
trixie --accel=xen -- true
trixie --input=/nonexistent -- true
END
}

# ---- releases ----

# release_from DIRECTORY TARBALL
release_from() {
  (cd "$1" && packaging/release 1.2.3 "$2")
}

@test "a release is reproducible, also from its own unpacked tarball" {
  local tree=$BATS_TEST_TMPDIR
  release_from . "$tree/here.tar.gz"
  mkdir "$tree/elsewhere"
  (umask 077 && tar --extract --gunzip --directory "$tree/elsewhere" --file "$tree/here.tar.gz")
  touch "$tree/elsewhere/wsgi-once-1.2.3/src" # changes the directory's time
  (
    export TZ=Asia/Tokyo LC_ALL=C.UTF-8
    umask 027
    release_from "$tree/elsewhere/wsgi-once-1.2.3" "$tree/again.tar.gz"
  )
  cmp "$tree/here.tar.gz" "$tree/again.tar.gz"
}

@test "a release has the tracked files, with uncommitted changes, and no others" {
  local tree=$BATS_TEST_TMPDIR/tree
  mkdir -p "$tree/packaging" "$tree/build"
  cp packaging/release "$tree/packaging"
  touch "$tree/build/object"
  cd "$tree"
  git init --quiet
  echo committed >README.md
  chmod 600 README.md
  git add README.md packaging
  git -c user.name=a -c user.email=a@example.org commit --quiet --message=first \
    --date=2001-02-03T04:05:06Z
  echo changed >README.md
  touch scratch
  packaging/release 1 "$tree/release.tar.gz"
  run -0 tar --list --verbose --file release.tar.gz --numeric-owner
  equal "$(awk '{print $1, $2, $6}' <<<"$output")" "-rw-r--r-- 0/0 wsgi-once-1/README.md
-rwxr-xr-x 0/0 wsgi-once-1/packaging/release"
  equal "$(tar --extract --to-stdout --file release.tar.gz wsgi-once-1/README.md)" "changed"
}

@test "a failed release leaves no tarball" {
  local tree=$BATS_TEST_TMPDIR/tree
  mkdir -p "$tree/packaging"
  cp packaging/release "$tree/packaging"
  (cd "$tree" && git init --quiet)
  run ! release_from "$tree" "$tree/release.tar.gz" # nothing is committed
  [[ ! -e $tree/release.tar.gz ]]
  run -64 packaging/release
}

# ---- the interpreter ----

@test "WERROR=1 makes the use of deprecated functions of CPython an error" {
  printf '%s\n' '#include <Python.h>' 'Py_DEPRECATED(3.9) void old(void);' \
    'void new(void);' 'void new(void) { old(); }' >"$BATS_TEST_TMPDIR/one.c"
  run ! compile_one WERROR=1
  contains "$output" "-Werror=deprecated-declarations"
  run -0 compile_one WERROR=
}
