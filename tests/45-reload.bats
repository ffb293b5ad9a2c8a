#!/usr/bin/env bats
# ways: one
# lasts: 28 s
#
# Reloading the app. Each test changes its own app, which answers with a word. 47-load.bats tests
# that no connection is lost.

load server

# Extends the setup of helpers.bash.
eval "basic_$(declare -f setup)"
setup() {
  basic_setup
  SITE=$BATS_TEST_TMPDIR/site
  mkdir "$SITE"
}

# app WORD [LINE]...: prints an app that runs these lines and answers with the word. For /hold, the
# beginning of the answer is sent at once, and the word when the test releases the request. Each
# import adds a line to the file "imports".
app() {
  local word=$1
  shift
  cat <<END
import os

$(printf '%s\n' "$@")
FIFOS = os.environ["FIFOS"]
WORD = "$word"
with open(FIFOS + "/imports", "a") as file:
    print(WORD, file=file)


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/hold":
        with open(FIFOS + "/begun", "w") as begun:
            print(os.getpid(), file=begun)
        yield b"the beginning, "
        with open(FIFOS + "/end") as end:
            end.read()
    yield WORD.encode() + b"\n"
END
}

# Lines of an app whose import waits for begin_import and then for end_import.
HELD='for fifo in "w", "r":
    open(os.environ["FIFOS"] + "/import" + fifo, fifo).close()'

hold_imports() {
  mkfifo "$FIFOS/importw" "$FIFOS/importr"
}

begin_import() {
  read_fifo "$FIFOS/importw"
}

# shellcheck disable=SC2016 # expanded by the other shell
end_import() {
  timeout "$PATIENCE" sh -c ': >"$FIFOS/importr"'
}

# write NAME: writes standard input to a file of the app, in place.
write() {
  cat >"$SITE/$1"
}

# replace NAME: replaces a file of the app atomically by standard input.
replace() {
  cat >"$BATS_TEST_TMPDIR/replacement"
  mv "$BATS_TEST_TMPDIR/replacement" "$SITE/$1"
}

serve_site() {
  serve_on --python-path="$SITE" "$@" shop:app
}

answers() {
  [[ $(http /) == "$1" ]]
}

has_one_template() {
  [[ $(template) =~ ^[0-9]+$ ]]
}

# becomes WORD: waits until that app has taken over and the server has one child, the new template.
# The spares of an old template are children of the server as well until they exit.
becomes() {
  eventually answers "$1"
  eventually has_one_template
}

# is_settled TEMPLATE: another template has taken over, and the old one's spares, which are then
# children of the server, have exited.
is_settled() {
  local now
  now=$(template) || :
  [[ $now =~ ^[0-9]+$ && $now != "$1" ]]
}

# reload: sends SIGHUP to the server and waits until the new app has taken over.
reload() {
  local old
  old=$(template)
  kill -HUP "$SERVER"
  eventually is_settled "$old"
}

# stays WORD: the same server answers all requests with that app.
stays() {
  local n
  for n in {1..6}; do
    equal "$(http /)" "$1"
  done
  equal "$(pgrep -P "$ACTIVATOR")" "$SERVER"
  equal "$(cat "$STATUSES")" ""
}

@test "SIGHUP: new requests get the new app, and running ones finish with the old app" {
  for where in server worker; do
    app one | replace shop.py
    serve_site --import="$where"
    stays one
    hold
    app two | replace shop.py
    reload
    stays two
    finishes "the beginning, one"
    stays two
  done
  not_logged Traceback
}

@test "SIGHUP: the app's modules are imported again" {
  app one "from goods import price" 'print("price:", price, flush=True)' | replace shop.py
  echo "price = 5" | replace goods.py
  serve_site
  logged "price: 5"
  echo "price = 6" | replace goods.py
  reload
  logged "price: 6"
}

