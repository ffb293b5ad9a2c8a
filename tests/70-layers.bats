#!/usr/bin/env bats
# ways: source
#
# The architectural rules, checked from the code itself. Each rule preserves a property: a file can
# be read without those above it, the parsers can be tested without a socket, and what runs in a
# signal handler or before the interpreter is known.

load helpers

# Compiles the objects without sanitizers, which add symbols, and without position-independent code,
# which puts constant tables of pointers into writable data.
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
FLOORS=(main quick program completion generator check frozen version server worker wsgi log net
  systemd options proxy http image base)

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
  # A reader of a floor does not need to know those above it.
  local checked=0 file included
  while read -r file included; do
    (($(floor "$included") >= $(floor "$file"))) ||
      equal "$file includes $included" "only its own folder and those below"
    checked=$((checked + 1))
  done < <(includes)
  ((checked > 50))
}

@test "no two modules need each other" {
  # Otherwise neither could be understood, or tested, first. tsort(1) fails if there is a cycle.
  includes | sed -E 's/\.[ch]( |$)/\1/g' | tsort >/dev/null
}

@test "<Python.h> is included in wsgi/ only" {
  # Code that does not see Python's types cannot forget a reference, the GIL or an exception.
  including '<Python\.h>' | only 'wsgi/.*'
}

@test "nothing outside wsgi/ includes <Python.h> through another header" {
  local file
  for file in *.c {frozen,http,image,log,net,options,proxy,server,systemd,worker}/*.c; do
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
  local headers='(python|application|gateway|bytecode|observe)'
  includes | grep ' wsgi/' | grep -v '^wsgi/' |
    only "((frozen|server|worker)/)?[a-z_]+\.c wsgi/$headers\.h"
}

@test "<systemd/...> is included in systemd/ only" {
  # The rest does not depend on who passes the socket and who receives the log.
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

@test "whether an image fits is found out without memory of its own" {
  # It stands between a request and its answer, in a program that links nothing but the C library.
  local files='image/(dependencies|identity|circumstances)\.o' allocating
  allocating='([cm]|re)alloc(array)?|free|v?asprintf|strn?dup|opendir|fdopendir|scandir|f(d)?open'
  run -1 grep -E "^$files ($allocating|Py.*|_Py.*|sd_.*)$" <(symbols 'U')
  # the control
  symbols 'U' | grep -E "^$files " | grep -q 'dependencies\.o identity_get$'
  symbols 'U' | grep -qE '^image/recorder\.o realloc$'
}

@test "every header is complete in itself and is read once" {
  # A file can include the headers that it uses in any order.
  local header checked=0
  while read -r header; do
    equal "$(head --lines=1 "$header")" "#pragma once"
    printf '#include "%s"\n' "$header" | "${CC[@]}" -Wall -Wextra -Werror -fsyntax-only -x c -
    checked=$((checked + 1))
  done < <(find . -name '*.h' -printf '%P\n' | sort)
  ((checked > 15))
}

@test "every .c file includes its own header first, which shows that it is complete" {
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

@test "messages are written by program, check, frozen, server, worker, access and gateway" {
  # The layers below return errors: their caller knows whether to log them.
  local servers='server/(failure|import|leftovers|reloader|server|spares?|status|template|'
  servers+='template_process|templates|workers)'
  local writers="program|check|frozen/fr(eezing|ozen)|$servers|worker/worker|log/access"
  writers+="|wsgi/gateway"
  local sending='log_(line|event|to_[a-z]+)'
  including '"log/log\.h"' | only "(log/log|$writers)\.c|log/access\.h"
  symbols 'U' | grep -E " $sending\$" | only "($writers)\.o $sending"
}

@test "nothing else writes to the standard streams" {
  # write(2) is for log/standard_error.c, and the signal handler of request_timer.c. printf is for
  # --help, --version, --check and --freeze; fork_safety.c formats its text in memory. The generator
  # and the program that prints completions are separate programs.
  local printing='v?f?printf|v?dprintf|f?puts|f?putc|putchar|fwrite|perror|stderr|stdout'
  local printers='main|program|check|frozen/frozen|options/help|version|server/fork_safety'
  symbols 'U' | grep -E " ($printing|__v?[fd]?printf_chk)$" | sed 's/ .*//' | sort -u |
    only "($printers|generator/.*|completion/.*)\.o"
  symbols 'U' | grep -E ' (write|writev)$' |
    only '(log/standard_error|worker/request_timer|generator/diagnostics)\.o write'
}

@test "exit() is for main, _exit() for the end of a worker" {
  # A process ends in one place, and its exit status is decided in one. Exceptions: request_timer.c
  # ends a process that hangs; wsgi/child.c ends a child that the app has forked and that returned
  # into the program: it must not become a second worker; in import.c it is the client of the
  # warm-up; in image/watch.c it is a child that imports only to be watched, in check.c one
  # that only its fork is for. The echo is for `only`, because main may return instead of calling
  # exit().
  { symbols 'U' && echo "main.o exit"; } |
    grep -E ' (exit|quick_exit|abort|errx?|verrx?|error|Py_Exit|Py_Finalize.*|Py_FatalError)$' |
    only 'main\.o exit'
  symbols 'U' | grep -E ' _[eE]xit$' |
    only '(worker/(process_exit|request_timer)|server/import|wsgi/child|image/watch|check)\.o _exit'
}

@test "the socket is systemd's: nothing can bind, listen, unlink or change modes" {
  # image/new_file.c replaces an image with a new one.
  local owning='bind|listen|unlink(at)?|rmdir|remove|rename.*|f?chmod(at)?|[fl]?chown.*'
  run -1 grep -E "^[^ ]* ($owning)$" <(
    symbols 'U' | grep -v -e '^generator/' -e '^image/new_file\.o \(rename\|unlink\)$'
  )
  # the control
  symbols 'U' | grep -qE '^systemd/activation\.o accept4?$'
}

@test "there is no global state except what is listed here" {
  # Global variables make a function depend on what ran before. The list gives the reason of each.
  local allowed=(
    # the deadline of the request: what on_deadline needs to answer 504
    'worker/request_timer\.o request_timer'
    # what the handler of pthread_atfork(3), which has no parameter, closes
    'net/conn\.o closed_on_fork'
    # what another such handler counts
    'image/obstacles\.o threads'
    # where messages go, and the fields that all records of a process have: code that logs should
    # not need a parameter for that, down to the gateway
    'log/log\.o logger'
    # what the allocator of Python, which has no parameter for it, has mapped
    'image/arenas\.o arenas'
    # the socket to the journal, for the same reason
    'systemd/journal\.o journal'
    # whether standard error accepted nothing the last time, for the same reason
    'log/standard_error\.o is_stuck'
    # the exit status that process_exit_soon was called with
    'worker/process_exit\.o exit_status'
    # the report of this process, for a library that calls exit(3)
    'server/spare\.o exiting'
    # which process ignores the signals that are sent to a whole unit
    'worker/signals\.o ignoring_process'
    # the eventfd that the handler of SIGCHLD writes to
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
