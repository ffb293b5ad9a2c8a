#!/usr/bin/env bats
# ways: deb
# lasts: 60 s

# The built Debian package. Tests of its installation are in 91-deb-lifecycle.bats.

load packages

cd "$BATS_TEST_DIRNAME/.." || exit

setup_file() {
  make_deb
}

# field NAME: prints a field of the package.
field() {
  dpkg-deb --field "$(deb)" "$1"
}

# contents PACKAGE: prints the paths of files and links, beginning with "./", one per line.
contents() {
  dpkg-deb --fsys-tarfile "$1" | tar --list | grep -v '/$' | sort
}

@test "make deb prints the command of README that installs the package" {
  local command="sudo apt install ./build/deb/wsgi-once_*.deb"
  equal "$(tail -n 1 "$DEB/output" | sed "s|$DEB/|./build/deb/|")" "Install it: $command"
  grep -qxF "make deb" README.md
  grep -qxF "$command" README.md
}

@test "the package has what make install installs and what packages need, and no other files" {
  local root=$BATS_TEST_TMPDIR/root
  quiet_make install BUILD="$BATS_TEST_TMPDIR/build" DESTDIR="$root" prefix=/usr \
    zshdir=/usr/share/zsh/vendor-completions >/dev/null
  equal "$(contents "$(deb)")" "$( (
    cd "$root"
    find . ! -type d | sed 's|^\./usr/share/man/.*|&.gz|'
    printf './usr/share/doc/wsgi-once/%s\n' README.Debian README.md.gz changelog.Debian.gz \
      changelog.gz copyright
    printf '%s\n' ./etc/needrestart/conf.d/wsgi-once.conf ./usr/libexec/wsgi-once/units \
      ./usr/share/lintian/overrides/wsgi-once
  ) | sort)"
  dpkg-deb --fsys-tarfile "$(deb)" | tar --list --verbose ./etc/wsgi-once | grep -q '^drwxr-xr-x'
}

@test "the packaged README has no links to files of the source" {
  local readme
  readme=$(dpkg-deb --fsys-tarfile "$(deb)" |
    tar --extract --to-stdout ./usr/share/doc/wsgi-once/README.md.gz | gunzip)
  contains "$readme" "(see [What it costs](#what-it-costs))"
  run -1 grep -E '\]\([^#)][^):]*\)' <<<"$readme"
}

@test "root owns all files, and nobody else can write to them" {
  run -0 dpkg-deb --contents "$(deb)"
  equal "$(awk '$2 != "root/root"' <<<"$output")" ""
  equal "$(grep -v '^l' <<<"$output" | awk '{ print $1 }' | sort -u)" \
    $'-rw-r--r--\n-rwxr-xr-x\ndrwxr-xr-x'
}

@test "the package depends on exactly the version of Python it was built with" {
  local python depends
  python=$(pkg-config --modversion python3-embed)
  depends=", $(field Depends),"
  contains "$depends" ", libpython$python "
  contains "$depends" ", python3 (>= $python~),"
  contains "$depends" ", python3 (<< ${python%.*}.$((${python#*.} + 1))~),"
  # the installed version satisfies the dependency
  dpkg --compare-versions "$(dpkg-query -W -f '${Version}' python3)" ge "$python~"
  dpkg --compare-versions "$(dpkg-query -W -f '${Version}' python3)" lt \
    "${python%.*}.$((${python#*.} + 1))~"
  # systemd is optional: inetd is enough
  [[ $depends != *", systemd"[\ ,]* ]]
  equal "$(field Recommends)" "libnss-systemd, systemd"
}

