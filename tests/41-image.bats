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

# imports TEXT...: the app is imported, and the one line in the log about that contains the texts.
# There may be others about the image that is made then.
imports() {
  local line text
  equal "$(http /)" "Hello."
  equal "$(exit_status)" 0
  line=$(grep "cannot start from" "$LOG")
  equal "$(wc -l <<<"$line")" 1
  equal "$(grep -v -e "cannot start from" -e "wrote the image" -e "cannot freeze" "$LOG")" ""
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
  [[ ${lines[2]} =~ ^depends\ on\ +[0-9]+\ paths$ ]]
  [[ ${lines[3]} =~ ^time\ +[0-9.]+\ s$ ]]
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
event|left a descriptor open (descriptor
own|left a file open (descriptor
locked|locked '
deleted|left a deleted file open (descriptor
device|left a device open (descriptor
child|left a child process
thread|left a thread running
shared|left memory that is shared with other processes
mapped|left memory that is shared with other processes
mapped and deleted|left a deleted file mapped
limit|changed a resource limit
name|changed an attribute of the process (Name)
stream|changed an attribute of the process (standard input)
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
  refuses 73 'os.register_at_fork(before=lambda: globals().update(p=os.pipe()))' \
    "the import has left a pipe open"
  refuses 73 'os.environ = dict(os.environ)' "the import has replaced os.environ"
  refuses 73 'os.system("true"); ctypes.CDLL(None).syscall(446, -1, 0)' \
    "the import calls landlock_restrict_self(2)"
}

@test "--freeze fails if the import ends its process" {
  refuses 70 'os._exit(0)' "the import has ended the process"
  refuses 70 'os.execv("/bin/true", ["true"])' "the import has ended the process"
  # Only while it is watched.
  refuses 70 '
if "Seccomp:\t2" in open("/proc/self/status").read():
    os._exit(0)' "the import has ended the process"
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

@test "a process starts from the image before it loads Python" {
  local program=$PROGRAM trace=$BATS_TEST_TMPDIR/trace
  # shellcheck disable=SC2016 # for the inner shell; it drops some variables
  WRAPPER=(sh -c 'exec "$@"' sh)
  freeze hello:app
  PROGRAM=$BATS_TEST_TMPDIR/traced
  printf '#!/bin/sh\nPROGRAM=%s exec strace -D -qq -o "%s" -e trace=openat "%s" "$@"\n' "$program" \
    "$trace" "$program" >"$PROGRAM"
  chmod +x "$PROGRAM"
  thaw hello:app
  equal "$(http /)" "Hello."
  equal "$(exit_status)" 0
  is_thawed
  # What opens libpython is the image that maps it.
  awk -v image="$IMAGE" 'index($0, image) { exit } /libpython|libsystemd/ { found = 1 }
    END { exit found }' "$trace"
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

@test "signals that an admin sends to a whole unit are ignored before the image is used, too" {
  local program=$PROGRAM number
  IMAGE=$BATS_TEST_TMPDIR/image
  PROGRAM=$BATS_TEST_TMPDIR/traced
  trace() { # option...
    rm -f "$IMAGE" "$BATS_TEST_TMPDIR/reported"
    printf '#!/bin/sh\nexec strace -D -qq -o "%s" -e trace=openat %s "%s" "$@"\n' \
      "$BATS_TEST_TMPDIR/trace" "$*" "$program" >"$PROGRAM"
    chmod +x "$PROGRAM"
    thaw hello:app
    equal "$(http /)" "Hello."
    equal "$(exit_status)" 0
  }
  trace
  number=$(awk -v image="$IMAGE" '{ n++ } index($0, image) { print n; exit }' \
    "$BATS_TEST_TMPDIR/trace")
  trace -e inject=openat:signal=SIGHUP:when="$number"
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

@test "memory that the import has allocated can be given back, and grow" {
  freeze grown_memory:app
  thaw grown_memory:app
  equal "$(http /given_back)" "True"
  equal "$(http /grown)" "(272629760, 4194304)"
  is_thawed
}

@test "a large heap with gaps is no obstacle" {
  freeze scattered_memory:app
  thaw scattered_memory:app
  equal "$(http /)" "Hello."
  is_thawed
}

@test "guard pages are no obstacle" {
  freeze guarded_memory:app
  thaw guarded_memory:app
  equal "$(http /)" "32768 32768"
  is_thawed
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

@test "files that the import has left open are open again" {
  freeze keeps_files:app
  thaw keeps_files:app
  run -0 http /
  is_thawed
  local thawed=$output
  equal "$(http /)" "$thawed" # nobody has seen the change of the offset
  contains "$thawed" "('locked', True)"
  contains "$thawed" "('color', 'red')"
  contains "$thawed" "('read', b'second')"
  contains "$thawed" "('shared offset', 17)"
  contains "$thawed" "('own offset', 0)"
  equal "$(tail --lines=2 "$FIFOS/records")" "$(printf 'a request\na request')"
  equal "$(exit_status)" 0
  serve keeps_files:app
  equal "$thawed" "$(http /)"
}

# is_locked FILE: somebody has locked it.
is_locked() {
  ! flock --nonblock --shared "$1" true
}

@test "if a file cannot be opened again as it was, the app is imported" {
  local change text holder
  while IFS='|' read -r change text; do
    stop
    rm -f "$FIFOS"/{lock,records,poem,database}*
    freeze keeps_files:app
    thaw keeps_files:app
    : >"$LOG"
    (cd "$FIFOS" && eval "$change")
    run -0 http /
    contains "$output" "('locked', True)"
    logged "cannot start from the image '$IMAGE', so the application is imported: "
    logged "$text"
  done <<'END'
mv lock lock.1|lock'
mv lock lock.1; : >lock|lock', which it has open, has been replaced
rm lock; : >lock|lock', which it has open, has been replaced
mv records records.1; echo imported >records|records', which it has open, has been replaced
printf 1234567890 >poem|poem has changed
END
  # An app that is imported waits for the lock.
  stop
  freeze keeps_files:app
  thaw keeps_files:app
  mkfifo "$BATS_TEST_TMPDIR/hold"
  flock --exclusive "$FIFOS/lock" cat "$BATS_TEST_TMPDIR/hold" 3>&- 4>&- &
  holder=$!
  eventually is_locked "$FIFOS/lock"
  http / >"$BATS_TEST_TMPDIR/answer" 3>&- 4>&- &
  eventually logged "cannot lock '$FIFOS/lock' again"
  write_fifo "$BATS_TEST_TMPDIR/hold"
  wait "$holder" "$!"
  contains "$(<"$BATS_TEST_TMPDIR/answer")" "('locked', True)"
}

@test "an image whose open file was replaced is made again, once a minute" {
  freeze keeps_files:app
  thaw keeps_files:app
  (cd "$FIFOS" && mv lock lock.1 && : >lock)
  local inode
  inode=$(stat --format=%i "$IMAGE")
  http / >/dev/null
  equal "$(exit_status)" 0
  logged "lock', which it has open, has been replaced"
  equal "$(stat --format=%i "$IMAGE")" "$inode" # too young
  touch --date="2 minutes ago" "$IMAGE"
  http / >/dev/null
  equal "$(exit_status)" 0
  logged "wrote the image '$IMAGE'"
  : >"$LOG"
  contains "$(http /)" "('locked', True)"
  is_thawed
}

@test "what has taken the place of an open file is not waited for" {
  mkdir "$BATS_TEST_TMPDIR/site"
  cat >"$BATS_TEST_TMPDIR/site/keeps_one.py" <<'END'
import os
from hello import app
try:
    file = os.open(os.environ["FIFOS"] + "/one", os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK)
    os.set_blocking(file, True)
except OSError:
    pass
END
  freeze --python-path="$BATS_TEST_TMPDIR/site" keeps_one:app
  thaw --python-path="$BATS_TEST_TMPDIR/site" keeps_one:app
  rm "$FIFOS/one"
  mkfifo "$FIFOS/one"
  imports "one', which it has open, has been replaced"
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

@test "no two of a thousand processes have the same random values" {
  local processes=1000
  [[ ! ${VM_BOOT:-} ]] || processes=50 # which are as slow there
  run -0 "$TESTS/endurance-images" "$processes"
  contains "$output" "$processes requests, $((processes * 7)) different random values"
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

# ---- images that are made beside a request ----

@test "a process that imports makes the image beside its request" {
  IMAGE=$BATS_TEST_TMPDIR/image
  thaw hello:app
  imports "No such file or directory"
  logged "wrote the image '$IMAGE'"
  equal "$(stat --format=%a "$IMAGE")" 600
  : >"$LOG"
  equal "$(http /)" "Hello."
  equal "$(exit_status)" 0
  equal "$(<"$LOG")" ""
}

@test "no client waits for the image, and one process at a time makes it" {
  IMAGE=$BATS_TEST_TMPDIR/image
  mkfifo "$FIFOS/held"
  thaw slow_to_import_again:app
  equal "$(http /)" "Hello."
  eventually is_count imports 2 # an import for the image has begun
  mv "$FIFOS/held" "$FIFOS/other"
  equal "$(http /)" "Hello."
  equal "$(exit_status)" 0 # of the second process: the first one is still there
  [[ ! -e $IMAGE ]]
  is_count imports 3
  write_fifo "$FIFOS/other"
  equal "$(exit_status)" 0
  logged "wrote the image"
  equal "$(grep -c "wrote the image" "$LOG")" 1
}

@test "with a listening socket, no image is made, because clients wait for the end of the process" {
  WAY=listener
  IMAGE=$BATS_TEST_TMPDIR/image
  mkfifo "$FIFOS/held"
  thaw slow_to_import_again:app
  equal "$(http /)" "Hello."
  equal "$(exit_status)" 0
  is_count imports 1
  [[ ! -e $IMAGE ]]
}

# is_count FILE N: the file of the app has N lines.
is_count() {
  (($(wc -l <"$FIFOS/$1") == $2))
}

@test "an app that cannot be frozen is not tried again for an hour, unless it changes" {
  local again="so the application is imported: it cannot be frozen: the import has left a pipe open"
  mkdir "$BATS_TEST_TMPDIR/site"
  cat >"$BATS_TEST_TMPDIR/site/leaves.py" <<'END'
import os
from process import app
left = os.pipe()
END
  IMAGE=$BATS_TEST_TMPDIR/image
  thaw --python-path="$BATS_TEST_TMPDIR/site" leaves:app
  contains "$(http /)" "count=1"
  equal "$(exit_status)" 0
  logged "cannot freeze the application: the import has left a pipe open"
  local imports
  imports=$(wc -l <"$FIFOS/imports")
  : >"$LOG"
  contains "$(http /)" "count=1"
  equal "$(exit_status)" 0
  logged "$again"
  equal "$(wc -l <"$LOG")" 1
  is_count imports $((imports + 1))
  "$TESTS/set-image-age" "$IMAGE" 3700
  touch --date="2 minutes ago" "$IMAGE"
  : >"$LOG"
  contains "$(http /)" "count=1"
  equal "$(exit_status)" 0
  logged "so the application is imported: it is too old"
  logged "cannot freeze the application: the import has left a pipe open"
  sed -i '/left = /d' "$BATS_TEST_TMPDIR/site/leaves.py"
  touch --date="2 minutes ago" "$IMAGE"
  contains "$(http /)" "count=1"
  equal "$(exit_status)" 0
  logged "wrote the image"
}

@test "if each request changes what the import has looked at, an image is made only now and then" {
  mkdir "$BATS_TEST_TMPDIR/site"
  cat >"$BATS_TEST_TMPDIR/site/database_writer.py" <<'END'
import os
from process import app as process
database = open(os.environ["FIFOS"] + "/database", "a+")
def app(environ, start_response):
    database.write("1")
    database.flush()
    return process(environ, start_response)
END
  IMAGE=$BATS_TEST_TMPDIR/image
  : >"$FIFOS/database"
  thaw --python-path="$BATS_TEST_TMPDIR/site" database_writer:app
  for _ in 1 2 3 4; do
    http / >/dev/null
    equal "$(exit_status)" 0
  done
  equal "$(grep -c "wrote the image" "$LOG")" 1
  touch --date="2 minutes ago" "$IMAGE"
  http / >/dev/null
  equal "$(exit_status)" 0
  equal "$(grep -c "wrote the image" "$LOG")" 2
}

@test "an import that changes its own files each time is not tried again, either" {
  mkdir "$BATS_TEST_TMPDIR/site"
  cat >"$BATS_TEST_TMPDIR/site/counts.py" <<'END'
import os
from hello import app
with open(os.environ["FIFOS"] + "/number", "a+") as file:
    file.write("1")
END
  IMAGE=$BATS_TEST_TMPDIR/image
  thaw --python-path="$BATS_TEST_TMPDIR/site" counts:app
  imports "No such file"
  logged "cannot freeze the application: after each import: $FIFOS/number has changed"
  local size
  size=$(wc -c <"$FIFOS/number")
  : >"$LOG"
  imports "it cannot be frozen: after each import: $FIFOS/number has changed"
  equal "$(wc -c <"$FIFOS/number")" $((size + 1))
}

@test "no part of an image is left if there is no room for it" {
  mkdir "$BATS_TEST_TMPDIR/images"
  IMAGE=$BATS_TEST_TMPDIR/images/image
  cat >"$BATS_TEST_TMPDIR/program" <<END
#!/bin/bash
ulimit -f 2000
exec "$PROGRAM" "\$@"
END
  chmod +x "$BATS_TEST_TMPDIR/program"
  PROGRAM=$BATS_TEST_TMPDIR/program thaw hello:app
  imports "No such file or directory"
  logged "cannot freeze the application: cannot write '$IMAGE': File too large"
  equal "$(ls "$BATS_TEST_TMPDIR/images")" "image"
}

@test "an import that times out, or is killed, beside a request is not tried again, either" {
  IMAGE=$BATS_TEST_TMPDIR/image
  mkfifo "$FIFOS/held"
  thaw --import-timeout=500ms slow_to_import_again:app
  equal "$(http /)" "Hello."
  equal "$(exit_status)" 0
  logged "import timed out"
  is_count imports 2
  mv "$FIFOS/held" "$FIFOS/other"
  : >"$LOG"
  imports "it cannot be frozen: its import timed out (--import-timeout)"
  is_count imports 3
}

@test "a library that is replaced during a request is not what keeps an app from having an image" {
  cp "$PROGRAM" "$PROGRAM.so" "$BATS_TEST_TMPDIR"
  mkfifo "$FIFOS/held"
  IMAGE=$BATS_TEST_TMPDIR/image PROGRAM=$BATS_TEST_TMPDIR/wsgi-once
  thaw waits:app
  http /held >"$BATS_TEST_TMPDIR/answer" 3>&- 4>&- &
  eventually grep -q "begin held" "$FIFOS/notes"
  cp "$PROGRAM.so" "$BATS_TEST_TMPDIR/new"
  mv "$BATS_TEST_TMPDIR/new" "$PROGRAM.so"
  : >"$FIFOS/held"
  equal "$(exit_status)" 0
  logged "deleted file mapped"
  [[ ! -e $IMAGE ]]
  http / >/dev/null
  equal "$(exit_status)" 0
  [[ -e $IMAGE ]]
}

@test "where SIGCHLD is ignored, no process waits for ever, and no image is lost" {
  printf '%s\n' "#!/bin/sh" "exec env --ignore-signal=CHLD '$PROGRAM' \"\$@\"" \
    >"$BATS_TEST_TMPDIR/ignoring"
  chmod +x "$BATS_TEST_TMPDIR/ignoring"
  IMAGE=$BATS_TEST_TMPDIR/image
  PROGRAM=$BATS_TEST_TMPDIR/ignoring thaw hello:app
  equal "$(http /)" "Hello."
  equal "$(exit_status)" 0 # waits for the end of the process
  [[ ! -e $IMAGE ]]
  mkdir "$BATS_TEST_TMPDIR/site"
  printf '%s\n' "import signal" "signal.signal(signal.SIGCHLD, signal.SIG_IGN)" \
    "def app(environ, start_response):" "    start_response('200 OK', [])" \
    "    return [signal.getsignal(signal.SIGCHLD).name.encode()]" \
    >"$BATS_TEST_TMPDIR/site/ignores.py"
  freeze --directory="$BATS_TEST_TMPDIR/site" ignores:app
  : >"$LOG"
  thaw --directory="$BATS_TEST_TMPDIR/site" ignores:app
  equal "$(http /)" SIG_IGN
  is_thawed
}

@test "no image is made by a process that may not write it, or whose import has failed" {
  ((EUID == 0)) || skip "impossible: only root can make a file system read-only"
  mkdir "$BATS_TEST_TMPDIR/images"
  IMAGE=$BATS_TEST_TMPDIR/images/image
  cat >"$BATS_TEST_TMPDIR/program" <<END
#!/bin/sh
exec unshare --mount sh -c 'mount --bind "\$0" "\$0" && mount -o remount,bind,ro "\$0" &&
  exec "\$@"' "${IMAGE%/*}" "$PROGRAM" "\$@"
END
  chmod +x "$BATS_TEST_TMPDIR/program"
  PROGRAM=$BATS_TEST_TMPDIR/program thaw process:app
  contains "$(http /)" "count=1"
  equal "$(exit_status)" 0
  is_count imports 1
  stop
  thaw no_such_module:app
  equal "$(status /)" 500
  equal "$(exit_status)" 70
  equal "$(ls "$BATS_TEST_TMPDIR/images")" ""
  equal "$(grep -c "cannot freeze" "$LOG")" 0
}

@test "a process that serves beside another one, which makes the image, ends like it, and with it" {
  local pid serving client
  IMAGE=$BATS_TEST_TMPDIR/missing
  thaw waits:app
  begin_request
  serving=$(pgrep -P "$pid")
  kill -KILL "$serving"
  wait "$client" || :
  equal "$(exit_status)" "signal 9"
  rm "$FIFOS/held" "$FIFOS/notes"
  begin_request
  serving=$(pgrep -P "$pid")
  kill -HUP "$pid"
  kill -TERM "$pid"
  equal "$(exit_status)" "signal 15"
  eventually is_gone "$serving"
  [[ ! -e $IMAGE ]]
}

@test "an app that handles a stop finishes its request, also beside a process that waits for it" {
  local pid client
  mkdir "$BATS_TEST_TMPDIR/site"
  cat >"$BATS_TEST_TMPDIR/site/handles_stop.py" <<'END'
import signal
from waits import app
signal.signal(signal.SIGTERM, lambda *_: None)
END
  IMAGE=$BATS_TEST_TMPDIR/missing
  thaw --python-path="$BATS_TEST_TMPDIR/site" handles_stop:app
  begin_request
  kill -TERM "$pid"
  kill -HUP "$pid"
  write_fifo "$FIFOS/held"
  wait "$client"
  equal "$(<"$BATS_TEST_TMPDIR/answer")" "answer to held"
  equal "$(exit_status)" 0
  [[ ! -e $IMAGE ]]
}

@test "the signal that has ended a request, and no other, ends the process that waits for it" {
  local pid client
  IMAGE=$BATS_TEST_TMPDIR/missing
  thaw waits:app
  begin_request
  kill -HUP "$pid"
  kill -SEGV "$(pgrep -P "$pid")"
  wait "$client" || :
  equal "$(exit_status)" "signal 11"
}

is_gone() {
  [[ ! -e /proc/$1 ]]
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

@test "an image depends on the database of users if an option names one" {
  freeze hello:app
  run -1 grep -c "/etc/passwd" "$IMAGE"
  freeze --trusted-proxy=unix:nobody hello:app
  grep -q "/etc/passwd" "$IMAGE"
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
  : >"$LOG"
  freeze hello:app
  ulimit -Sn 777
  thaw hello:app
  imports "the set of resource limits has changed"
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

@test "an image depends on the links that lead to the directories of the import" {
  cd "$BATS_TEST_TMPDIR"
  local release
  for release in one two; do
    mkdir -p "releases/$release"
    printf '%s\n' "def app(environ, start_response):" "    start_response('200 OK', [])" \
      "    return [b'$release']" >"releases/$release/released.py"
  done
  ln -s releases/one current
  freeze --directory="$PWD/current" released:app
  thaw --directory="$PWD/current" released:app
  equal "$(http /)" one
  is_thawed
  ln -sfn releases/two current
  equal "$(http /)" two
  logged "$PWD/current"
}

@test "an image depends on what has prevented the import from creating, and what would" {
  mkdir "$BATS_TEST_TMPDIR/site"
  cd "$BATS_TEST_TMPDIR/site"
  cat >locking.py <<'END'
import os

try:
    os.symlink("me", "../lock")
    os.unlink("../lock")
    answer = b"free"
except FileExistsError:
    answer = b"held"


def app(environ, start_response):
    start_response("200 OK", [])
    return [answer]
END
  freeze --directory="$PWD" locking:app
  thaw --directory="$PWD" locking:app
  equal "$(http /)" free
  is_thawed
  ln -s other ../lock
  equal "$(http /)" held
  logged "/lock "
  : >"$LOG"
  freeze --directory="$PWD" locking:app
  equal "$(http /)" held
  is_thawed
  rm ../lock
  equal "$(http /)" free
}

# Whether the next answer is another one than this, and the image was refused.
how_it_answers() {
  [[ $(http /) != "$1" ]] && logged "cannot start from the image" && echo changed
}

@test "an image of another program, or of one that was replaced, is not used" {
  local original=$PROGRAM file
  cp "$PROGRAM" "$PROGRAM.so" "$BATS_TEST_TMPDIR"
  PROGRAM=$BATS_TEST_TMPDIR/wsgi-once
  freeze hello:app
  PROGRAM=$original
  thaw hello:app
  imports "another program"
  PROGRAM=$BATS_TEST_TMPDIR/wsgi-once
  for file in "$PROGRAM" "$PROGRAM.so"; do
    : >"$LOG"
    freeze hello:app
    touch "$file"
    thaw hello:app
    imports "'$file' has changed"
  done
}

@test "an image that is too old, or from the future, is not used" {
  freeze hello:app
  "$TESTS/set-image-age" "$IMAGE" $((24 * 60 * 60 - 600))
  thaw hello:app
  equal "$(http /)" "Hello."
  equal "$(exit_status)" 0
  is_thawed
  thaw --image-max-age=12h hello:app
  imports "it is too old (--image-max-age)"
  : >"$LOG"
  freeze hello:app
  "$TESTS/set-image-age" "$IMAGE" $((24 * 60 * 60 + 600))
  thaw --image-max-age=0 hello:app
  equal "$(http /)" "Hello."
  equal "$(exit_status)" 0
  is_thawed
  thaw hello:app
  imports "it is too old (--image-max-age)"
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
  local program=$PROGRAM name first last number
  WAY=inetd # the quick start would fail first, and say nothing
  # shellcheck disable=SC2016 # for the inner shell; it drops some variables, like that below
  WRAPPER=(sh -c 'exec "$@"' sh)
  freeze hello:app
  cp "$IMAGE" "$IMAGE.good"
  trace() { # option...
    PROGRAM=$BATS_TEST_TMPDIR/traced
    printf '#!/bin/sh\nPROGRAM=%s exec strace -D -qq -o "%s" %s "%s" "$@"\n' "$program" \
      "$BATS_TEST_TMPDIR/trace" "$*" "$program" >"$PROGRAM"
    chmod +x "$PROGRAM"
    thaw hello:app
  }
  # The process gives up its own memory after the last mremap, which moves the vDSO.
  trace -e trace=openat,chdir,mmap,mprotect,mremap,prctl,rseq,preadv
  equal "$(http /)" "Hello."
  equal "$(exit_status)" 0
  is_thawed
  awk -v image="$IMAGE" '
    { name = $0; sub(/\(.*/, "", name); number[name]++ }
    index($0, image) { begun = 1 }
    # malloc(3) has another way if mmap fails.
    begun && (name != "mmap" || /MAP_FIXED_NOREPLACE/) {
      if (!(name in first)) first[name] = number[name]
      latest[name] = number[name]
    }
    name == "mremap" { for (name in latest) last[name] = latest[name] }
    END { for (name in last) print name, first[name], last[name] }
  ' "$BATS_TEST_TMPDIR/trace" >"$BATS_TEST_TMPDIR/calls"
  equal "$(wc -l <"$BATS_TEST_TMPDIR/calls")" 8
  while read -r name first last; do
    for number in "$first" $(((first + last) / 2)) "$last"; do
      : >"$LOG"
      cp "$IMAGE.good" "$IMAGE"
      trace -e trace="$name" -e inject="$name:error=EPERM:when=$number"
      imports ""
      grep -q INJECTED "$BATS_TEST_TMPDIR/trace" || equal "$name $number" "a call that fails"
      rm "$BATS_TEST_TMPDIR/reported"
    done
  done <"$BATS_TEST_TMPDIR/calls"
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
