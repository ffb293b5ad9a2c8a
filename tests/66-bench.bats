#!/usr/bin/env bats
# ways: bench
# lasts: 100 s
#
# The comparison with other servers measures every figure that it reports, and reports every figure
# that it measures. The values do not matter here: the short run is too short for them.

load helpers

APPS_MEASURED=(hello Flask Django)
SERVERS=("wsgi-once, connection" "wsgi-once, image" "wsgi-once, server" gunicorn uWSGI mod_wsgi CGI)
FIGURES=("cold CPU" "cold wall" "warm CPU" "warm p50" "warm p99" "warm rate" "warm memory"
  "idle memory" "idle processes" "idle wakeups")
declare -gA PANELS=([cold]=2 [warm]=4 [idle]=2)

setup_file() {
  export BUILD=$BATS_FILE_TMPDIR
  ln -s "$(realpath "$PROGRAM")" "$BUILD/wsgi-once" # it finds its library beside the target
  "$TESTS/bench/compare" 1 3>&- 4>&-
  ln -s "$(realpath "${PROGRAM%/*}")/"{image-check,wsgi-once.so} "$BUILD"
  "$TESTS/bench/cold" 2 hello
  "$TESTS/bench/report"
}

# value_of APP SERVER FIGURE: prints the measured value. The short run measures once.
value_of() {
  awk -F'\t' -v where="$1/$2/$3" '$1 "/" $2 "/" $3 == where { print $5 }' "$BUILD/bench/figures.tsv"
}

# cells APP SERVER: prints the lines for the server in the report's tables on one app.
cells() {
  awk -F' [|] ' -v app="| $1" -v server="| $2" \
    '/^$/ { in_table = 0 } $1 == app && !/:/ { in_table = 1 } in_table && $1 == server' \
    "$BUILD/bench/report.md"
}

# Figures that must be 0: wsgi-once when idle, and its memory with connection activation.
must_be_zero() { # server, figure
  case $1/$2 in
    wsgi-once*/idle* | *connection/"warm memory" | *image/"warm memory") return 0 ;;
    *) return 1 ;;
  esac
}

@test "every figure is positive, except those of an idle wsgi-once" {
  local app server figure value
  for app in "${APPS_MEASURED[@]}"; do
    for server in "${SERVERS[@]}"; do
      for figure in "${FIGURES[@]}"; do
        value=$(value_of "$app" "$server" "$figure")
        echo "$app, $server, $figure: $value"
        [[ $value =~ ^[0-9.]+(e-?[0-9]+)?$ ]]
        if must_be_zero "$server" "$figure"; then
          equal "$value" 0
        elif [[ $figure != "idle wakeups" ]]; then # which may be 0
          [[ $value =~ ^[0-9.]*[1-9] ]]
        fi
      done
    done
  done
  equal "$(wc -l <"$BUILD/bench/figures.tsv")" \
    "$((${#APPS_MEASURED[@]} * ${#SERVERS[@]} * ${#FIGURES[@]}))"
}

@test "the report has a ratio for each figure, and the baseline's is 1" {
  local app server
  for app in "${APPS_MEASURED[@]}"; do
    for server in "${SERVERS[@]}"; do
      run -0 cells "$app" "$server"
      echo "$app: $output"
      equal "${#lines[@]}" 3
      # Each ratio has its spread, from the lowest to the highest.
      if [[ $server == gunicorn ]]; then
        equal "$output" "| gunicorn | 1 | 1 |
| gunicorn | 1 | 1 | 1 | 1 |
| gunicorn | 1 | 1 |"
      else
        equal "$(grep -oE '[0-9.]+ \([0-9.]+–[0-9.]+\)' <<<"$output" | wc -l)" 8
      fi
    done
    contains "$(cells "$app" "wsgi-once, server" | tail -n1)" "| wsgi-once, server | 0 (0–0) | "
  done
  run -0 tr -s ' \n' ' ' <"$BUILD/bench/report.md"
  [[ $output =~ machine\ with\ [0-9]+\ processor.*\;\ wsgi-once\ [0-9.]+,\ Python\ 3\. ]]
}

@test "the report compares one process, imported and from an image, with an import" {
  run -0 sed -n '/^## Cold: one process/,/^## /p' "$BUILD/bench/report.md"
  local ratio='[0-9.]+ \([0-9.]+–[0-9.]+\)'
  grep -qE "^\| hello( \| $ratio){5} \|$" <<<"$output"
  grep -qxF "| hello | 1.15 | - | 0.3 | - | 0.25 |" <<<"$output"
}

# points FILE: prints the number of points in a plot, and fails if it is not well-formed.
points() {
  /usr/bin/python3 - "$1" <<'END'
import sys
import xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
assert root.tag == "{http://www.w3.org/2000/svg}svg", root.tag
uses = root.iter("{http://www.w3.org/2000/svg}use")
print(sum("translate" in use.get("transform", "") for use in uses))
END
}

@test "the plots are well-formed, have a point for each ratio, and no background" {
  local kind
  equal "${#PANELS[@]}" "$(find "$BUILD/bench" -name '*.svg' | wc -l)"
  for kind in "${!PANELS[@]}"; do
    # The legend has points, too.
    equal "$kind: $(points "$BUILD/bench/$kind.svg")" \
      "$kind: $(((${#SERVERS[@]} * PANELS[$kind] + 1) * ${#APPS_MEASURED[@]}))"
    run ! grep -E 'fill *[:=] *.?(white|black|rgb\( *(0, *0, *0|255, *255, *255))' \
      "$BUILD/bench/$kind.svg"
    grep -qF "]($kind.svg)" "$BUILD/bench/report.md"
  done
}

@test "a server that is not installed is named, and the next one is the baseline" {
  ((EUID == 0)) || skip "impossible: it takes root to hide a program"
  export BUILD=$BATS_TEST_TMPDIR
  local server
  ln -s "$(realpath "$PROGRAM")" "$BUILD/wsgi-once"
  # shellcheck disable=SC2016 # for the inner shell
  run -0 unshare --mount bash -ec '
    for program in gunicorn uwsgi; do mount --bind /dev/null "$(type -P $program)"; done
    "$0/bench/compare" 1 hello
    "$0/bench/report"' "$TESTS"
  grep -qx '\* Not gunicorn, because this is not installed: gunicorn\.' "$BUILD/bench/report.md"
  grep -qE '^\* Not uWSGI, because .*: uwsgi, ' "$BUILD/bench/report.md"
  grep -q '^Ratios to mod_wsgi\. ' "$BUILD/bench/report.md"
  for server in mod_wsgi CGI "wsgi-once, server"; do
    equal "$(cells hello "$server" | wc -l)" 3
  done
  equal "$(cells hello gunicorn)" ""
}

@test "the results that bench/README.md shows exist" {
  local path
  cd "$TESTS/bench"
  run -0 grep -oE '\(results/[^)]*\)' README.md
  ((${#lines[@]} >= 4))
  for path in "${lines[@]//[()]/}"; do
    [[ -s $path ]] || equal "$path" "there"
  done
}