@test "SIGHUP: if the new app cannot be imported, this is logged and the old app stays" {
  local broken=(
    "def :"                                              # a syntax error
    "import no_such_module"                              # an exception
    "import os, signal; os.kill(os.getpid(), signal.SIGKILL)" # killed by a signal
    "import sys; sys.exit(3)"                            # an exit by exception
    "import os; os._exit(3)"                             # a silent exit
    "import os; os._exit(0)"                             # a silent exit with success
    "del app"                                            # no callable
  )
  for line in "${broken[@]}"; do
    app one | replace shop.py
    serve_site
    : >"$LOG"
    local old
    old=$(template)
    { app broken; echo "$line"; } | replace shop.py
    kill -HUP "$SERVER"
    logged "cannot reload"
    eventually equal "$(template)" "$old"
    case $line in
      def*) grep -F "SyntaxError" "$LOG" && grep -F "shop.py" "$LOG" ;;
      *no_such*) grep -F "Traceback" "$LOG" && grep -F "no_such_module" "$LOG" ;;
      *SIGKILL*) grep -F "signal 9" "$LOG" ;;
      del*) grep -F "shop:app" "$LOG" ;;
    esac
    stays one
    app fixed | replace shop.py
    reload
    stays fixed
  done
}

# signal_all SIGNAL: sends it to the server, its templates and its workers.
signal_all() {
  local all
  mapfile -t all < <(processes)
  kill -s "$1" "${all[@]}"
}

@test "SIGHUP to all processes reloads, and running requests finish" {
  for where in server worker; do
    app one | replace shop.py
    serve_site --import="$where" --spare=2
    hold
    app two | replace shop.py
    local old
    old=$(template)
    signal_all HUP
    eventually is_settled "$old"
    stays two
    finishes "the beginning, one"
    stays two
  done
  equal "$(grep -v "^wsgi-once: reloaded" "$LOG")" ""
}

@test "SIGHUP to all processes during the first import is not lost and does no harm" {
  local reloads=0
  for where in server worker; do
    rm -f "$FIFOS"/import[wr]
    hold_imports
    app one "$HELD" | replace shop.py
    serve --idle-timeout=0 --import="$where" --python-path="$SITE" shop:app
    http / >"$BATS_TEST_TMPDIR/answer" 3>&- &
    local waiting=$!
    begin_import
    find_server
    app two | replace shop.py
    signal_all HUP
    end_import
    wait "$waiting"
    [[ $(cat "$BATS_TEST_TMPDIR/answer") == @(one|two) ]]
    ((reloads += 1))
    eventually has_reloaded "$reloads" # before that, spares of both may answer
    stays two
  done
}

has_reloaded() {
  (($(grep -c "^wsgi-once: reloaded" "$LOG") == $1))
}

@test "SIGHUP to all processes during a reload does not end the new import" {
  hold_imports
  app one | replace shop.py
  serve_site
  hold
  app two "$HELD" | replace shop.py
  kill -HUP "$SERVER"
  begin_import
  app three | replace shop.py
  signal_all HUP
  stays one # and the signal has arrived
  end_import
  eventually answers three
  equal "$(cat "$FIFOS/imports")" $'one\ntwo\nthree'
  finishes "the beginning, one"
  not_logged "cannot reload"
}

@test "SIGHUP: the old app serves while the new one is being imported" {
  hold_imports
  app one | replace shop.py
  serve_site
  app two "$HELD" | replace shop.py
  local old
  old=$(template)
  kill -HUP "$SERVER"
  begin_import
  stays one
  end_import
  eventually is_settled "$old"
  stays two
}

@test "SIGHUP: a second signal during a reload is not lost" {
  hold_imports
  app one | replace shop.py
  serve_site
  app two "$HELD" | replace shop.py
  kill -HUP "$SERVER"
  begin_import
  app three | replace shop.py
  kill -HUP "$SERVER"
  stays one # and the signal has arrived
  end_import
  eventually answers three
  equal "$(tail -n 1 "$FIFOS/imports")" three
}

@test "SIGHUP: after many signals in a row, the newest app is served" {
  app 0 | replace shop.py
  serve_site
  for n in {1..20}; do
    app "$n" | replace shop.py
    kill -HUP "$SERVER"
  done
  eventually answers 20
  equal "$(pgrep -P "$ACTIVATOR")" "$SERVER"
  not_logged "cannot reload"
}

@test "SIGHUP during the first import is not lost and does no harm" {
  hold_imports
  app one "$HELD" | replace shop.py
  serve --idle-timeout=0 --python-path="$SITE" shop:app
  http / >"$BATS_TEST_TMPDIR/answer" 3>&- &
  local waiting=$!
  begin_import
  find_server
  app two | replace shop.py
  kill -HUP "$SERVER"
  end_import
  wait "$waiting"
  [[ $(cat "$BATS_TEST_TMPDIR/answer") == @(one|two) ]]
  eventually answers two
  equal "$(pgrep -P "$ACTIVATOR")" "$SERVER"
  equal "$(cat "$STATUSES")" ""
}

