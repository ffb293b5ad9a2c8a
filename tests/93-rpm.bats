#!/usr/bin/env bats
# ways: rpm
# lasts: 60 s

# The packages that `make rpm` builds. Tests of their installation are in 94-rpm-lifecycle.bats.

load helpers
load rpm

cd "$BATS_TEST_DIRNAME/.." || exit

setup_file() {
  cd "$BATS_TEST_DIRNAME/.." || return
  env -u MAKEFLAGS -u MAKELEVEL make --silent BUILD="$BATS_FILE_TMPDIR/build" \
    INSTALL_DEPENDENCIES=: rpm >"$BATS_FILE_TMPDIR/output"
  export PACKAGES=$BATS_FILE_TMPDIR/build/rpm
  PACKAGE=$(echo "$PACKAGES"/wsgi-once-[0-9]*."$(uname -m)".rpm)
  export PACKAGE
}

query() {
  rpm --query --package "$PACKAGE" "$@"
}

systemd_directory() {
  pkg-config --variable="systemd$1dir" systemd
}

@test "make rpm prints the paths of a source package and a binary package" {
  local path paths
  mapfile -t paths <"$BATS_FILE_TMPDIR/output"
  for path in "${paths[@]}"; do [[ -f $path ]]; done
  contains "${paths[*]}" "$PACKAGES/wsgi-once-$(version)-1"
  equal "$(printf '%s\n' "$PACKAGES"/*)" "$(printf '%s\n' "$PACKAGES/log" "${paths[@]}")"
  [[ -f $PACKAGE ]]
}

@test "the source package has the release tarball and the spec" {
  equal "$(rpm --query --package "$PACKAGES"/*.src.rpm --list)" \
    "$(printf '%s\n' "wsgi-once-$(version).tar.gz" wsgi-once.spec)"
}

@test "Makefile, package and changelogs have the same version" {
  equal "$(query --queryformat '%{VERSION}')" "$(version)"
  grep -q "^## $(version) " CHANGELOG.md
  # the latest entry of the package's changelog
  contains "$(query --changelog | sed -n 1p)" " - $(version)-1"
}

# Leaves out what differs between versions of rpm: build ID links, and the version in the name of
# the license directory.
files() {
  query --queryformat '[%{FILEMODES:perms} %{FILEUSERNAME} %{FILEGROUPNAME} %{FILENAMES}\n]' |
    sed 's|/licenses/wsgi-once-[0-9.]*|/licenses/wsgi-once|; /\.build-id/d'
}

@test "the package has exactly these files" {
  local units user_units documents=/usr/share/doc/wsgi-once
  units=$(systemd_directory systemunit)
  user_units=$(systemd_directory userunit)
  equal "$(files | sed 's/ root root / /' | sort -k 2)" "$(sort -k 2 <<END
drwxr-xr-x /etc/wsgi-once
-rwxr-xr-x /usr/bin/wsgi-once
lrwxrwxrwx /usr/bin/wsgi-once-generator
drwxr-xr-x /usr/lib/wsgi-once
-rw-r--r-- /usr/lib/wsgi-once/wsgi-once.so
-rwxr-xr-x $(systemd_directory systemgenerator)/wsgi-once-generator
lrwxrwxrwx $(systemd_directory usergenerator)/wsgi-once-generator
drwxr-xr-x $units/wsgi-once-.service.d
-rw-r--r-- $units/wsgi-once-.service.d/10-wsgi-once.conf
drwxr-xr-x $units/wsgi-once-.socket.d
-rw-r--r-- $units/wsgi-once-.socket.d/10-wsgi-once.conf
drwxr-xr-x $user_units/wsgi-once-.service.d
-rw-r--r-- $user_units/wsgi-once-.service.d/10-wsgi-once.conf
drwxr-xr-x $user_units/wsgi-once-.socket.d
-rw-r--r-- $user_units/wsgi-once-.socket.d/10-wsgi-once.conf
-rw-r--r-- $(pkg-config --variable=catalogdir systemd)/wsgi-once.catalog
drwxr-xr-x /usr/share/wsgi-once
-rw-r--r-- /usr/share/wsgi-once/lean.conf
-rw-r--r-- /usr/share/bash-completion/completions/wsgi-once
-rw-r--r-- /usr/share/fish/vendor_completions.d/wsgi-once.fish
-rw-r--r-- /usr/share/zsh/site-functions/_wsgi-once
-rw-r--r-- /usr/share/man/man5/wsgi-once.conf.5.gz
-rw-r--r-- /usr/share/man/man7/wsgi-once-apps.7.gz
-rw-r--r-- /usr/share/man/man8/wsgi-once-generator.8.gz
-rw-r--r-- /usr/share/man/man8/wsgi-once.8.gz
drwxr-xr-x /usr/share/licenses/wsgi-once
-rw-r--r-- /usr/share/licenses/wsgi-once/LICENSE
drwxr-xr-x $documents
-rw-r--r-- $documents/CHANGELOG.md
-rw-r--r-- $documents/README.SELinux
-rw-r--r-- $documents/README.md
$(find systemd/examples -type d -printf "drwxr-xr-x $documents/examples/%P\n" | sed 's|/$||')
$(find systemd/examples -type f -printf "-rw-r--r-- $documents/examples/%P\n")
END
    )"
}

