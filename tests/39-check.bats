#!/usr/bin/env bats
# ways: one

# --check: loads an app as serving would, without a socket.

load helpers

# check [OPTION]... APPLICATION: checks one of the apps of the tests.
check() {
  "$PROGRAM" --check --python-path="$APPS" "$@" </dev/null
}

# checked WORD: prints the value of a line of the report.
checked() {
  sed -n "s/^$1  *//p" <<<"$output"
}

# Prints the command that the report suggests.
printed_command() {
  sed -n 's/^ *to compile them once, run: //p' <<<"$output"
}

# fails_to_load STATUS TEXT [OPTION]... APPLICATION: --check fails as serving does and prints
# nothing else.
fails_to_load() {
  local status=$1 text=$2
  shift 2
  run "-$status" --separate-stderr check "$@"
  equal "$output" ""
  # shellcheck disable=SC2154 # set by run
  contains "$stderr" "$text"
  contains "$stderr" "cannot be served (exit status $status)"
  serve "$@"
  http / >/dev/null
  equal "$(exit_status)" "$status"
  logged "$text"
}

@test "the reported interpreter and sys.path are those of a served app" {
  cat >"$BATS_TEST_TMPDIR/tells.py" <<'END'
import sys


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    lines = [sys.executable, sys.version.split()[0], *sys.path]
    return [("\n".join(lines) + "\n").encode()]
END
  serve "$BATS_TEST_TMPDIR/tells.py"
  http / >"$BATS_TEST_TMPDIR/served"
  run -0 --separate-stderr check "$BATS_TEST_TMPDIR/tells.py"
  equal "$stderr" ""
  {
    checked interpreter | sed 's/, Python /\n/'
    sed -n '/^sys.path/,/^application/{/^application/!s/^\(sys.path\)\? *//p}' <<<"$output"
  } | diff - "$BATS_TEST_TMPDIR/served"
  equal "$(checked venv)" none
}

@test "the report describes the application and its source" {
  run -0 check hello:app
  equal "$(checked application)" "hello:app: function app, $APPS/hello.py:4"
  printf '%s\n' "class App:" "    def __init__(self, environ, start_response): pass" \
    "app = type('Other', (), {'__call__': App})()" >"$BATS_TEST_TMPDIR/kinds.py"
  run -0 check "$BATS_TEST_TMPDIR/kinds.py:App"
  contains "$(checked application)" "class App of kinds"
  run -0 check "$BATS_TEST_TMPDIR/kinds.py"
  contains "$(checked application)" "Other object of kinds"
}

@test "an app that answers any attribute access is described by its class" {
  printf '%s\n' "from hello import app as hello" "class App:" \
    "    def __getattr__(self, name):" "        return name.upper()" \
    "    def __call__(self, *arguments):" "        return hello(*arguments)" "app = App()" \
    "class Refuses(App):" "    def __getattr__(self, name):" "        raise LookupError(name)" \
    "refuses = Refuses()" >"$BATS_TEST_TMPDIR/answers.py"
  run -0 check "$BATS_TEST_TMPDIR/answers.py"
  contains "$(checked application)" "App object of answers"
  run -0 check "$BATS_TEST_TMPDIR/answers.py:refuses"
  contains "$(checked application)" "Refuses object of answers"
}

@test "characters that the file system encoding lacks are reported" {
  printf '%s\n' "import sys" "from hello import app" "sys.path.append('/\\ud800')" \
    "app = type('\\u00dcber', (), {'__call__': staticmethod(app)})()" \
    >"$BATS_TEST_TMPDIR/names.py"
  export LC_ALL=C PYTHONCOERCECLOCALE=0
  PYTHONUTF8=0 run -0 check "$BATS_TEST_TMPDIR/names.py"
  contains "$(checked application)" '\xdcber object of names'
  contains "$output" '/\ud800'
}