@test "SIGHUP reloads an unchanged app each time" {
  app one | replace shop.py
  serve_site
  for n in {2..6}; do
    reload
    equal "$(wc -l <"$FIFOS/imports")" "$n"
    stays one
  done
  not_logged Traceback
}

@test "SIGTERM during a reload ends all processes" {
  hold_imports
  app one | replace shop.py
  serve_site
  hold
  app two "$HELD" | replace shop.py
  kill -HUP "$SERVER"
  begin_import
  kill "$SERVER"
  eventually are_left "$SERVER" "$WORKER"
  finishes "the beginning, one"
  equal "$(exit_status)" 0
  equal "$(processes)" ""
}

@test "an idle server can exit during a reload without losing a request" {
  hold_imports
  app one | replace shop.py
  serve --idle-timeout=1ms --python-path="$SITE" shop:app
  hold
  find_server
  app two "$HELD" | replace shop.py
  kill -HUP "$SERVER"
  begin_import
  finishes "the beginning, one"
  # The old server exits now. A client has to wait for the new app, from this server or the next.
  http / >"$BATS_TEST_TMPDIR/answer" 3>&- &
  local waiting=$!
  end_import
  # shellcheck disable=SC2016 # expanded by the other shell
  timeout "$PATIENCE" sh -c 'cat "$FIFOS/importw" && : >"$FIFOS/importr"' 3>&- &
  local next_import=$!
  wait "$waiting"
  [[ $(cat "$BATS_TEST_TMPDIR/answer") == @(one|two) ]]
  kill "$next_import" 2>/dev/null || :
  equal "$(exit_status)" 0
}

@test "--reload: a source file that is written or replaced is reloaded" {
  app one | write shop.py
  serve_site --reload
  stays one
  app two | write shop.py
  eventually answers two
  app three | replace shop.py
  eventually answers three
  equal "$(pgrep -P "$ACTIVATOR")" "$SERVER"
}

@test "--reload: an app named as a file is reloaded" {
  app one | write shop.wsgi
  sed -i 's/^def app(/def application(/' "$SITE/shop.wsgi"
  serve_on --reload "$SITE/shop.wsgi"
  equal "$(http /)" one
  app two | sed 's/^def app(/def application(/' | write shop.wsgi
  eventually answers two
  app three | sed 's/^def app(/def application(/' | replace shop.wsgi
  eventually answers three
}

@test "--reload: a file created or removed next to the app is a change" {
  app one 'try:
    from goods import price
except ImportError:
    price = None' | sed 's/^WORD = .*/WORD = f"price {price}"/' | write shop.py
  serve_site --reload
  equal "$(http /)" "price None"
  echo "price = 5" | write goods.py
  eventually answers "price 5"
  rm "$SITE/goods.py"
  eventually answers "price None"
  echo "price = 6" | replace goods.py
  eventually answers "price 6"
}

@test "--reload: a module of a package in a subdirectory is watched" {
  mkdir -p "$SITE/goods/tools"
  : | tee "$SITE/goods/__init__.py" >"$SITE/goods/tools/__init__.py"
  echo "price = 5" | write goods/tools/hammers.py
  app one "from goods.tools.hammers import price" | sed 's/^WORD = .*/WORD = f"price {price}"/' |
    write shop.py
  serve_site --reload
  equal "$(http /)" "price 5"
  echo "price = 6" | write goods/tools/hammers.py
  eventually answers "price 6"
  echo "price = 7" | replace goods/tools/hammers.py
  eventually answers "price 7"
}

@test "--reload: a module imported only by the new app is watched" {
  mkdir "$SITE/goods"
  echo "price = 5" | write goods/hammers.py
  app one | write shop.py
  serve_site --reload
  app two "from goods.hammers import price" | sed 's/^WORD = .*/WORD = f"price {price}"/' |
    write shop.py
  eventually answers "price 5"
  echo "price = 6" | write goods/hammers.py
  eventually answers "price 6"
}

@test "--reload: broken source is logged, and the old app stays until it is fixed" {
  app one | write shop.py
  serve_site --reload
  echo "def :" | write shop.py
  logged SyntaxError
  logged "cannot reload"
  stays one
  app two | write shop.py
  becomes two
  stays two
}

