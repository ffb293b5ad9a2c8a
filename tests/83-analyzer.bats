#!/usr/bin/env bats
# ways: analyzer
# lasts: 90 s

# The static analyzer of clang, which takes much longer than all of 80-lint.

load helpers
load compiler

cd "$BATS_TEST_DIRNAME/.." || exit

@test "clang-tidy reports nothing, in all of its checks" {
  mapfile -t flags < <(compiler_flags)
  printf '%s\0' src/*.c src/*/*.c |
    xargs -0 -P "$(nproc)" -I FILE clang-tidy --quiet FILE -- "${flags[@]}"
}
