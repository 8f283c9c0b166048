#!/usr/bin/env bash
# Installs what the tests drive besides Python and Node, unless it is there: two browsers, and nginx.
# Without the browsers it fails; without nginx the proxy's tests are skipped, and say so.
set -euo pipefail

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  as_root=(sudo)
fi

install() {
  echo "Installing $* ..."
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

missing=()
for browser in chromium firefox-esr; do
  [ -x "/usr/bin/$browser" ] || missing+=("$browser")
done
if [ ${#missing[@]} -gt 0 ]; then
  if ! command -v apt-get >/dev/null; then
    echo "The browser tests need ${missing[*]} in /usr/bin: install with this system's package manager." >&2
    exit 1
  fi
  install "${missing[@]}"
fi
if [ ! -x /usr/sbin/nginx ] && ! command -v nginx >/dev/null; then
  install nginx-light || echo "There is no nginx: the tests of the proxy will be skipped." >&2
fi
