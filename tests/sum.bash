# shellcheck shell=bash
# Sums up several runs of tests, each of which ends with the line "N passed, N failed, N skipped".
# repeat_failures prints the failed tests of all of them, closing_line one such line.

passed=0 failed=0 skipped=0
failures=() # lines of the failed tests: their names, and the first of their diagnostics
running= # the process of the current run

# end_tree PID: sends SIGTERM to the process and its descendants.
end_tree() {
  local child children=()
  read -ra children <"/proc/$1/task/$1/children"
  kill "$1"
  for child in "${children[@]}"; do end_tree "$child"; done
} 2>/dev/null

end_runs() {
  local pid
  trap '' HUP INT TERM
  for pid in $running $(jobs -p); do end_tree "$pid"; done
  wait
}

# The current run and background jobs end with the script.
trap end_runs EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# add NAME COMMAND [ARGUMENT]...: runs the command and shows its output, with NAME in front of the
# counts. A command that fails with neither a failed nor a skipped test counts as a failed test.
# Returns the status of the command.
add() {
  local name=$1 line output number='([0-9]+)' sum=() diagnostics=0 status=0
  shift
  exec {output}< <("$@" 2>&1)
  running=$!
  while IFS= read -ru "$output" line; do
    if [[ $line =~ ^$number\ passed,\ $number\ failed,\ $number\ skipped$ ]]; then
      sum=("${BASH_REMATCH[@]:1}")
      line="== $name: $line"
    elif [[ $line == "not ok"* ]]; then
      diagnostics=8
      failures+=("$name: $line")
    elif [[ $line == "#"* ]] && ((diagnostics-- > 0)); then
      failures+=("$line")
    fi
    printf '%s\n' "$line"
  done
  exec {output}<&-
  wait "$running" || status=$?
  running=
  if ((status != 0 && ${sum[1]-0} == 0 && ${sum[2]-0} == 0)); then
    echo "== $name ended with status $status"
    ((failed += 1))
  fi
  ((passed += ${sum[0]-0}, failed += ${sum[1]-0}, skipped += ${sum[2]-0}))
  return "$status"
}

repeat_failures() {
  ((${#failures[@]} == 0)) || printf '%s\n' "== failed" "${failures[@]}"
}

closing_line() {
  echo "$passed passed, $failed failed, $skipped skipped"
}
