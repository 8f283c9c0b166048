#!/usr/bin/env bash
# Installs the browsers that the browser tests drive, unless they are there.
set -euo pipefail

missing=()
for browser in chromium firefox-esr; do
  [ -x "/usr/bin/$browser" ] || missing+=("$browser")
done
if [ ${#missing[@]} -eq 0 ]; then
  exit 0
fi
if ! command -v apt-get >/dev/null; then
  echo "The browser tests need ${missing[*]} in /usr/bin: install with this system's package manager." >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  as_root=(sudo)
fi
echo "Installing ${missing[*]} ..."
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