@test "--reload: a change during a reload is not lost" {
  hold_imports
  app one | write shop.py
  serve_site --reload
  app two "$HELD" | write shop.py
  begin_import
  app three | write shop.py
  end_import
  eventually answers three
}

@test "--reload: a change during the first import is not lost" {
  hold_imports
  app one "$HELD" | write shop.py
  serve --idle-timeout=0 --reload --python-path="$SITE" shop:app
  http / >"$BATS_TEST_TMPDIR/answer" 3>&- &
  local waiting=$!
  begin_import
  find_server
  app two | write shop.py
  end_import
  wait "$waiting"
  eventually answers two
}

@test "--reload: the request after a save gets the new code even if time and size are unchanged" {
  unset PYTHONDONTWRITEBYTECODE
  echo "price = 1000" | write goods.py
  touch -d "2020-01-01 00:00" "$SITE/goods.py"
  app one "from goods import price" | sed 's/^WORD = .*/WORD = str(price)/' | write shop.py
  serve_site --reload
  local n
  for n in {1001..1010}; do
    echo "price = $n" | write goods.py
    touch -d "2020-01-01 00:00" "$SITE/goods.py"
    equal "$(http /)" "$n"
  done
  for n in {1011..1020}; do
    echo "price = $n" | replace goods.py
    equal "$(http /)" "$n"
  done
}

@test "--reload: a connection made before the save gets the new code" {
  app one | write shop.py
  serve_site --reload
  mkfifo "$FIFOS/connected" "$FIFOS/saved"
  talk meet "$FIFOS/connected" meet "$FIFOS/saved" send 'GET / HTTP/1.0\r\n\r\n' read \
    >"$BATS_TEST_TMPDIR/answer" 3>&- &
  local client=$!
  read_fifo "$FIFOS/connected"
  app two | write shop.py
  read_fifo "$FIFOS/saved"
  wait "$client"
  equal "$(tail -n 1 "$BATS_TEST_TMPDIR/answer")" two
}

@test "--reload: requests wait while the new app is being imported" {
  hold_imports
  app one | write shop.py
  serve_site --reload
  app two "$HELD" | write shop.py
  begin_import
  http / >"$BATS_TEST_TMPDIR/answer" 3>&- &
  local waiting=$!
  run_short_servers 1
  equal "$(cat "$BATS_TEST_TMPDIR/answer")" ""
  end_import
  wait "$waiting"
  equal "$(cat "$BATS_TEST_TMPDIR/answer")" two
}

@test "--reload: requests wait for a reload by SIGHUP as well" {
  hold_imports
  app one | write shop.py
  serve_site --reload
  export WORD_NOW=two
  app one "$HELD" >"$BATS_TEST_TMPDIR/new"
  cp --preserve=timestamps "$BATS_TEST_TMPDIR/new" "$SITE/shop.py"
  begin_import
  end_import
  eventually has_one_template
  kill -HUP "$SERVER"
  begin_import
  http / >"$BATS_TEST_TMPDIR/answer" 3>&- &
  local waiting=$!
  run_short_servers 1
  equal "$(cat "$BATS_TEST_TMPDIR/answer")" ""
  end_import
  wait "$waiting"
  equal "$(cat "$BATS_TEST_TMPDIR/answer")" one
}

@test "--reload: a server started with broken code keeps running and serves the fix" {
  local broken=(
    "def :"
    "import no_such_module"
    "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    "import sys; sys.exit(3)"
    "import os; os._exit(0)"
    "del app"
  )
  for line in "${broken[@]}"; do
    : >"$LOG"
    { app broken; echo "$line"; } | write shop.py
    serve --idle-timeout=0 --reload --python-path="$SITE" shop:app
    equal "$(status /)" 500
    find_server
    equal "$(status /)" 500
    app one | write shop.py
    equal "$(http /)" one
    app two | replace shop.py
    equal "$(http /)" two
    stays two
  done
}

@test "--reload: an import that hangs when it is retried is killed by --import-timeout" {
  local template
  serve --idle-timeout=0 --reload --import-timeout=100ms --spare=2 hangs_at_import:app
  equal "$(status /)" 500
  find_server
  template=$(pgrep -P "$SERVER")
  kill -STOP "$template" # so that its messages do not wake the server
  equal "$(status /)" 500
  kill -CONT "$template"
  equal "$(grep -c "import timed out (--import-timeout)" "$LOG")" 2
}