@test "the packaged README has no links to files of the source" {
  rpm2cpio "$PACKAGE" >"$BATS_TEST_TMPDIR/files"
  grep -qaF "(see [What it costs](#what-it-costs))" "$BATS_TEST_TMPDIR/files"
  run -1 grep -aE '\]\((src|systemd|tests|packaging|LICENSE)' "$BATS_TEST_TMPDIR/files"
}

@test "license and documentation are marked as such" {
  equal "$(query --licensefiles | sed 's|.*/||')" LICENSE
  equal "$(query --docfiles | grep -cE '/examples/(fronts/.+|.*\.(service|socket))$')" \
    "$(find systemd/examples -type f | wc -l)"
  contains "$(query --docfiles)" /wsgi-once/README.SELinux
}

@test "the package requires its version of Python and the package with the socket group" {
  local python
  python=$(pkg-config --modversion python3-embed)
  query --requires >"$BATS_TEST_TMPDIR/requires"
  grep "^libpython$python\.so" "$BATS_TEST_TMPDIR/requires"
  grep -x "python(abi) = $python" "$BATS_TEST_TMPDIR/requires"
  grep -x nginx-filesystem "$BATS_TEST_TMPDIR/requires"
}

# build_requires [OPTION]...: prints the requirements of a build.
build_requires() {
  rpmspec --load packaging/rpm/debian.macros "$@" --query --srpm --requires \
    packaging/rpm/wsgi-once.spec
}

@test "the build requirements include those of the tests, which are optional" {
  run -0 build_requires
  contains "$output" "pkgconfig(libsystemd)"
  contains "$output" "pkgconfig(python3-embed)"
  contains "$output" "pkgconfig(systemd)"
  grep -qx bats <<<"$output"
  run -0 build_requires --without tests
  contains "$output" "pkgconfig(libsystemd)"
  run -1 grep -x bats <<<"$output"
}

@test "the build runs tests" {
  grep -E '^[0-9]{3,} passed, 0 failed, 0 skipped$' "$PACKAGES/log"
  local first
  first=$(sed -n 's/^@test "\(.*\)" {$/\1/p' tests/10-activation.bats | head -n 1)
  [[ -n $first ]]
  grep -F "ok 1 $first" "$PACKAGES/log"
}

@test "rpmlint reports nothing" {
  local options=(--rpmlintrc packaging/rpm/wsgi-once.rpmlintrc)
  if ! type -P dnf; then
    # rpmlint reads the spec with the user's macros, not with those given to rpmbuild.
    cp packaging/rpm/debian.macros "$BATS_TEST_TMPDIR/.rpmmacros"
    options+=(--config packaging/rpm/debian.rpmlint.toml)
  fi
  run -0 env HOME="$BATS_TEST_TMPDIR" rpmlint "${options[@]}" packaging/rpm/wsgi-once.spec \
    "$PACKAGES"/*.rpm
  contains "$output" " 0 errors, 0 warnings"
}

# calls [COMMAND]: prints the arguments of rpmbuild when this COMMAND exists.
calls() {
  local tools=$BATS_TEST_TMPDIR/tools tool
  rm -rf "$tools"
  mkdir "$tools"
  for tool in bash cat mkdir realpath rm; do ln -s "$(type -P "$tool")" "$tools"; done
  # shellcheck disable=SC2016 # for the shell that stands in
  printf '%s\n' "#!$(type -P bash)" 'printf "%s\n" "$@"; exit 1' >"$tools/rpmbuild"
  chmod +x "$tools/rpmbuild"
  [[ -z ${1-} ]] || ln -s "$(type -P true)" "$tools/$1"
  run -1 env PATH="$tools" "$(type -P bash)" packaging/rpm/build README.md \
    "$BATS_TEST_TMPDIR/rpm" --with others
}

@test "with dnf, rpmbuild uses Fedora's macros and checks the build requirements" {
  calls
  contains "$output" --nodeps
  contains "$output" /packaging/rpm/debian.macros
  calls dnf
  [[ $output != *--nodeps* && $output != *--load* ]]
  contains "$output" $'--with\nothers\n'
}

@test "a failed build prints the reason, and leaves only the log" {
  echo "no tarball" >"$BATS_TEST_TMPDIR/wsgi-once-$(version).tar.gz"
  run -1 packaging/rpm/build "$BATS_TEST_TMPDIR/wsgi-once-$(version).tar.gz" \
    "$BATS_TEST_TMPDIR/rpm"
  contains "$output" "not in gzip format"
  contains "$output" "packaging/rpm/build: rpmbuild failed"
  equal "$(ls "$BATS_TEST_TMPDIR/rpm")" log
  run -64 packaging/rpm/build
}
