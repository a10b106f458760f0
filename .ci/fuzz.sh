#!/usr/bin/env bash
# Fuzzes every target of fuzz/ for a few seconds each (FUZZ_SECONDS, 10). The same targets run over arbitrary bytes in
# `cargo test` (tests/it/totality.rs), where nothing has to be installed; this goes further with coverage as its guide.
# Exits 0 when every target held, 1 when one did not, 2 when cargo-fuzz cannot be had here.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-10}

# `ready` installs what it needs and says whether it is there; `.ci/run` skips the stage when it is not.
if ! cargo fuzz --version >/dev/null 2>&1; then
  cargo install --locked --quiet cargo-fuzz@0.13.2 || { echo "cargo-fuzz could not be installed"; exit 2; }
fi
command -v c++ >/dev/null 2>&1 || { echo "libFuzzer is C++, and there is no C++ compiler"; exit 2; }
[ "${1:-}" = ready ] && exit 0

# On stable: no sanitizer (-s none), for there is no unsafe code of ours to watch; overflow checks are on (--dev).
cargo fuzz build --dev -s none || exit 1
broken=()
for target in $(cargo fuzz list); do
  log=fuzz/target/$target.log
  if cargo fuzz run --dev -s none "$target" -- -max_total_time="$seconds" -max_len=2048 -timeout=5 >"$log" 2>&1; then
    printf '%-8s %s\n' "$target" "$(grep -E '^Done|stat::number_of_executed_units' "$log" | tail -n1)"
  else
    broken+=("$target")
    tail -n 30 "$log"
  fi
done
if [ "${#broken[@]}" -gt 0 ]; then
  echo "targets that did not hold: ${broken[*]}"
  exit 1
fi
