# shellcheck shell=bash
# For suites that check the sources.

# compiler_flags: prints the compiler's flags, one in each line.
compiler_flags() {
  printf '%s\n' -std=gnu17 -D_GNU_SOURCE '-DVERSION="0"' '-DLIBSYSTEMD_VERSION="0"' \
    '-DPYTHON_PREFIX="/usr"' '-DPYTHON_EXECUTABLE="/usr/bin/python3"' \
    '-DPROGRAM_PATH="/usr/bin/wsgi-once"' '-DLEAN_PATH="/usr/share/wsgi-once/lean.conf"' \
    -Isrc -Itests/unit
  pkg-config --cflags python3-embed libsystemd | tr ' ' '\n' | sed -n 's/^-I/-isystem/p'
}
