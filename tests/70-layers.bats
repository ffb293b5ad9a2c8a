#!/usr/bin/env bats
# ways: source
#
# The rules of the house, checked from the code itself. Each one keeps something possible: reading a
# file without knowing those above it, testing the parsers without a socket, calling what can run in
# a signal handler or before the interpreter by what it is.

load helpers

# The objects are compiled anew, as plain as can be: sanitizers add symbols of their own, and
# position-independent code keeps constant tables of pointers among the data that can be written.
setup_file() {
  cd "$BATS_TEST_DIRNAME/.." || return
  export OBJECTS=$BATS_FILE_TMPDIR/objects
  local objects=(src/*.c src/*/*.c)
  objects=("${objects[@]/#/"$OBJECTS/"}")
  env -u MAKEFLAGS -u MAKELEVEL make --silent BUILD="$OBJECTS" CPPFLAGS= CFLAGS="-O1 -fno-pie" \
    "${objects[@]/%.c/.o}"
}

setup() {
  cd "$BATS_TEST_DIRNAME/../src" || return
  local libraries
  libraries=$(pkg-config --cflags libsystemd python3-embed)
  read -ra CC <<<"${CC:-cc} -std=gnu17 -D_GNU_SOURCE -I. $libraries"
}

teardown() {
  :
}

# including WHAT: the files with an #include of what matches.
including() {
  grep -rlE --include='*.[ch]' "^ *# *include *$1" . | sed 's|^\./||' | sort
}

# includes: a line "FILE INCLUDED" for each #include of one of ours.
includes() {
  grep -roE --include='*.[ch]' '^ *# *include *"[^"]+"' . |
    sed -E 's|^\./([^:]*):.*"(.*)"|\1 \2|' | sort
}

# symbols LETTERS: a line "OBJECT SYMBOL" for each symbol that nm(1) gives one of the letters.
symbols() {
  local object
  while read -r object; do
    nm "$object" | sed -nE "s|^.* [$1] (.*)|${object#"$OBJECTS/src/"} \1|p"
  done < <(find "$OBJECTS/src" -name '*.o' | sort)
}

# only ALLOWED: standard input has no line that does not match, and at least one that does.
only() {
  local found
  found=$(cat)
  [[ -n $found ]] || equal "nothing" "some to check"
  equal "$(grep -vxE "$1" <<<"$found")" ""
}

# The floors, from the top down: a file uses its own folder and those below it.
FLOORS=(main completion generator check version server worker wsgi log net systemd options proxy
  http base)

# floor FILE: the number of its floor, 0 at the top.
floor() {
  local folder=${1%%/*} i
  folder=${folder%.[ch]}
  for i in "${!FLOORS[@]}"; do
    [[ ${FLOORS[i]} != "$folder" ]] || { echo "$i" && return; }
  done
  equal "$1" "a file with a floor, see FLOORS" >&2
}

@test "includes go downward" {
  # Whoever reads a floor needs to know nothing of those above it.
  local checked=0 file included
  while read -r file included; do
    (($(floor "$included") >= $(floor "$file"))) ||
      equal "$file includes $included" "only its own folder and those below"
    checked=$((checked + 1))
  done < <(includes)
  ((checked > 50))
}

@test "no two modules need each other" {
  # Else neither can be understood, or tested, first. tsort(1) fails when there is a circle.
  includes | sed -E 's/\.[ch]( |$)/\1/g' | tsort >/dev/null
}

@test "<Python.h> is included in wsgi/ only" {
  # Who does not see Python's types cannot forget a reference, the GIL or an exception.
  including '<Python\.h>' | only 'wsgi/.*'
}

@test "nothing outside wsgi/ sees <Python.h>, not through another header either" {
  local file
  for file in *.c {http,log,net,options,proxy,server,systemd,worker}/*.c; do
    run -0 "${CC[@]}" -DVERSION= -M "$file"
    [[ $output != */Python.h* ]] || equal "$file" "free of <Python.h>"
  done
  # the control
  run -0 "${CC[@]}" -M wsgi/gateway.c
  contains "$output" "/Python.h"
}

