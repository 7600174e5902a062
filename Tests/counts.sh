#!/usr/bin/env bash
# Counts what a request costs in the worker's own code, from its bytes to its result's bytes: instructions and
# allocations, which unlike times are the same on a busy machine. Fails where one is a tenth above Tests/counts.txt.
#
#   Tests/counts.sh            compares
#   Tests/counts.sh --keep     writes the counts to Tests/counts.txt
set -euo pipefail
cd "$(dirname "$0")/.."
command -v valgrind >/dev/null || Deploy/install-packages.sh valgrind
# Without debug information, which valgrind can't read whole.
bench=.build/counted-bench
strip -g -o "$bench" "$(Deploy/build.sh cancel-worker-bench)"

few=1280
more=2560
# What a tool counts for so many requests; the difference leaves the start out.
count() {
  local said
  said=$(SWIFT_DETERMINISTIC_HASHING=1 valgrind "--tool=$1" "${@:3}" "$bench" own-path --requests "$2" 2>&1) ||
    { echo "$said" >&2; exit 1; }
  if ! grep -qF "own-path: results=$2 " <<<"$said"; then echo "$said" >&2; exit 1; fi
  sed -nE 's/.*(I +refs|in [0-9,]+ blocks|Total:.* in):? +([0-9,]+).*/\2/p' <<<"$said" | tail -n 1 | tr -d ,
}
each() { echo $((($(count "$1" $more "${@:2}") - $(count "$1" $few "${@:2}")) * 100 / (more - few))); }
instructions=$(each cachegrind --cache-sim=no --cachegrind-out-file=/dev/null)
allocations=$(each dhat --dhat-out-file=/dev/null)
counts="instructions $((instructions / 100))
allocations $((allocations / 100)).$(printf %02d $((allocations % 100)))"
if [[ "${1:-}" == --keep ]]; then echo "$counts" >Tests/counts.txt; fi
paste -d' ' <(echo "$counts") <(cut -d' ' -f2 Tests/counts.txt) | awk '
  { printf "%s per request: %s, kept: %s\n", $1, $2, $3; if ($2 > $3 * 1.1) { bad = 1; print "counts: " $1 " rose by more than a tenth" } }
  END { exit bad }'