@test "--reload: a fix outside of the sources is served" {
  app one 'open(os.environ["FIFOS"] + "/needed").close()' | write shop.py
  serve --idle-timeout=0 --reload --python-path="$SITE" shop:app
  equal "$(status /)" 500
  touch "$FIFOS/needed"
  equal "$(http /)" one
}

@test "--reload: an app that does not exist yet is served once it does" {
  serve --idle-timeout=0 --reload --python-path="$SITE" shop:app
  equal "$(status /)" 500
  app one | write shop.py
  equal "$(http /)" one
  rm "$SITE/shop.py"
  equal "$(http /)" one
  logged "cannot reload"
  app two | write shop.py
  equal "$(http /)" two
}

@test "--reload: modules imported only by the broken app are watched for the fix" {
  mkdir "$SITE/goods"
  echo "price =" | write goods/hammers.py
  app one | write shop.py
  serve_site --reload
  app two "import goods.hammers" | write shop.py
  equal "$(http /)" one
  echo "price = 5" | write goods/hammers.py
  equal "$(http /)" two
}

@test "--reload: an idle server exits, whether the app is broken or not" {
  serve --reload hello:app
  equal "$(http /)" "Hello."
  equal "$(exit_status)" 0
  equal "$(http /)" "Hello."
  equal "$(exit_status)" 0
  serve --reload no_such_module:app
  equal "$(status /)" 500
  equal "$(exit_status)" 70
}

# was_imported WORD: that app was imported last.
was_imported() {
  [[ $(tail -n 1 "$FIFOS/imports") == "$1" ]]
}

# app_file NAME WORD: writes an app to this file.
app_file() {
  app "$2" | sed 's/^def app(/def application(/' | write "$1"
}

@test "--reload: an app file of any name, in any directory, is watched" {
  local name
  for name in app.cgi app my-packages/app.py dist-packages/app.wsgi site-packages/app; do
    mkdir -p "$SITE/${name%app*}"
    app_file "$name" one
    serve_on --reload "$SITE/$name"
    equal "$(http /)" one
    app_file "$name" two
    eventually was_imported two # without a request
    equal "$(http /)" two
    app_file "$name" six
    equal "$(http /)" six
  done
}

@test "--reload: an app file that is a link is watched through its target" {
  mkdir "$SITE/elsewhere" "$SITE/again"
  for name in app.py app; do
    app_file "elsewhere/$name" one
    app_file "again/$name" ten
    ln -s "elsewhere/$name" "$SITE/$name"
    serve_on --reload "$SITE/$name"
    equal "$(http /)" one
    app_file "elsewhere/$name" two
    eventually was_imported two # without a request
    equal "$(http /)" two
    ln -sfn "again/$name" "$SITE/$name"
    equal "$(http /)" ten
  done
}

@test "--reload: an app that changes its sources at each import still answers" {
  app one 'with open(os.path.dirname(__file__) + "/version.py", "a") as file:
    print("version = 1", file=file)' | write shop.py
  serve_site --reload
  equal "$(http /)" one
  equal "$(http /)" one
}

@test "--reload: a request waits for a busy worker and then for the new code" {
  app one | write shop.py
  serve_site --reload --max-workers=1
  hold
  http / >"$BATS_TEST_TMPDIR/waits" 3>&- &
  local waits=$!
  app two | write shop.py
  finishes "the beginning, one"
  wait "$waits"
  [[ $(cat "$BATS_TEST_TMPDIR/waits") == @(one|two) ]]
  equal "$(http /)" two
}

@test "--reload: silent clients are closed after --head-timeout and block nobody" {
  serve_on --reload --head-timeout=100ms hello:app
  local n clients=()
  for n in 1 2 3 4; do
    mkfifo "$FIFOS/connected$n"
    talk meet "$FIFOS/connected$n" read >/dev/null 3>&- &
    clients+=($!)
    read_fifo "$FIFOS/connected$n"
  done
  equal "$(http /)" "Hello."
  wait "${clients[@]}"
}

