# shellcheck shell=bash
# Sums up several runs of tests, each of which ends with the line "N passed, N failed, N skipped".
# print_failures prints the failed tests of all of them, closing_line one such line.

passed=0 failed=0 skipped=0
failures=() # the lines after "== failed" of all runs
runs=0 # how many counts the last command has printed
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
# counts and without its list of failed tests, which print_failures prints. A command counts as a
# failed test if it prints no counts, if it fails with neither a failed nor a skipped test, or if
# its status is none of tests/run or make (1 and 2), as after a signal. Returns the command's
# status, or 1 if there are no counts. Sets runs to the number of counts.
add() {
  local name=$1 line output number='([0-9]+)' sum=() is_failure='' status=0
  shift
  runs=0
  exec {output}< <("$@" 2>&1)
  running=$!
  while IFS= read -ru "$output" line; do
    if [[ $line =~ ^$number\ passed,\ $number\ failed,\ $number\ skipped$ ]]; then
      # The command may run tests/run more than once.
      sum=($((${sum[0]-0} + BASH_REMATCH[1])) $((${sum[1]-0} + BASH_REMATCH[2]))
        $((${sum[2]-0} + BASH_REMATCH[3])))
      ((runs += 1))
      line="== $name: $line"
      is_failure=
    elif [[ $line == "== failed" ]]; then
      is_failure=yes
      continue
    elif [[ $is_failure ]]; then
      if [[ $line != "#"* ]]; then line="$name, $line"; fi
      failures+=("$line")
      continue
    fi
    printf '%s\n' "$line"
  done
  exec {output}<&-
  wait "$running" || status=$?
  running=
  if ((status > 2 || (status != 0 && ${sum[1]-0} == 0 && ${sum[2]-0} == 0))); then
    failures+=("$name: not ok - ended with status $status")
    ((failed += 1))
  elif ((runs == 0)); then
    failures+=("$name: not ok - ended without counts")
    ((failed += 1, status = status ? status : 1))
  fi
  ((passed += ${sum[0]-0}, failed += ${sum[1]-0}, skipped += ${sum[2]-0}))
  return "$status"
}

print_failures() {
  ((${#failures[@]} == 0)) || printf '%s\n' "== failed" "${failures[@]}"
}

closing_line() {
  echo "$passed passed, $failed failed, $skipped skipped"
}