@test "the public headers of wsgi/ are free of Python's types" {
  local header
  for header in python.h application.h gateway.h bytecode.h observe.h; do
    run -0 "${CC[@]}" -M "wsgi/$header"
    [[ $output != */Python.h* ]] || equal "wsgi/$header" "free of <Python.h>"
  done
  # The others are internal to the folder.
  includes | grep ' wsgi/' | grep -v '^wsgi/' |
    only '((server|worker)/)?[a-z_]+\.c wsgi/(python|application|gateway|bytecode|observe)\.h'
}

@test "<systemd/...> is included where systemd is spoken to only" {
  # The rest does not care who handed over the socket and who takes the log.
  including '<systemd/' | only 'systemd/(activation|notify)\.c'
}

@test "http/ is pure: bytes in, structs out" {
  # No I/O, no memory of its own, no clock, no locale: so that it can be tested as a table, fuzzed,
  # and called in a signal handler. What is left are mem* and str* (those that neither allocate nor
  # ask the locale), inet_pton, which does neither, each other, and what compilers insert.
  symbols 'U' | sed -n 's|^http/.*\.o ||p' | sort -u >"$BATS_TEST_TMPDIR/used"
  symbols 'TtRrVW' | sed -n 's|^http/.*\.o ||p' >"$BATS_TEST_TMPDIR/own"
  grep -qx memchr "$BATS_TEST_TMPDIR/used"
  local plain='(mem|str)[a-z]+|inet_pton' helpers='__stack_chk_fail|__(mem|str)[a-z]+_chk'
  grep -vxFf "$BATS_TEST_TMPDIR/own" "$BATS_TEST_TMPDIR/used" | only "$plain|$helpers"
  run -1 grep -xE 'strn?dup|strerror.*|strsignal|strtok|str.*coll.*|strxfrm|strfry|memfrob' \
    "$BATS_TEST_TMPDIR/used"
  run -1 grep -xE 'str(case|ncase|to|ftime|ptime).*' "$BATS_TEST_TMPDIR/used"
}

@test "every header is complete in itself and is read once" {
  # A file includes what it uses, in any order.
  local header checked=0
  while read -r header; do
    equal "$(head --lines=1 "$header")" "#pragma once"
    printf '#include "%s"\n' "$header" | "${CC[@]}" -Wall -Wextra -Werror -fsyntax-only -x c -
    checked=$((checked + 1))
  done < <(find . -name '*.h' -printf '%P\n' | sort)
  ((checked > 15))
}

@test "every .c file begins with its own header, so that it is known to be complete" {
  local file
  for file in *.c */*.c; do
    [[ -f ${file%.c}.h ]] || continue
    equal "$(grep --max-count=1 '^#include' "$file")" "#include \"${file%.c}.h\""
  done
}

@test "no function is defined twice" {
  # A name in a backtrace, or found by grep(1), is that of one place.
  local definition='[a-z_][a-z_ *]*[ *]([a-z_0-9]+)\([^;]*$' names
  # of a file only one counts, because it may have one for each version of Python
  names=$(grep -oE --include='*.c' -r "^$definition" . | sed -E "s/:$definition/ \1/" | sort -u |
    sed 's/.* //' | sort)
  (($(wc -l <<<"$names") > 500))
  equal "$(uniq --repeated <<<"$names")" "main"
}

@test "messages are written by main, check, server, worker, access and gateway" {
  # The layers below return what went wrong: their caller knows whether it is worth a line.
  local servers='server/(failure|import|leftovers|reloader|server|spares?|status|template|'
  servers+='template_process|templates|workers)'
  local writers="main|check|$servers|worker/worker|log/access|wsgi/gateway"
  local sending='log_(line|event|to_[a-z]+)'
  including '"log/log\.h"' | only "(log/log|$writers)\.c|log/access\.h"
  symbols 'U' | grep -E " $sending\$" | only "($writers)\.o $sending"
}

@test "nobody else writes to the standard streams" {
  # write(2): log/standard_error.c, and the signal handler of worker/request_timer.c. printf: --help, --version and
  # --check; fork_safety.c composes its text in memory. The generator is a program of its own, which
  # writes files, and reports to standard error or the kernel's log; so is the one that the shells'
  # completions come from.
  local writers='v?f?printf|v?dprintf|f?puts|f?putc|putchar|fwrite|perror|stderr|stdout'
  symbols 'U' | grep -E " ($writers|__v?[fd]?printf_chk)$" | sed 's/ .*//' | sort -u |
    only '(main|check|options/help|version|server/fork_safety|generator/.*|completion/.*)\.o'
  symbols 'U' | grep -E ' (write|writev)$' |
    only '(log/standard_error|worker/request_timer|generator/diagnostics)\.o write'
}

