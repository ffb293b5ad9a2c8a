#!/usr/bin/env bats
# ways: source
# lasts: 80 s

# Linters on the sources. Compiler warnings are part of the build.

load helpers
load compiler

cd "$BATS_TEST_DIRNAME/.." || exit

# project_files REGEX: prints matching files of the repository, or of an unpacked release.
project_files() {
  if [[ -e .git ]]; then
    git ls-files
  else
    find . -path ./build -prune -o -type f -printf '%P\n'
  fi | grep -E -e "$1"
}

@test "clang-format changes nothing" {
  mapfile -t files < <(project_files '\.[ch]$')
  clang-format --dry-run --Werror "${files[@]}"
}

@test "clang-tidy reports nothing, in its quick checks" {
  mapfile -t flags < <(compiler_flags)
  printf '%s\0' src/*.c src/*/*.c | xargs -0 -P "$(nproc)" -I FILE \
    clang-tidy --quiet --checks='-clang-analyzer-*' FILE -- "${flags[@]}"
}

# missingReturn: cppcheck does not know that Py_RETURN_NONE returns. unreachableCode: raise(3) may
# return. const*: a const PyObject cannot be passed on, nor an object with a cleanup. memleak: some
# versions do not know the cleanup attribute (and the sanitizers find leaks). CastInteger*: a
# function that returns a struct template is not known to, because template is a word of C++.
@test "cppcheck reports nothing" {
  mapfile -t flags < <(compiler_flags | grep -E '^-[DI]')
  cppcheck --quiet --error-exitcode=1 --enable=warning,style,performance,portability \
    --inline-suppr --std=c11 -D__x86_64__ '-D__VERSION__=""' --suppress=missingInclude \
    --suppress=missingReturn --suppress=unreachableCode --suppress=constParameter \
    --suppress=constParameterPointer --suppress=constVariablePointer --suppress=memleak \
    --suppress=CastIntegerToAddressAtReturn \
    --suppress='*:/usr/include/*' --suppress=normalCheckLevelMaxBranches \
    "${flags[@]}" src
}

@test "pyflakes reports nothing, and Python 3.9 can parse the sources" {
  mapfile -t files < <(project_files '^(src|tests/unit)/.*\.py$')
  ((${#files[@]} > 0))
  python3 -m pyflakes "${files[@]}"
  python3 -c '
import ast, sys
for name in sys.argv[1:]:
    ast.parse(open(name).read(), name, feature_version=(3, 9))' "${files[@]}"
}

@test "shellcheck finds nothing" {
  local files scripts
  mapfile -t files < <(project_files '')
  mapfile -t scripts < <(
    grep -IlE -m 1 -e '^#!.*[ /](ba)?sh( -e)?$' -e '^#!/usr/bin/env bats$' \
      -e '^# shellcheck shell=' "${files[@]}"
  )
  ((${#scripts[@]} > 50))
  shellcheck --external-sources "${scripts[@]}"
}

# ids FILE PATTERN: prints the group in brackets of each matching line.
ids() {
  sed -nE "s/^$2\$/\1/p" "$1" | sort
}

@test "the catalog explains every MESSAGE_ID once, and no others" {
  run -0 ids src/log/message_ids.h '#define MESSAGE_ID_[A-Z_]+ "([0-9a-f]{32})"'
  ((${#lines[@]} >= 8))
  equal "$(grep -c '^#define' src/log/message_ids.h)" "${#lines[@]}"
  equal "$(ids systemd/wsgi-once.catalog '-- ([0-9a-f]{32})')" "$output"
  equal "$(uniq <<<"$output")" "$output"
}

@test "every MESSAGE_ID is used" {
  local name
  while read -r name; do
    grep -qw --include='*.c' -r "$name" src || equal "$name" "used"
  done < <(ids src/log/message_ids.h '#define (MESSAGE_ID_[A-Z_]+) .*')
}

@test "journalctl accepts the catalog" {
  local root=$BATS_TEST_TMPDIR/root
  mkdir -p "$root/usr/lib/systemd/catalog"
  cp systemd/wsgi-once.catalog "$root/usr/lib/systemd/catalog"
  run -0 journalctl --update-catalog --root "$root"
  equal "$output" "" # it would report entries that it skips
  run -0 journalctl --list-catalog --root "$root"
  equal "$(cut -d' ' -f1,2 <<<"$output")" \
    "$(ids systemd/wsgi-once.catalog '-- ([0-9a-f]{32})' | sed 's/$/ wsgi-once:/')"
}

@test "the fields in the catalog are documented" {
  local field
  while read -r field; do
    grep -qw "$field" src/wsgi-once.8 || [[ $field == _PID ]] || equal "$field" "in the manual"
  done < <(grep -oE '@[A-Z_]+@' systemd/wsgi-once.catalog | tr -d @ | sort -u)
}

@test "mandoc reports nothing about the manual pages" {
  # Other pages need not be installed here.
  run mandoc -Tlint src/*.[578]
  equal "$(grep -vE 'outdated mandoc.db|referenced manual not found' <<<"$output")" ""
  run -0 mandoc -Tutf8 src/*.[578]
  contains "$output" "serve WSGI requests, one process each"
}

@test "no line has more than 100 characters or trailing white space" {
  # Except for data on the wire, and results of measurements.
  local files
  mapfile -t files < <(project_files '' | grep -vE '^tests/(fuzz/|bench/results/|2[0-9]-.*\.bats$)')
  LC_ALL=C.UTF-8 run grep -InE -e '^.{101,}$' -e '[[:space:]]+$' "${files[@]}"
  equal "$output" ""
}

# Words that engineers do not expect, and what they expect instead. Each stood here once.
WORDS=(
  'anew: again' 'dear(er|est)?: expensive' 'bur(y|ied|ies): reap' 'doom(s|ed)?: kill'
  'departures?: exit' 'guests?: client' 'desks?: development' 'excus(e|es|ed|ing): answer 500'
  '(go|goes|went|going) on: continue' '(nobody|somebody|who) asks: no request arrives'
  'behind (its?|them|the (head|header|content|answer|end)): after'
  'that (is|are) none: invalid' 'in earnest: really' '(hears?|heard) (out|of): read, learn'
  'look(s|ed)? after: track' 'blam(e|ed|es): report' 'at hand: available'
  'who (connects|logs|reads|waits|comes|calls|installs): the client, the caller'
  'whoever: a client, the caller, anyone who'
)

@test "the words are the usual ones" {
  local files word found
  mapfile -t files < <(project_files '' |
    grep -vE '^(LICENSE|tests/(fuzz/corpus|bench/results)/.*|tests/80-lint\.bats)$')
  for word in "${WORDS[@]}"; do
    found=$(grep -InPi "\b${word%%: *}\b" "${files[@]}") || continue
    equal "$found" "other words: ${word##*: }"
  done
}
