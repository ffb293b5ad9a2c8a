#!/usr/bin/env bats
# ways: source
#
# Images are for x86-64. For aarch64, everything that knows the processor compiles, and says that
# there are no images.

load helpers

CROSS=aarch64-linux-gnu-gcc

setup_file() {
  export OBJECTS=$BATS_FILE_TMPDIR/objects
  mkdir "$OBJECTS"
  local file
  for file in src/main.c src/quick.c src/{image,base}/*.c src/options/value.c \
    src/http/{syntax,target}.c src/worker/signals.c; do
    "$CROSS" -D_GNU_SOURCE -Isrc -std=gnu17 -Wall -Wextra -Wshadow -Wconversion -Werror -O2 \
      -c -o "$OBJECTS/${file//\//_}.o" "$file"
  done
}

# run_for_aarch64 OBJECT...: links a program, without src/main.c, and runs it.
run_for_aarch64() {
  local others
  mapfile -t others < <(find "$OBJECTS" -name '*.o' ! -name 'src_main.c.o' ! -name 'src_quick.c.o')
  "$CROSS" -static -o "$BATS_TEST_TMPDIR/program" "$@" "${others[@]}"
  qemu-aarch64 "$BATS_TEST_TMPDIR/program"
}

@test "the quick start is linked, and needs nothing but the C library" {
  "$CROSS" -o "$BATS_TEST_TMPDIR/program" "$OBJECTS"/*.o
  run -0 aarch64-linux-gnu-readelf --dynamic "$BATS_TEST_TMPDIR/program"
  equal "$(grep -o 'NEEDED.*' <<<"$output" | sed 's/.*\[\(.*\)\]/\1/' | sort | tr '\n' ' ')" \
    "libc.so.6 "
}

@test "there are no images, and the reason is told" {
  cat >"$BATS_TEST_TMPDIR/main.c" <<'END'
#include "base/problem.h"
#include "image/freeze.h"
#include "image/thaw.h"
#include <stdio.h>
int main(void)
{
    struct image_use use = {.path = "/no/such/image", .program = "/"};
    struct problem problem;
    int r = image_check(&use, &problem);
    printf("%d %d %s\n", freeze_is_supported(), r == IMAGE_STAYS, problem.text);
    return 0;
}
END
  "$CROSS" -D_GNU_SOURCE -Isrc -c -o "$BATS_TEST_TMPDIR/main.o" "$BATS_TEST_TMPDIR/main.c"
  equal "$(run_for_aarch64 "$BATS_TEST_TMPDIR/main.o")" "0 1 this machine cannot have images"
}

@test "the unit tests of the format pass" {
  "$CROSS" -D_GNU_SOURCE -Isrc -Itests/unit -c -o "$BATS_TEST_TMPDIR/unit.o" tests/unit/unit.c
  "$CROSS" -D_GNU_SOURCE -Isrc -Itests/unit -c -o "$BATS_TEST_TMPDIR/test.o" \
    tests/unit/test_image_format.c
  run -0 run_for_aarch64 "$BATS_TEST_TMPDIR"/{unit,test}.o
  contains "$output" " 0 of "
}