# Lines of an app whose first import leaves a process behind that ignores SIGTERM, once the import
# has read a line from it, and ends when the test releases it.
# shellcheck disable=SC2016 # expanded by the other shell
LEAVES='import subprocess
if not os.path.exists(os.environ["FIFOS"] + "/left"):
    os.mkfifo(os.environ["FIFOS"] + "/left")
    subprocess.Popen(["sh", "-c", "trap : TERM; echo; until cat \"$FIFOS/left\" >&2; do :; done"],
        stdout=subprocess.PIPE).stdout.readline()'

@test "--reload: an idle server that waits for leftover processes serves a new client" {
  local first waiting
  local -A statuses=([200]=0 [500]=70)
  for first in 200 500; do
    stop
    : >"$STATUSES"
    rm -f "$FIFOS/left" "$FIFOS/mended"
    app one "$LEAVES" "assert $first == 200 or os.path.exists('$FIFOS/mended')" | write shop.py
    serve --reload --idle-timeout=100ms --leftover-timeout=0 --python-path="$SITE" shop:app
    equal "$(status /)" "$first"
    find_server
    eventually are_left "$SERVER"
    http / >"$BATS_TEST_TMPDIR/answer" 3>&- &
    waiting=$!
    run_short_servers 1
    run ! is_gone "$SERVER"
    : >"$FIFOS/mended"
    write_fifo "$FIFOS/left"
    wait "$waiting"
    equal "$(cat "$BATS_TEST_TMPDIR/answer")" one
    equal "$(head -n 1 "$STATUSES")" "${statuses[$first]}"
  done
}

# may_open N: limits the server to N descriptors.
may_open() {
  prlimit --pid "$SERVER" --nofile="$1:"
}

sleeps() {
  grep -q "^State:.S" "/proc/$SERVER/status"
}

# Only sockets: while the server hashes the sources, it has files open as well.
count_sockets() {
  find "/proc/$SERVER/fd" -lname "socket:*" | wc -l
}

note_sockets() {
  eventually sleeps # otherwise it may be about to close some
  SOCKETS=$(count_sockets)
}

# has_accepted N: the server has accepted N clients since note_sockets.
has_accepted() {
  sleeps && (($(count_sockets) == SOCKETS + $1)) && sleeps
}

@test "--reload: clients wait while the server is out of descriptors, and it does not spin" {
  serve_on --reload hello:app
  may_open 6 # with fewer, poll(2) fails as well
  http / >"$BATS_TEST_TMPDIR/answer" 3>&- &
  local waiting=$!
  logged "cannot accept connections for now: Too many open files"
  eventually sleeps
  run_short_servers 1
  equal "$(cat "$BATS_TEST_TMPDIR/answer")" ""
  may_open 1024
  wait "$waiting"
  equal "$(cat "$BATS_TEST_TMPDIR/answer")" Hello.
  equal "$(grep -c "cannot accept" "$LOG")" 1
}

@test "--reload: if the server cannot continue, waiting clients get 500" {
  app one | write shop.py
  serve_on --reload --max-workers=1 --python-path="$SITE" shop:app
  hold
  local first
  first=$(template)
  note_sockets
  status / >"$BATS_TEST_TMPDIR/status" 3>&- &
  local waiting=$!
  talk read >"$BATS_TEST_TMPDIR/silent" 3>&- &
  local silent=$!
  eventually has_accepted 2
  may_open 6
  kill -KILL "$first"
  finishes "the beginning, one"
  wait "$waiting"
  equal "$(cat "$BATS_TEST_TMPDIR/status")" 500
  wait "$silent"
  contains "$(cat "$BATS_TEST_TMPDIR/silent")" "HTTP/1.1 500 "
  equal "$(exit_status)" 70
}

has_taken_signals() {
  grep -qx "ShdPnd:.0*" "/proc/$SERVER/status"
}

@test "--reload: repeated SIGHUP does not keep a client from code that is new enough" {
  hold_imports
  app one | write shop.py
  serve_site --reload
  app two "$HELD" | write shop.py
  begin_import
  note_sockets
  mkfifo "$FIFOS/asked"
  talk send 'GET / HTTP/1.0\r\n\r\n' meet "$FIFOS/asked" read >"$BATS_TEST_TMPDIR/answer" 3>&- &
  local waiting=$!
  read_fifo "$FIFOS/asked"
  eventually has_accepted 1
  for _ in 1 2; do
    kill -HUP "$SERVER"
    eventually has_taken_signals
    end_import
    begin_import # of the next one
  done
  wait "$waiting"
  equal "$(tail -n 1 "$BATS_TEST_TMPDIR/answer")" two
}

