# shellcheck shell=bash
# Adds up the tests of several runs, each of which ends with a line "N passed, N failed, N skipped".
# There is one such line in the end, for the sum.

passed=0 failed=0 skipped=0
running= # the process of the run

# end_tree PID: told to end are the process and all below it.
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

# A run ends with the script that adds it up, as do jobs that it has in the background.
trap end_runs EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# add NAME COMMAND [ARGUMENT]...: runs it and shows what it prints, the closing line in other words.
# One that fails without having counted a failure counts as a failed test itself, unless it was a
# test skipped. Fails like the command.
add() {
  local name=$1 line output number='([0-9]+)' sum=() status=0
  shift
  exec {output}< <("$@" 2>&1)
  running=$!
  while IFS= read -ru "$output" line; do
    if [[ $line =~ ^$number\ passed,\ $number\ failed,\ $number\ skipped$ ]]; then
      sum=("${BASH_REMATCH[@]:1}")
      line="== $name: $line"
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

closing_line() {
  echo "$passed passed, $failed failed, $skipped skipped"
}
