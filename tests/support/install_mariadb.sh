#!/bin/sh
# Installs Debian's MariaDB for the tests where it is missing and may be installed; without its service, so that nothing
# is started. Elsewhere it changes nothing, and the tests that need a server say how to provide one.
PATH="$PATH:/usr/sbin:/usr/local/sbin"
if command -v mariadbd >/dev/null || command -v mysqld >/dev/null; then exit 0; fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then exit 0; fi
export DEBIAN_FRONTEND=noninteractive
install() {
	apt-get install --quiet --yes --no-install-recommends mariadb-server-core mariadb-client-core </dev/null
}
# A fresh image has no lists of packages yet.
log=$(install 2>&1 || { apt-get update --quiet && install; } 2>&1) || printf '%s\n' "$log" >&2
