#!/usr/bin/env bats
# ways: one
#
# Images: --freeze writes the memory of an imported app to a file, and a process with --image starts
# from it. What a process that started from an image does must be what a worker does.

# shellcheck disable=SC2030,SC2031 # each test is a shell of its own

load helpers

export WAY=accept FAMILY=unix

eval "plain_$(declare -f setup)"
setup() {
  plain_setup
  [[ $(uname -m) == x86_64 ]] || skip "impossible: images are for x86-64"
  [[ -z ${SANITIZED:-} ]] || skip "impossible: the memory of a sanitizer does not move"
}

WRAPPER=() # of the program that freezes

# freeze [OPTION]... APPLICATION: writes the image with the options that `serve` gives.
freeze() {
  local options
  IMAGE=$BATS_TEST_TMPDIR/image
  mapfile -t options < <(way_options)
  # The activator does the same: SIGINT is ignored in the background jobs of a shell.
  "${WRAPPER[@]}" env --default-signal=INT "$PROGRAM" --freeze="$IMAGE" --python-path="$APPS" \
    --access-log=none "${options[@]}" "$@" </dev/null 2>>"$LOG" 3>&- 4>&-
}

# thaw [OPTION]... APPLICATION: serves with the image.
thaw() {
  serve --image="$IMAGE" "$@"
}

# is_thawed: all processes have started from the image.
is_thawed() {
  not_logged "cannot start from the image"
}

# imports TEXT...: the app is imported, and the one line in the log contains the texts.
imports() {
  local line text
  equal "$(http /)" "Hello."
  equal "$(exit_status)" 0
  line=$(<"$LOG")
  equal "$(wc -l <"$LOG")" 1
  contains "$line" "wsgi-once: cannot start from the image '$IMAGE', so the application is "
  for text; do
    contains "$line" "$text"
  done
}

# ---- freezing ----

@test "--freeze says what it has written" {
  IMAGE=$BATS_TEST_TMPDIR/image
  run -0 freeze hello:app
  contains "${lines[0]}" "image        $IMAGE: "
  [[ ${lines[1]} =~ ^memory\ +[0-9]+\ pages\ in\ [0-9]+\ mappings\ of\ [0-9]+\ files$ ]]
  [[ ${lines[2]} =~ ^time\ +[0-9.]+\ s$ ]]
  equal "$(stat --format=%a "$IMAGE")" 600
  equal "$(ls "$BATS_TEST_TMPDIR"/image*)" "$IMAGE"
  equal "$(<"$LOG")" ""
}

@test "--freeze replaces an image, and leaves it alone if there is none to write" {
  freeze hello:app
  local inode
  inode=$(stat --format=%i "$IMAGE")
  run -70 freeze no_such_module:app
  equal "$(stat --format=%i "$IMAGE")" "$inode"
  freeze hello:app
  [[ $(stat --format=%i "$IMAGE") != "$inode" ]]
  equal "$(ls "$BATS_TEST_TMPDIR"/image*)" "$IMAGE"
}

@test "--freeze fails if the file cannot be written" {
  run -73 "$PROGRAM" --freeze=/no/such/directory/image --python-path="$APPS" hello:app
  contains "$output" "cannot freeze the application: cannot create '/no/such/directory/image."
}

@test "--freeze fails like serving if the app cannot be imported" {
  run -70 freeze no_such_module:app
  logged "cannot load the application 'no_such_module:app'"
  [[ ! -e $IMAGE ]]
}

@test "--freeze ends an import that takes too long" {
  run -70 freeze --import-timeout=200ms hangs_at_import:app
  logged "import timed out (--import-timeout)"
  [[ ! -e $IMAGE ]]
}