@test "--reload: an import that writes sources does not cause endless reloads" {
  app one 'directory = os.path.dirname(__file__)
with open(directory + "/same.py", "w") as file:
    print("version = 1", file=file)
with open(directory + "/version.py", "a") as file:
    print("version = 1", file=file)' | write shop.py
  serve_site --reload
  reload_another
  local imports
  imports=$(wc -l <"$FIFOS/imports")
  reload_another
  equal "$(wc -l <"$FIFOS/imports")" "$imports"
  sed -i 's/^WORD = .*/WORD = "two"/' "$SITE/shop.py"
  eventually was_imported two # without a request
  equal "$(http /)" two
  sed -i 's/^WORD = .*/WORD = "three"/' "$SITE/shop.py"
  equal "$(http /)" three
}

@test "--reload: a directory named by a link is watched through its target" {
  mkdir "$SITE/v1" "$SITE/v2"
  app one | write v1/shop.py
  app two | write v2/shop.py
  cd "$SITE"
  local options
  for options in --directory="$SITE/now" --directory=now --python-path=now \
    "--directory=.. --python-path=${SITE##*/}/now" now/shop.py; do
    ln -sfn v1 now
    [[ $options == */shop.py ]] || options+=" shop"
    # shellcheck disable=SC2086 # several words
    serve_on --reload $options:app
    equal "$(http /)" one
    ln -sfn v2 now
    equal "$(http /)" two
  done
}

@test "--reload: a new directory, and files created in it, may be a package" {
  app one | write shop.py
  serve_site --reload
  app two "import goods.tools.hammers" | write shop.py
  equal "$(http /)" one
  mkdir -p "$SITE/goods"
  equal "$(http /)" one
  mkdir "$SITE/goods/tools"
  equal "$(http /)" one
  echo "price = 5" | write goods/tools/hammers.py
  equal "$(http /)" two
  mkdir -p "$BATS_TEST_TMPDIR/all/at/once"
  echo "price = 6" >"$BATS_TEST_TMPDIR/all/at/once/nails.py"
  app three "import all.at.once.nails" | write shop.py
  equal "$(http /)" two
  mv "$BATS_TEST_TMPDIR/all" "$SITE"
  equal "$(http /)" three
}

# is_waiting SPARE: it sleeps until a connection arrives.
is_waiting() {
  [[ -n $1 && $(sed -n 's/^State:.\(.\).*/\1/p' "/proc/$1/status") == S ]]
}

# has_one_spare [OTHER]: the template has one spare, which is not the other one. Sets SPARE.
has_one_spare() {
  SPARE=$(pgrep -P "$TEMPLATE")
  [[ $SPARE =~ ^[0-9]+$ && $SPARE != "${1-}" ]] && is_waiting "$SPARE"
}

@test "--reload: if the server is killed, spares it does not know of exit silently" {
  serve_on --reload --spare=1 hello:app
  TEMPLATE=$(template)
  eventually has_one_spare
  kill -STOP "$SERVER"
  kill -KILL "$SPARE"
  eventually has_one_spare "$SPARE"
  kill -KILL "$SERVER"
  eventually none_is_left
  not_logged "cannot accept"
}

# Files that are no sources are changed first. Then the server of another socket gets the time to
# notice a change of its source and to reload, which the first one must not do.
@test "--reload: changes of other files are ignored" {
  app one | write shop.py
  mkdir "$SITE/empty"
  serve_site --reload
  equal "$(wc -l <"$FIFOS/imports")" 1
  local old
  old=$(template)
  mkdir "$SITE/__pycache__" "$SITE/.git"
  for name in notes.txt .shop.py.swp shop.py~ shop.pyc py __pycache__/shop.cpython-312.pyc \
    empty/unrelated.py; do
    echo "x = 1" | write "$name"
    echo "x = 2" | replace "$name"
  done
  rm "$SITE/notes.txt"
  cat "$SITE/shop.py" >"$BATS_TEST_TMPDIR/read"
  reload_another
  equal "$(template)" "$old"
  equal "$(wc -l <"$FIFOS/imports")" 1
  app two | write shop.py
  eventually answers two
  equal "$(cat "$FIFOS/imports")" $'one\ntwo'
}