@test "exit() is for main, _exit() for the end of a worker" {
  # There is one place where a process ends, and one where its exit status is decided. That of
  # request_timer.c is the end of a process that cannot be asked any more. That of wsgi/child.c is for a
  # child that the app has forked and that came back: it is no worker, and must not become a second
  # one. That of import.c is for the client of the warm-up.
  # "some to check": main may return instead of calling exit().
  { symbols 'U' && echo "main.o exit"; } |
    grep -E ' (exit|quick_exit|abort|errx?|verrx?|error|Py_Exit|Py_Finalize.*|Py_FatalError)$' |
    only 'main\.o exit'
  symbols 'U' | grep -E ' _[eE]xit$' | only '(worker/process_exit|worker/request_timer|server/import|wsgi/child)\.o _exit'
}

@test "the socket is systemd's: nothing can bind, listen, unlink or change modes" {
  local owning='bind|listen|unlink(at)?|rmdir|remove|rename.*|f?chmod(at)?|[fl]?chown.*'
  run -1 grep -E "^[^ ]* ($owning)$" <(symbols 'U' | grep -v '^generator/')
  # the control
  symbols 'U' | grep -qE '^systemd/activation\.o accept4?$'
}

@test "there is no state that changes but what a signal handler needs" {
  # Globals make a function depend on what ran before. All that can be written is named here, with
  # its reason.
  local allowed=(
    # the deadline of the request: what on_deadline needs to answer 504
    'worker/request_timer\.o request_timer'
    # what the handler of pthread_atfork(3), which has no parameter, closes
    'net/conn\.o closed_on_fork'
    # where messages go, and what all of a process have in common: whoever logs should not need to
    # be handed that, down to the gateway
    'log/log\.o logger'
    # the socket on which records are under way, for the same reason
    'systemd/journal\.o journal'
    # whether standard error took nothing the last time, likewise
    'log/standard_error\.o is_stuck'
    # with which status a process that is ending will have ended
    'worker/process_exit\.o exit_status'
    # whose end it is when a library calls exit(3)
    'server/spare\.o exiting'
    # which process ignores the signals that are sent to a whole unit
    'worker/signals\.o ignoring_process'
    # where on_child says that it was called
    'server/template_process\.o children_event'
    # never written, but full of pointers: the generator's table of long options
    'generator/generator\.o options\.[0-9]+'
    # never written, but Python's API asks for pointers without const: the parts of a heap type,
    # the names of keyword arguments, the interpreter's argv
    'wsgi/[a-z_]+\.o (methods|slots|spec|members|getters)'
    'wsgi/app_file\.o (attributes|definition|exec_module|functions|get_code|slots)\.[0-9]+'
    'wsgi/[a-z_]+\.o names\.[0-9]+'
    'wsgi/python\.o argv\.[0-9]+'
  )
  symbols 'BbDdCGgSs' | only "$(IFS='|' && echo "${allowed[*]}")"
}