@test "--freeze names what an image cannot hold" {
  local what text
  while IFS='|' read -r what text; do
    : >"$LOG"
    LEFT=$what run -73 freeze left_open:app
    logged "cannot freeze the application: the import has $text"
    [[ ! -e $IMAGE ]] || equal "$what" "no image"
  done <<'END'
socket|left a socket open (descriptor
pipe|left a pipe open (descriptor
file|left a file open (descriptor
deleted|left a deleted file open (descriptor
device|left a device open (descriptor
child|left a child process
thread|left a thread running
shared|left memory that is shared with other processes
semaphore|left memory that is shared with other processes
mapped|left memory that is shared with other processes
mapped and deleted|left a deleted file mapped
limit|changed a resource limit
name|changed an attribute of the process (Name)
code|left code that it has generated
END
  LEFT=nothing freeze left_open:app # the control
  [[ -e $IMAGE ]]
}

# refuses STATUS IMPORT TEXT: an app with this import is not frozen, and the log says why.
refuses() {
  : >"$LOG"
  printf 'import ctypes, os, signal\nfrom hello import app\n%s\n' "$2" >"$BATS_TEST_TMPDIR/one.py"
  run "-$1" freeze --python-path="$BATS_TEST_TMPDIR" one:app
  logged "cannot freeze the application: $3"
  equal "$(find "$BATS_TEST_TMPDIR" -name 'image*')" ""
}

@test "--freeze refuses what the import has changed in the kernel, if an image cannot hold it" {
  local changed="the import has changed an attribute of the process"
  refuses 73 'os.nice(5)' "$changed (nice value)"
  refuses 73 'ctypes.CDLL(None).prctl(4, 0)' "$changed (dumpable)"
  refuses 73 'os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))' \
    "$changed (scheduling policy)"
  refuses 73 'os.register_at_fork(before=lambda: globals().update(f=open("/etc/hostname")))' \
    "the import has left a file open"
  refuses 73 'os.environ = dict(os.environ)' "the import has replaced os.environ"
  refuses 73 'os.system("true"); ctypes.CDLL(None).syscall(446, -1, 0)' \
    "the import calls landlock_restrict_self(2)"
}

@test "--freeze fails if the import ends its process" {
  refuses 70 'os._exit(0)' "the import has ended the process"
  refuses 70 'os.execv("/bin/true", ["true"])' "the import has ended the process"
  refuses 70 'os.kill(os.getpid(), signal.SIGSEGV)' "the import was killed by signal 11"
}

@test "--freeze leaves no file behind if the process that writes it is killed" {
  IMAGE=$BATS_TEST_TMPDIR/image
  WRAPPER=(strace -f -qq -o /dev/null -e inject=pwrite64:signal=SIGKILL:when=2)
  run -73 freeze hello:app
  logged "cannot freeze the application: the process that writes it was killed by signal 9"
  equal "$(find "$BATS_TEST_TMPDIR" -name 'image*')" ""
}

# ---- serving ----

@test "a process starts from the image" {
  freeze hello:app
  thaw hello:app
  for _ in 1 2 3; do
    equal "$(http /)" "Hello."
    equal "$(exit_status)" 0
  done
  equal "$(<"$LOG")" ""
}

@test "the app is not imported again" {
  freeze process:app
  thaw process:app
  http / >/dev/null
  http / >/dev/null
  equal "$(wc -l <"$FIFOS/imports")" 2 # one of them was watched
  equal "$(exit_status)" 0
  serve process:app # the control
  http / >/dev/null
  equal "$(wc -l <"$FIFOS/imports")" 3
}

@test "with each activation that has one process, a process starts from the image" {
  local way
  for way in accept inetd listener; do
    WAY=$way
    freeze process:app
    thaw process:app
    rm "$FIFOS/imports"
    contains "$(http /)" "count="
    [[ ! -e $FIFOS/imports ]] || equal "$way" "no import"
  done
  is_thawed
}

@test "a frozen Flask or Django application answers as an imported one" {
  local app expected
  for app in flask_session:app django_site:application; do
    /usr/bin/python3 -c "import ${app%%_*}" || continue # 63 needs them
    serve "$app"
    expected=$(http / --include | grep -v ^Date:)
    freeze "$app"
    thaw "$app"
    equal "$(http / --include | grep -v ^Date:)" "$expected"
    contains "$expected" "HTTP/1.1 200 OK"
  done
  is_thawed
}

@test "the environ is that of an imported app" {
  local expected
  freeze environ:app
  serve environ:app
  expected=$(http "/a?b" --header "X-Request-ID: 1" --user-agent test)
  thaw environ:app
  run -0 http "/a?b" --header "X-Request-ID: 1" --user-agent test
  local changes='/^(HTTP_X_REQUEST_ID|wsgi\.(input|file_wrapper)|wsgi_once\.peer_pid)=/d'
  equal "$(sed -E "$changes" <<<"$output")" "$(sed -E "$changes" <<<"$expected")"
  is_thawed
}

@test "handlers, masks, the directory and the umask are those of a worker" {
  freeze frozen_facts:app
  thaw frozen_facts:app
  run -0 http /identity
  is_thawed
  thawed=$output
  WAY=server
  serve frozen_facts:app
  run -0 http /identity
  equal "$(grep -v stop <<<"$thawed")" "$(grep -v stop <<<"$output")"
  contains "$thawed" "('signals', ['handled'])"
  contains "$thawed" "('umask', '27')"
  # Without a server, a stop ends the process.
  contains "$thawed" "('stop', <Handlers.SIG_DFL: 0>, <built-in function default_int_handler>)"
}

# begin_request: starts a request that waits for the fifo "held"; its process is $pid.
begin_request() {
  mkfifo "$FIFOS/held"
  http /held >"$BATS_TEST_TMPDIR/answer" 2>/dev/null 3>&- 4>&- &
  client=$!
  eventually grep -q "begin held" "$FIFOS/notes"
  pid=$(pgrep -P "$ACTIVATOR")
}

@test "signals that an admin sends to a whole unit are ignored, but not a stop" {
  local pid client
  freeze waits:app
  thaw waits:app
  begin_request
  kill -HUP "$pid"
  kill -USR1 "$pid"
  kill -USR2 "$pid"
  write_fifo "$FIFOS/held"
  wait "$client"
  equal "$(<"$BATS_TEST_TMPDIR/answer")" "answer to held"
  equal "$(exit_status)" 0
  rm "$FIFOS/held" "$FIFOS/notes"
  begin_request
  kill -TERM "$pid"
  equal "$(exit_status)" "signal 15"
  is_thawed
}

@test "the heap, the stack, threads and child processes work" {
  freeze frozen_facts:app
  thaw frozen_facts:app
  run -0 http /work
  is_thawed
  equal "$output" "('thread', [50])
('stack', 300)
('heap', 479985000)
('map', 67108864)
('child', b'a child\\n')
('fork', 7)"
}

@test "the environment is that of the new process, with the changes that the import has made" {
  INVOCATION_ID=old REMOTE_ADDR=old freeze frozen_facts:app
  export INVOCATION_ID=new CREDENTIALS_DIRECTORY=/new
  serve frozen_facts:app
  expected=$(http /environment)
  thaw frozen_facts:app
  run -0 http /environment
  is_thawed
  equal "$output" "$expected"
  contains "$output" "'INVOCATION_ID=new'"
  contains "$output" "('CREDENTIALS_DIRECTORY', '/new')"
  contains "$output" "('SET_AT_IMPORT', 'yes')"
  [[ $output != *REMOTE_ADDR* ]]
}

@test "/proc tells the truth about the new process" {
  freeze shows_proc:app
  thaw shows_proc:app
  run -0 http /
  is_thawed
  local given="--python-path=$APPS --access-log=none --image=$IMAGE"
  contains "$output" "cmdline=$PROGRAM $given shows_proc:app"
  contains "$output" "exe=$(readlink -f "$PROGRAM")"
  contains "$output" "heap=True"
}

@test "no two processes have the same random values" {
  freeze frozen_facts:app
  thaw frozen_facts:app
  local values=$BATS_TEST_TMPDIR/values
  for _ in {1..20}; do
    http /randomness >>"$values"
  done
  equal "$(wc -l <"$values")" 100
  equal "$(sort "$values" | uniq --repeated)" ""
  is_thawed
}

@test "a process with the ID of the one that imported does not start from the image" {
  # Libraries that detect a fork by the process ID would see none, and repeat random values.
  ((EUID == 0)) || skip "impossible: only root can make a namespace for process IDs"
  local wanted values=$BATS_TEST_TMPDIR/values
  IMAGE=$BATS_TEST_TMPDIR/image
  # Process 1 waits, 2 imports, the last one writes the image; those between are watched.
  unshare --pid --fork --mount-proc "$PROGRAM" --freeze="$IMAGE" --python-path="$APPS" \
    --access-log=none frozen_facts:app </dev/null 2>>"$LOG"
  for wanted in {1..6}; do
    "$TESTS/with-pid" "$wanted" /randomness "$PROGRAM" --image="$IMAGE" \
      --python-path="$APPS" --access-log=none frozen_facts:app \
      >>"$values" 2>>"$LOG"
  done
  equal "$(grep -c "('ssl'" "$values")" 6
  equal "$(sort "$values" | uniq --repeated)" ""
  equal "$(grep -c "cannot start from the image" "$LOG")" 2
  equal "$(grep -c "happens to have the ID" "$LOG")" 2
}

@test "the exit status and the log are those of an imported app" {
  local app answer status expected
  for app in raises:app hello:app atexit_raises:app; do
    : >"$LOG"
    serve "$app"
    answer=$(status /)
    status=$(exit_status)
    expected=$(sed 's/ at 0x[0-9a-f]*//' "$LOG")
    freeze "$app"
    : >"$LOG"
    thaw "$app"
    equal "$(status /)" "$answer"
    equal "$(exit_status)" "$status"
    equal "$(sed 's/ at 0x[0-9a-f]*//' "$LOG")" "$expected"
  done
}

@test "a record of each request is written" {
  local line
  env --default-signal=INT "$PROGRAM" --freeze="$BATS_TEST_TMPDIR/image" --python-path="$APPS" \
    --access-log=none --access-log=stderr hello:app </dev/null
  IMAGE=$BATS_TEST_TMPDIR/image
  serve --image="$IMAGE" --access-log=stderr hello:app
  equal "$(http /record)" "Hello."
  logged '"GET /record HTTP/1.1" 200 7'
  is_thawed
}

# ---- images that do not fit ----

@test "without the image, the app is imported" {
  IMAGE=$BATS_TEST_TMPDIR/missing
  thaw hello:app
  imports "No such file or directory"
}

@test "an image of another app, or of other options, is not used" {
  freeze counter:app
  thaw hello:app
  imports "the option 'hello:app' was 'counter:app'"
  : >"$LOG"
  freeze --max-fields=20 hello:app
  thaw hello:app
  imports "the option 'hello:app' was '--max-fields=20'"
}

@test "an image of another environment, directory, umask or signals is not used" {
  TZ=Asia/Tokyo freeze hello:app
  thaw hello:app
  imports "the environment variable TZ is gone"
  : >"$LOG"
  freeze hello:app
  TZ=Asia/Tokyo thaw hello:app
  imports "the environment variable TZ is new"
  : >"$LOG"
  WRAPPER=(env --chdir=/)
  freeze hello:app
  WRAPPER=()
  thaw hello:app
  imports "the working directory has changed"
  : >"$LOG"
  (umask 077 && freeze hello:app)
  thaw hello:app
  imports "the umask has changed"
  : >"$LOG"
  (trap '' USR1 && freeze hello:app)
  thaw hello:app
  imports "the set of ignored signals has changed"
}

# make_site: an app that depends on files in many ways; SITE is its directory.
make_site() {
  SITE=$BATS_TEST_TMPDIR/site
  mkdir -p "$SITE"/{first,second,plugins,locked}
  echo 'value = "second"' >"$SITE/second/shadowed.py"
  echo "one" >"$SITE/settings.txt"
  : >"$SITE/plugins/one"
  ln -s settings.txt "$SITE/link"
  cat >"$SITE/site_app.py" <<'END'
import os
import sys

here = os.path.dirname(__file__)
sys.path[:0] = [here + "/first", here + "/second"]
import shadowed

with open(here + "/link", encoding="ascii") as file:
    settings = file.read().strip()
plugins = sorted(os.listdir(here + "/plugins"))
answer = [shadowed.value, settings, os.path.exists(here + "/.env"), plugins]


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{answer}\n".encode()]
END
}

@test "after any change of what the import has looked at, nobody gets the old answer" {
  local change before
  export PYTHONDONTWRITEBYTECODE=1
  while IFS= read -r change; do
    : >"$LOG"
    rm -rf "$BATS_TEST_TMPDIR/site"
    make_site
    freeze --python-path="$SITE" site_app:app
    thaw --python-path="$SITE" site_app:app
    before=$(http /)
    equal "$(exit_status)" 0
    is_thawed
    (cd "$SITE" && eval "$change")
    equal "$(how_it_answers "$before")" changed || { echo "after: $change"; return 1; }
  done <<'END'
sed -i s/one/two/ settings.txt
echo 'value = "first"' >first/shadowed.py
: >.env
: >plugins/two
rm plugins/one
echo two >other && ln -sf other link
sed -i 's/answer =/answer = 1,/' site_app.py
mkdir first/shadowed && echo 'value = "package"' >first/shadowed/__init__.py
echo two >new && mv new settings.txt
END
}

# Whether the next answer is another one than this, and the image was refused.
how_it_answers() {
  [[ $(http /) != "$1" ]] && logged "cannot start from the image" && echo changed
}

@test "an image of another program, or of one that was replaced, is not used" {
  cp "$PROGRAM" "$BATS_TEST_TMPDIR/wsgi-once"
  local original=$PROGRAM
  PROGRAM=$BATS_TEST_TMPDIR/wsgi-once
  freeze hello:app
  PROGRAM=$original
  thaw hello:app
  imports "another program"
  : >"$LOG"
  PROGRAM=$BATS_TEST_TMPDIR/wsgi-once
  touch "$PROGRAM"
  thaw hello:app
  imports "'$PROGRAM' has changed"
}

@test "an image that is more than a day old, or from the future, is not used" {
  freeze hello:app
  "$TESTS/set-image-age" "$IMAGE" $((24 * 60 * 60 - 600))
  thaw hello:app
  equal "$(http /)" "Hello."
  equal "$(exit_status)" 0
  is_thawed
  "$TESTS/set-image-age" "$IMAGE" 1200
  thaw hello:app
  imports "it is more than a day old"
  : >"$LOG"
  "$TESTS/set-image-age" "$IMAGE" $((-25 * 60 * 60))
  thaw hello:app
  imports "it is from the future"
}

@test "an image that others may have written is not used" {
  freeze hello:app
  chmod g+w "$IMAGE"
  thaw hello:app
  imports "others may write it"
  : >"$LOG"
  chmod 600 "$IMAGE"
  if ((EUID == 0)); then
    chown 1 "$IMAGE"
    thaw hello:app
    imports "it belongs to another user"
    : >"$LOG"
    chown 0 "$IMAGE"
  fi
  mv "$IMAGE" "$IMAGE.real"
  ln -s "$IMAGE.real" "$IMAGE"
  thaw hello:app
  imports "cannot open it"
  : >"$LOG"
  rm "$IMAGE"
  mkdir "$IMAGE"
  thaw hello:app
  imports "not a regular file"
}

@test "whatever the kernel refuses, the app is imported" {
  local program=$PROGRAM what
  # shellcheck disable=SC2016 # for the inner shell; it drops some variables, like that below
  WRAPPER=(sh -c 'exec "$@"' sh)
  # rseq is called by the C library, by the program that looks for it, and to unregister it. The
  # first moves of the vDSO are undone if a later one fails.
  for what in mremap:error=EPERM mremap:error=EPERM:when=2 mremap:error=EPERM:when=3 \
    prctl:error=EPERM rseq:error=EINVAL:when=3 preadv:error=EIO mprotect:error=ENOMEM:when=40 \
    mmap:error=ENOMEM:when=100; do
    : >"$LOG"
    PROGRAM=$program
    freeze hello:app
    PROGRAM=$BATS_TEST_TMPDIR/traced
    printf '#!/bin/sh\nexec strace -D -f -qq -o "%s" -e trace=%s -e inject=%s "%s" "$@"\n' \
      "$BATS_TEST_TMPDIR/trace" "${what%%:*}" "$what" "$program" >"$PROGRAM"
    chmod +x "$PROGRAM"
    thaw hello:app
    imports ""
    grep -q INJECTED "$BATS_TEST_TMPDIR/trace" || equal "$what" "a system call that fails"
    rm "$BATS_TEST_TMPDIR/reported"
  done
}

@test "an image that is cut off or damaged is not used" {
  local size offset byte
  freeze hello:app
  size=$(stat --format=%s "$IMAGE")
  mv "$IMAGE" "$IMAGE.good"
  for offset in 0 7 100 500 4096 20000 $((size / 2)) $((size - 1)); do
    : >"$LOG"
    head --bytes="$offset" "$IMAGE.good" >"$IMAGE"
    chmod 600 "$IMAGE"
    thaw hello:app
    imports "it "
  done
  for offset in 0 8 12 16 24 32 40 48 100 200 300 400 500 600 700 800 1000 2000 5000 9000; do
    : >"$LOG"
    cp "$IMAGE.good" "$IMAGE"
    byte=$(od --address-radix=n --format=u1 --skip-bytes="$offset" --read-bytes=1 "$IMAGE")
    printf '%b' "\\x$(printf %x $((byte ^ 255)))" |
      dd of="$IMAGE" bs=1 seek="$offset" conv=notrunc status=none
    thaw hello:app
    imports "it"
  done
}