@test "the report shows time and memory" {
  printf '%s\n' "import time" "time.sleep(0.5)" "ballast = b'x' * 40_000_000" \
    "from hello import app" >"$BATS_TEST_TMPDIR/heavy.py"
  run -0 check "$BATS_TEST_TMPDIR/heavy.py"
  [[ $(checked "import time") =~ ^([0-9]+)\.([0-9]{3})\ s\ \(CPU\ time\ [0-9.]+\ s\)$ ]]
  ((10#${BASH_REMATCH[1]}${BASH_REMATCH[2]} >= 500))
  [[ $(checked memory) =~ ^([0-9]+)\.[0-9]\ MB\ \(Python\ and\ the\ application:\ ([0-9]+)\. ]]
  ((BASH_REMATCH[1] > 40 && BASH_REMATCH[2] >= 38))
}

@test "the report says whether the app can have an image" {
  export LEFT
  local -A why=([nothing]="can be made (--image, --freeze)"
    [thread]="cannot be made: the import has left a thread running*"
    [socket]="cannot be made: the import has left a socket open*"
    [shared]="cannot be made: the import has left memory that is shared*")
  for LEFT in "${!why[@]}"; do
    run -0 --separate-stderr check left_open:app
    # shellcheck disable=SC2053 # a pattern, but where images are impossible
    if [[ $(uname -m) == x86_64 && ! ${SANITIZED:-} ]]; then
      [[ $(checked image) == ${why[$LEFT]} ]]
    else
      equal "$(checked image)" "cannot be made: images need another machine or build"
    fi
  done
}

@test "the report names a virtual environment" {
  /usr/bin/python3 -m venv --without-pip "$BATS_TEST_TMPDIR/venv"
  run -0 check --venv="$BATS_TEST_TMPDIR/venv" hello:app
  equal "$(checked venv)" "$BATS_TEST_TMPDIR/venv"
  contains "$(checked interpreter)" "$BATS_TEST_TMPDIR/venv/bin/python3."
}

@test "an app that cannot be loaded gives the exit status and message of serving" {
  fails_to_load 70 "No module named 'missing'" missing:app
  fails_to_load 70 "not callable" hello:__name__
  fails_to_load 78 "is not an application" :app
  fails_to_load 78 "cannot enter '/nowhere'" --directory=/nowhere hello:app
  fails_to_load 78 "/nowhere" --venv=/nowhere hello:app
  echo 'def app(:' >"$BATS_TEST_TMPDIR/broken.py"
  fails_to_load 70 "SyntaxError" "$BATS_TEST_TMPDIR/broken.py"
  echo 'raise SystemExit(0)' >"$BATS_TEST_TMPDIR/exits.py"
  fails_to_load 70 "SystemExit" "$BATS_TEST_TMPDIR/exits.py"
}

@test "an import that ends the process is a failure" {
  echo 'import os; os._exit(0)' >"$BATS_TEST_TMPDIR/leaves.py"
  run -70 --separate-stderr check "$BATS_TEST_TMPDIR/leaves.py"
  equal "$output" ""
  contains "$stderr" "import process "
  contains "$stderr" "exited with status 0"
  echo 'import os, signal; os.kill(os.getpid(), signal.SIGKILL)' >"$BATS_TEST_TMPDIR/dies.py"
  run -70 --separate-stderr check "$BATS_TEST_TMPDIR/dies.py"
  equal "$output" ""
  contains "$stderr" "was killed by signal 9"
}

@test "an import that exits with its own status or execs another program is explained" {
  echo 'import os; os._exit(3)' >"$BATS_TEST_TMPDIR/leaves.py"
  run -70 --separate-stderr check "$BATS_TEST_TMPDIR/leaves.py"
  equal "$output" ""
  contains "$stderr" "import process "
  contains "$stderr" "exited with status 3"
  echo 'import os; os.execv("/bin/sh", ["sh", "-c", "exit 70"])' >"$BATS_TEST_TMPDIR/becomes.py"
  run -70 --separate-stderr check "$BATS_TEST_TMPDIR/becomes.py"
  contains "$stderr" "became the program 'sh' (exec), which exited with status 70"
}

@test "an import that closes the server's descriptors is reported" {
  run -70 --separate-stderr check closes_descriptors:app
  equal "$output" ""
  contains "$stderr" "cannot be served (exit status 70)" # standard error is among them
}

@test "an import that hangs is killed after --import-timeout, and its traceback is shown" {
  printf '%s\n' "import subprocess, sys, time" "def hangs_here():" \
    "    print(subprocess.Popen(['sleep', '3600']).pid, file=open('$BATS_TEST_TMPDIR/pid', 'w'))" \
    "    time.sleep(3600)" "hangs_here()" >"$BATS_TEST_TMPDIR/hangs.py"
  run -70 --separate-stderr check --import-timeout=2s "$BATS_TEST_TMPDIR/hangs.py"
  equal "$output" ""
  contains "$stderr" "--import-timeout"
  contains "$stderr" "hangs_here"
  eventually [ ! -e "/proc/$(<"$BATS_TEST_TMPDIR/pid")" ]
}

@test "an import that hangs in another process group is killed" {
  printf '%s\n' "import os, time" "os.setpgid(0, os.getpgid(os.getppid()))" "time.sleep(3600)" \
    >"$BATS_TEST_TMPDIR/moves.py"
  run -70 --separate-stderr timeout "$PATIENCE" "$PROGRAM" --check --import-timeout=1s \
    "$BATS_TEST_TMPDIR/moves.py"
  contains "$stderr" "--import-timeout"
}

@test "the app has the signal mask of the caller" {
  local mask
  cat >"$BATS_TEST_TMPDIR/tells.py" <<'END'
import signal, sys

print(*map(int, signal.pthread_sigmask(signal.SIG_BLOCK, [])), file=sys.stderr)


def application(environ, start_response):
    pass
END
  for mask in "" 10; do
    run -0 --separate-stderr /usr/bin/python3 -c '
import os, signal, sys
signal.pthread_sigmask(signal.SIG_SETMASK, eval(sys.argv[1]))
os.execv(sys.argv[2], sys.argv[2:])' "[$mask]" "$PROGRAM" --check "$BATS_TEST_TMPDIR/tells.py"
    equal "$stderr" "$mask"
  done
}

@test "the caller may have SIGCHLD ignored" {
  run -70 --separate-stderr /usr/bin/python3 -c '
import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.execv(sys.argv[1], sys.argv[1:])' "$PROGRAM" --check --import-timeout=20s missing:app
  contains "$stderr" "No module named 'missing'"
  [[ $stderr != *"exited with status"* ]]
}

@test "the app has no input, as under systemd" {
  printf '%s\n' "print('read', repr(open(0, closefd=False).read()))" "from hello import app" \
    >"$BATS_TEST_TMPDIR/reads.py"
  run -0 --separate-stderr "$PROGRAM" --check --python-path="$APPS" "$BATS_TEST_TMPDIR/reads.py" \
    <<<"for the shell"
  contains "$stderr" "read ''"
}

@test "output of the app goes to standard error, as when serving" {
  printf '%s\n' "import os" "print('printed')" "os.write(1, b'written\n')" \
    "os.system('echo told')" "from hello import app" >"$BATS_TEST_TMPDIR/prints.py"
  run -0 --separate-stderr check "$BATS_TEST_TMPDIR/prints.py"
  [[ $output != *printed* && $output != *written* && $output != *told* ]]
  contains "$stderr" printed
  contains "$stderr" written
  contains "$stderr" told
}

@test "--warm-up is performed, and its errors are reported" {
  run -0 --separate-stderr check --warm-up=/ hello:app
  equal "$(checked warm-up)" /
  equal "$stderr" ""
  printf '%s\n' "def app(environ, start_response):" "    raise RuntimeError('cold')" \
    >"$BATS_TEST_TMPDIR/cold.py"
  run -0 --separate-stderr check --warm-up=/ "$BATS_TEST_TMPDIR/cold.py"
  contains "$stderr" "RuntimeError: cold"
  contains "$stderr" "--warm-up=/: answered with an error (5xx)"
}

@test "threads that forked workers would lack are reported as by a server" {
  [[ -z ${SANITIZED:-} ]] || export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0
  run -0 --separate-stderr check thread_at_import:app
  contains "$stderr" "--import=worker"
  run -0 --separate-stderr check --import=worker thread_at_import:app
  equal "$stderr" ""
}

@test "the service manager is not notified, and no socket is needed" {
  "$TESTS/notified" "$BATS_TEST_TMPDIR/mailbox" "$BATS_TEST_TMPDIR/messages" 3>&- 4>&- &
  local notified=$!
  eventually test -S "$BATS_TEST_TMPDIR/mailbox"
  NOTIFY_SOCKET=$BATS_TEST_TMPDIR/mailbox run -0 check hello:app
  "$TESTS/notified" "$BATS_TEST_TMPDIR/mailbox" # sends MARK=
  eventually grep -q MARK= "$BATS_TEST_TMPDIR/messages"
  kill "$notified"
  equal "$(grep -vx -e MARK= -e '' "$BATS_TEST_TMPDIR/messages")" ""
}

@test "a report that cannot be printed is an error" {
  run -74 --separate-stderr bash -c '"$@" >/dev/full' bash "$PROGRAM" --check \
    --python-path="$APPS" hello:app
  contains "$stderr" "cannot write to standard output"
}

# report_of SIZE: runs --check with an entry of sys.path of that many characters.
report_of() {
  PAD=$1 check "$BATS_TEST_TMPDIR/pads.py"
}

# Output that exceeds the buffer of standard output is written at once; if it fills the buffer
# exactly, nothing is left to flush at the end. The figures in the report vary by a digit.
@test "a report that cannot be printed is an error, whatever its size" {
  printf '%s\n' "import os, sys" "sys.path.append('/' + 'x' * int(os.environ['PAD']))" \
    "from hello import app" >"$BATS_TEST_TMPDIR/pads.py"
  local size status
  size=$(report_of 1000 | wc -c)
  for ((size = 1000 + 4096 - size - 2, last = size + 4; size <= last; size++)); do
    status=0
    report_of "$size" >/dev/full 2>"$BATS_TEST_TMPDIR/said" || status=$?
    equal "$status" 74
    contains "$(<"$BATS_TEST_TMPDIR/said")" "cannot write to standard output"
  done
}

@test "an import by a worker that closes the descriptor of the report is an error" {
  printf '%s\n' "import os" "os.closerange(3, 100)" "from hello import app" \
    >"$BATS_TEST_TMPDIR/closes.py"
  run -71 --separate-stderr check --import=worker "$BATS_TEST_TMPDIR/closes.py"
  contains "$stderr" "cannot write the report: Bad file descriptor"
}

@test "--check is no key of an app's file" {
  mkdir "$BATS_TEST_TMPDIR/conf"
  printf '%s\n' "[App]" "Application=hello:app" "Check=yes" >"$BATS_TEST_TMPDIR/conf/x.conf"
  run ! "${PROGRAM}-generator" --dry-run "$BATS_TEST_TMPDIR/conf/x.conf"
  contains "$output" "Check"
}

# ---- bytecode ----

# An app that imports modules from a directory whose name needs quoting. Nothing is compiled yet,
# and Python must not write bytecode, as in the sandbox of a service.
make_site() {
  SITE="$BATS_TEST_TMPDIR/it's a site"
  mkdir "$SITE"
  : >"$SITE/other.py"
  echo 'import sys' >"$SITE/shop.py"
  printf '%s\n' 'import other, shop' 'app = lambda environ, start_response: []' >"$SITE/store.py"
  touch --date=2001-01-01 "$SITE"/*.py
}

compile() {
  /usr/bin/python3 -m compileall -q "$@" "$SITE"
}

# bytecode_is TEXT: the report contains this about bytecode, before the command; "" for nothing.
bytecode_is() {
  run -0 --separate-stderr "$PROGRAM" --check "$SITE/store.py" </dev/null
  equal "$stderr" ""
  local counts
  counts=$(checked bytecode | sed -E 's/ of [0-9]+ modules, which are compiled at each start;$//')
  equal "$counts" "$1"
}

# Runs the printed command and checks that it fixes the bytecode.
command_mends() {
  bash -c "$(printed_command)"
  bytecode_is ""
}

@test "modules compiled at each start are reported, with a command that fixes it" {
  make_site
  bytecode_is "missing for 3 and stale for 0"
  command_mends
  # As after cp -r: the sources are newer.
  touch --date=2001-01-02 "$SITE/other.py" "$SITE/shop.py"
  rm "$SITE"/__pycache__/store.*
  bytecode_is "missing for 1 and stale for 2"
  command_mends
}

@test "bytecode that compileall takes for current is fixed" {
  make_site
  compile
  local file
  file=$(echo "$SITE"/__pycache__/shop.*)
  echo '# one more line' >>"$SITE/shop.py"
  touch --date=2001-01-01 "$SITE/shop.py"
  bytecode_is "missing for 0 and stale for 1"
  command_mends
  truncate --size=13 "$file"
  bytecode_is "missing for 0 and stale for 1"
  command_mends
}

@test "bytecode of another Python version is stale" {
  make_site
  compile
  printf 'x' | dd of="$(echo "$SITE"/__pycache__/shop.*)" conv=notrunc status=none
  bytecode_is "missing for 0 and stale for 1"
  command_mends
}

@test "hash-based bytecode is stale if Python checks the hash and it differs" {
  make_site
  compile --invalidation-mode=checked-hash
  touch "$SITE/shop.py"
  bytecode_is ""
  echo '# one more line' >>"$SITE/shop.py"
  bytecode_is "missing for 0 and stale for 1"
  command_mends
  rm -r "$SITE/__pycache__"
  compile --invalidation-mode=unchecked-hash
  echo '# and one more' >>"$SITE/shop.py"
  bytecode_is ""
}

@test "modules without source, in a ZIP file, not yet loaded, or of another loader do not count" {
  make_site
  cat >"$SITE/store.py" <<'END_OF_SITE'
import importlib.machinery
import importlib.util
import sys
import zipfile


class Loader(importlib.machinery.SourceFileLoader):
    pass


with zipfile.ZipFile(sys.path[0] + "/library.zip", "w") as file:
    file.writestr("zipped.py", "")
sys.path.append(sys.path[0] + "/library.zip")
import sourceless, zipped
spec = importlib.util.find_spec("other")
spec.loader = importlib.util.LazyLoader(spec.loader)
sys.modules["other"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["other"])
path = sys.path[0] + "/shop.py"
spec = importlib.util.spec_from_file_location("shop", path, loader=Loader("shop", path))
sys.modules["shop"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["shop"])
app = lambda environ, start_response: []
END_OF_SITE
  : >"$SITE/sourceless.py"
  compile -b
  rm "$SITE/sourceless.py" "$SITE"/{store,shop,other}.pyc
  run -0 "$PROGRAM" --check "$SITE/store.py"
  [[ $(checked bytecode) == "missing for 1 and stale for 0 of "* ]]
  command_mends
}

@test "the command includes the environment's settings for bytecode" {
  make_site
  compile
  export PYTHONOPTIMIZE=2 PYTHONPYCACHEPREFIX="$BATS_TEST_TMPDIR/a cache"
  run -0 "$PROGRAM" --check "$SITE/store.py"
  local command quoted="'$BATS_TEST_TMPDIR/it'\\''s a site'"
  command=$(printed_command)
  contains "$command" "python3"
  contains "$command" " -OO -X 'pycache_prefix=$BATS_TEST_TMPDIR/a cache' -m compileall -q "
  contains "$command" "$quoted"
  # It compiles the standard library as well, which the test leaves out.
  command="${command%% -q *} -q $quoted"
  env -u PYTHONOPTIMIZE -u PYTHONPYCACHEPREFIX bash -c "$command"
  run -0 "$PROGRAM" --check "$SITE/store.py"
  [[ $output != *"$quoted"* ]]
}