@test "the package has no units, and its scripts start and enable nothing" {
  local control=$BATS_TEST_TMPDIR/control
  dpkg-deb --control "$(deb)" "$control"
  equal "$(cd "$control" && echo *)" "conffiles control md5sums postinst postrm prerm"
  run -1 grep -E '\.(socket|service|timer|path|target)$' < <(contents "$(deb)" | grep -v /examples/)
  dpkg-deb --extract "$(deb)" "$BATS_TEST_TMPDIR"
  run -1 grep -E '(systemctl|deb-systemd-invoke|deb-systemd-helper).* (start|restart|enable)' \
    "$control"/p* "$BATS_TEST_TMPDIR/usr/libexec/wsgi-once/units"
  run -1 grep -F '#DEBHELPER#' "$control"/p*
}

# Reads the file and matches services as needrestart(1) does. The test does not run needrestart:
# once installed, it runs whenever apt does.
@test "needrestart ignores services of connections, and no others" {
  dpkg-deb --extract "$(deb)" "$BATS_TEST_TMPDIR"
  # shellcheck disable=SC2016 # for perl
  run -0 perl -we 'use strict; our %nrconf = (blacklist_rc => [qr(^other)]);
    my $file = shift;
    eval do { local (@ARGV, $/) = $file; <> };
    die $@ if $@;
    for my $service (@ARGV) {
      print "$service\n" if grep { $service =~ /$_/ } @{$nrconf{blacklist_rc}};
    }' "$BATS_TEST_TMPDIR/etc/needrestart/conf.d/wsgi-once.conf" wsgi-once-blog.service \
    wsgi-once-blog@0-871-1000.service wsgi-once-a-b@12-9_4242-0.service blog@1.service other.service
  equal "$output" "wsgi-once-blog@0-871-1000.service
wsgi-once-a-b@12-9_4242-0.service
other.service"
}

@test "the source package is the release with packaging/debian" {
  local dsc=("$DEB"/wsgi-once_*.dsc) source=$BATS_TEST_TMPDIR/source
  cmp "$BUILD"/dist/wsgi-once-*.tar.gz "$DEB"/wsgi-once_*.orig.tar.gz
  run -0 dpkg-source --no-check --extract "${dsc[0]}" "$source"
  diff -r packaging/debian "$source/debian"
  equal "$(cat "$source/debian/source/format")" "3.0 (quilt)"
  run -0 cat "$DEB"/wsgi-once_*.changes
  contains "$output" ".dsc"
  contains "$output" ".orig.tar.gz"
  contains "$output" "wsgi-once-dbgsym_"
}

@test "Makefile, changelogs and program have the same version" {
  local version packaged
  version=$(sed -n 's/^VERSION := //p' Makefile)
  packaged=$(dpkg-parsechangelog --file packaging/debian/changelog --show-field Version)
  [[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]]
  equal "${packaged%-*}" "$version"
  equal "$(field Version)" "$packaged"
  equal "$(sed -n 's/^## \([^ ]*\).*/\1/p' CHANGELOG.md | head -n 1)" "$version"
  dpkg-deb --extract "$(deb)" "$BATS_TEST_TMPDIR"
  contains "$("$BATS_TEST_TMPDIR/usr/bin/wsgi-once" --version)" "wsgi-once $version"
}

@test "a version that is missing in the changelog is refused" {
  local tarball=$BATS_TEST_TMPDIR/wsgi-once-9.8.7.tar.gz
  tar --create --gzip --file "$tarball" --transform='s|^|wsgi-once-9.8.7/|' packaging/debian
  run -65 packaging/deb 9.8.7 "$tarball" "$BATS_TEST_TMPDIR/deb"
  contains "$output" "packaging/debian/changelog is for $(field Version), not 9.8.7"
}