reload_another() {
  (
    ACTIVATOR=
    SITE=$BATS_TEST_TMPDIR/another
    mkdir -p "$SITE"
    STATUSES=$SITE/statuses
    : >"$STATUSES"
    trap stop EXIT
    app one | grep -v imports | sed '/^WORD/,/print/{/^WORD/!d}' >"$SITE/other.py"
    serve --idle-timeout=0 --reload --python-path="$SITE" other:app 2>/dev/null
    for word in one two three; do
      sed -i "s/^WORD = .*/WORD = '$word'/" "$SITE/other.py"
      eventually answers "$word" || exit
    done
  )
}

@test "without --reload, changes are ignored" {
  app one | write shop.py
  serve_site
  app two | write shop.py
  reload_another
  stays one
}

@test "--reload is refused with --import=worker" {
  run --separate-stderr -64 "$PROGRAM" --reload --import=worker hello:app
  prints_one_line "--reload" "--import"
}

@test "a reload succeeds while --max-workers is reached" {
  app one | replace shop.py
  serve_site --max-workers=1
  hold
  app two | replace shop.py
  reload
  equal "$(http /)" two
  # The old request counts as well: this one waits for its end.
  http / >"$BATS_TEST_TMPDIR/waits" &
  local waits=$!
  finishes "the beginning, one"
  wait "$waits"
  equal "$(cat "$BATS_TEST_TMPDIR/waits")" two
}

is_newest_template_older_than() {
  (($(ps -o etimes= -p "$(pgrep -n -P "$SERVER")") > $1))
}

# There are four slots: one worker, one spare for each of two templates, and one more.
@test "a reload waits for a slot as long as necessary, because its import is complete" {
  local clients=() n
  app 0 | replace shop.py
  serve_site --max-workers=1 --spare=1 --import-timeout=2s
  for n in {1..4}; do
    hold
    clients+=("$HOLDING")
    app "$n" | replace shop.py
    kill -HUP "$SERVER"
  done
  logged "cannot fork a worker until another one exits"
  eventually is_newest_template_older_than 2
  not_logged "--import-timeout"
  # A child of the old template: the server is not told of its end.
  kill -KILL "$WORKER"
  equal "$(http /)" 4
  write_fifo "$FIFOS/end"
  for n in 0 1 2; do
    wait "${clients[n]}"
  done
  equal "$(grep -c "^wsgi-once: reloaded" "$LOG")" 4
  not_logged "cannot reload"
}

@test "processes started by an import end when another app takes over or the server exits" {
  local start='import subprocess
with open(os.environ["FIFOS"] + "/started", "a") as file:
    print(subprocess.Popen(["sleep", "3600"]).pid, file=file)'
  app one "$start" | replace shop.py
  serve_site
  app two "$start" | replace shop.py
  reload
  local started
  mapfile -t started <"$FIFOS/started"
  equal "${#started[@]}" 2
  eventually is_gone "${started[0]}"
  run ! is_gone "${started[1]}"
  kill "$SERVER"
  equal "$(exit_status)" 0
  eventually is_gone "${started[1]}"
}

@test "a template that hangs does not prevent the next reload" {
  app one | replace shop.py
  serve_site
  local old
  old=$(template)
  kill -STOP "$old"
  app two | replace shop.py
  kill -HUP "$SERVER"
  eventually is_gone "$old"
  becomes two
  stays two
}

# Each template has one spare, so the second answer comes from a worker that was forked after the
# server learned that the new app is ready.
@test "processes started by an import end no matter how many templates hang" {
  local start='import subprocess
with open(os.environ["FIFOS"] + "/started", "a") as file:
    print(subprocess.Popen(["sleep", "3600"]).pid, file=file)' hanging=() started n
  app 0 "$start" | replace shop.py
  serve_site --spare=1
  for n in {1..10}; do
    hanging+=("$(pgrep -n -P "$SERVER")")
    kill -STOP "${hanging[-1]}"
    app "$n" "$start" | replace shop.py
    kill -HUP "$SERVER"
    eventually answers "$n"
    eventually answers "$n"
  done
  kill -CONT "${hanging[@]}" 2>/dev/null || : # some may have been killed
  mapfile -t started <"$FIFOS/started"
  equal "${#started[@]}" 11
  for n in {0..9}; do
    eventually is_gone "${started[n]}"
  done
  run ! is_gone "${started[10]}"
  stays 10
}
