#!/usr/bin/env bats
# ways: source

# What the tools say of the sources. The warnings of the compilers are in the build itself.

load helpers

cd "$BATS_TEST_DIRNAME/.." || exit

definitions() {
  printf '%s\n' -std=gnu17 -D_GNU_SOURCE '-DVERSION="0"' '-DPYTHON_PREFIX="/usr"' \
    '-DPYTHON_EXECUTABLE="/usr/bin/python3"' '-DPROGRAM_PATH="/usr/bin/wsgi-once"' \
    '-DLEAN_PATH="/usr/share/wsgi-once/lean.conf"' -Isrc -Itests/unit
  pkg-config --cflags python3-embed libsystemd | tr ' ' '\n' | sed -n 's/^-I/-isystem/p'
}

@test "clang-format lays out the sources as they are" {
  mapfile -t files < <(git ls-files '*.c' '*.h')
  clang-format --dry-run --Werror "${files[@]}"
}

@test "clang-tidy finds nothing" {
  mapfile -t flags < <(definitions)
  clang-tidy --quiet src/*.c src/*/*.c -- "${flags[@]}"
}

# missingReturn: Py_RETURN_NONE is not known to return; unreachableCode: raise(3) may return;
# constParameter: a const PyObject cannot be passed on.
@test "cppcheck finds nothing" {
  mapfile -t flags < <(definitions | grep -E '^-[DI]')
  cppcheck --quiet --error-exitcode=1 --enable=warning,style,performance,portability \
    --inline-suppr --std=c11 -D__x86_64__ --suppress=missingInclude --suppress=missingReturn \
    --suppress=unreachableCode --suppress=constParameter --suppress='*:/usr/include/*' \
    "${flags[@]}" src
}

@test "shellcheck finds nothing" {
  mapfile -t files < <(git ls-files '*.bats' '*.bash' '.ci/*' 'packaging/install-*' tests/run \
    tests/as-user tests/suites tests/with-systemd)
  shellcheck --external-sources "${files[@]}"
}

@test "mandoc finds nothing in the manual pages" {
  # Whether other pages are installed here is not the page's affair.
  run mandoc -Tlint src/*.[58]
  equal "$(grep -vE 'outdated mandoc.db|referenced manual not found' <<<"$output")" ""
  run -0 mandoc -Tutf8 src/*.8
  contains "$output" "serve WSGI requests, one process each"
}

@test "no line is longer than 100 characters, and none ends with white space" {
  # But for what is said on the wire.
  local long='^.{101,}$' blank='[[:space:]]+$'
  LC_ALL=C.UTF-8 run git grep -nE -e "$long" -e "$blank" -- . ':!tests/fuzz' ':!tests/2?-*.bats'
  equal "$output" ""
}