# These tags depend on the release of lintian and other tools, and are not overridden:
#   package-supports-alternative-init-but-no-init.d-script
#       mistakes the defaults of other services for a service; later releases do not know the tag
#   package-uses-old-debhelper-compat-version, older-debian-watch-file-standard,
#   out-of-date-standards-version, redundant-priority-optional-field,
#   redundant-rules-requires-root-no-field
#       the package uses the newest values of Debian 12, and fields that its dpkg requires
of_other_releases() {
  grep -vE -e ': (package-supports-alternative-init-but-no-init\.d-script)' \
    -e ': (package-uses-old-debhelper-compat-version 13|older-debian-watch-file-standard 4)' \
    -e ': (out-of-date-standards-version|redundant-priority-optional-field)' \
    -e ': (redundant-rules-requires-root-no-field)' || :
}

@test "lintian with all checks reports only tags that are overridden with a reason" {
  local changes=("$DEB"/*.changes)
  run lintian --allow-root --display-info --pedantic --show-overrides --tag-display-limit 0 \
    "${changes[0]}"
  ((status <= 2)) # lintian ran
  equal "$(grep -v '^[NO]:' <<<"$output" | of_other_releases)" ""
  equal "$(sed -n 's/^O: [^:]*: \([^ ]*\).*/\1/p' <<<"$output" | sort -u)" \
    "initial-upload-closes-no-bugs
maintainer-script-calls-systemctl
no-homepage-field
upstream-metadata-missing-bug-tracking
upstream-metadata-missing-repository"
  # a comment above each override states the reason
  local file
  for file in packaging/debian/{source/,wsgi-once.}lintian-overrides; do
    run -0 head -n 1 "$file"
    [[ $output == "# "* ]]
  done
}

@test "everything is compiled and linked with Debian's hardening flags" {
  # blhc(1) also succeeds when it finds nothing to check.
  grep -q ' -o build/wsgi-once-generator ' "$DEB/build.log"
  run -0 blhc --all --color "$DEB/build.log"
  equal "$output" ""
}

# Features that need every part of a program to be marked, when the C library's parts are not marked
# in this release or on this architecture.
lacks_because_of_the_c_library() {
  local marks
  marks=$(readelf --notes "$(cc -print-file-name=Scrt1.o)")
  [[ $marks == *"IBT, SHSTK"* ]] || echo "Control flow integrity"
  [[ $marks == *"BTI, PAC"* ]] || echo "Branch Protection"
}

@test "the programs are hardened as far as the C library allows" {
  local root=$BATS_TEST_TMPDIR feature programs
  dpkg-deb --extract "$(deb)" "$root"
  mapfile -t programs < <(find "$root" -type f -perm -u+x ! -path '*/libexec/*') # except scripts
  equal "${#programs[@]}" 2
  run hardening-check "${programs[@]}"
  for feature in "Position Independent Executable" "Stack protected" "Fortify Source functions" \
    "Read-only relocations" "Immediate binding"; do
    equal "$(grep -c " $feature: yes" <<<"$output")" 2
  done
  equal "$(grep ': no, ' <<<"$output" | grep -vFf <(lacks_because_of_the_c_library))" ""
}

@test "the build is reproducible" {
  local other=$BATS_TEST_TMPDIR/other name
  mkdir "$other"
  tar --extract --gunzip --strip-components=1 --directory "$other" --file "$BUILD"/dist/*.tar.gz
  (
    umask 077
    export TZ=Pacific/Kiritimati LC_ALL=C HOME=/nonexistent DEB_BUILD_OPTIONS=nocheck
    quiet_make -C "$other" deb
  )
  for name in deb dsc tar.gz tar.xz; do
    equal "$(cd "$other/build/deb" && sha256sum -- *."$name")" \
      "$(cd "$DEB" && sha256sum -- *."$name")"
  done
}

@test "the package's own tests pass where it is installed" {
  # The policy for services belongs to this machine, not to the booted system.
  run tests/with-systemd -- sh -euc "rm -f /usr/sbin/policy-rc.d
    dpkg --install '$(deb)'
    packaging/debian/tests/smoke
    packaging/debian/tests/booted"
  ((status != 77)) || skip "$output"
  echo "$output"
  equal "$status" 0
  contains "$output" "the answer: /var/lib/"
}
