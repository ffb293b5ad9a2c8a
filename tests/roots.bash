# shellcheck shell=bash
# Root file systems of Debian releases, for tests/suites and tests/vm. They are kept in
# $BUILD/suites, and are made again when the functions or the package lists that make them change.

roots=$BUILD/suites

# make_once NAME INGREDIENTS FUNCTION...: calls the last function with the path $roots/NAME, unless
# it was made before by the same functions, package lists and ingredients (any text).
make_once() {
  local root=$roots/$1 maker
  maker=$(declare -f "${@:3}" && echo "$2" && cat packaging/install-dependencies)
  if [[ $maker == "$(cat "$root.made" 2>/dev/null)" ]]; then return; fi
  rm -rf "$root" "$root.made"
  mkdir -p "$roots"
  "${*: -1}" "$root" || { rm -rf "$root" && return 1; }
  echo "$maker" >"$root.made"
}

# With make, git and ca-certificates on top of the essential packages.
make_fresh_root() { # root
  local suite options=()
  suite=$(basename "$1" .fresh)
  # A mirror of what has no release yet may be late: apt(8) would refuse it as outdated.
  if [[ $suite == sid ]]; then options=(--aptopt='Acquire::Check-Valid-Until "false"'); fi
  # After a crash of this machine the root is made again, so nothing needs fsync(2).
  mmdebstrap --quiet --variant=apt --include=ca-certificates,git,make "${options[@]}" \
    --dpkgopt=force-unsafe-io "$suite" "$1" >&2
}

# A copy of another root with groups of packages (packaging/install-dependencies).
copy_with_packages() { # root, copy, group...
  # shellcheck disable=SC2016 # for the inner shell
  cp --archive --reflink=auto "$1" "$2" && tests/in-root --keep "$2" sh -c \
    'cat >/tmp/install-dependencies && sh /tmp/install-dependencies "$@"' sh \
    "${@:3}" <packaging/install-dependencies
}
