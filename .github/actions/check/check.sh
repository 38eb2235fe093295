#!/usr/bin/env bash
# Run `edgebert check` with the inputs of the action: each is a variable, and an empty one is left out.
set -euo pipefail

arguments=(--github --junit "$JUNIT")
for name in REPORT MAX_DROP MAX_MB MIN_SPEEDUP MAX_P90_MS MIN_AGREEMENT DEVICE FILE; do
  option="--$(tr 'A-Z_' 'a-z-' <<<"$name")"
  if [ -n "${!name}" ]; then
    arguments+=("$option" "${!name}")
  fi
done
case "$ALLOW_UNDECIDED" in
  true) arguments+=(--allow-undecided) ;;
  false) ;;
  *)
    echo "allow-undecided is '$ALLOW_UNDECIDED': expected true or false" >&2
    exit 2
    ;;
esac
exec edgebert check "${arguments[@]}" -- "$BUNDLE"
