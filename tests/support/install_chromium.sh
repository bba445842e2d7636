#!/bin/sh
# Installs Debian's chromium for the tests in a browser where it is missing and may be installed. Elsewhere it changes
# nothing, and the tests say what they miss.
for name in chromium chromium-browser google-chrome; do
	if command -v "$name" >/dev/null; then exit 0; fi
done
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then exit 0; fi
export DEBIAN_FRONTEND=noninteractive
install() {
	apt-get install --quiet --yes --no-install-recommends chromium fonts-dejavu-core </dev/null
}
# A fresh image has no lists of packages yet.
log=$(install 2>&1 || { apt-get update --quiet && install; } 2>&1) || printf '%s\n' "$log" >&2
