#!/bin/bash
# Builds what the machines of the bed run and prints its path: `build.sh node` (the whole of Kubernetes in one program) or
# `build.sh pause` (the process that holds a pod's namespaces, static). Cold the first takes minutes, so both are kept
# outside the build tree: ${HOWDAH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/howdah}/NAME-HASH.
# Exit status 3: Go or the modules cannot be had here; the last line says which, for tests to skip aloud.
set -euo pipefail
what=${1:?node or pause}
kubernetes=v1.34.4
cache=${HOWDAH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/howdah}
here=$(cd "$(dirname "$0")" && pwd)
unavailable() { echo "$what for the end-to-end tests: $*" >&2; exit 3; }

case $what in
node) key=$(cat "$here"/node/{go.mod,main.go} | sha256sum) ;;
pause) key=$(sha256sum <"$here/images/pause.c") ;;
*) echo "build.sh: no program $what" >&2; exit 2 ;;
esac
home=$cache/$what-${key:0:16}
export GOFLAGS="-mod=readonly -buildvcs=false" GOTOOLCHAIN=local GOWORK=off CGO_ENABLED=0

find_go() {
	PATH=$PATH:/usr/local/go/bin
	command -v go >/dev/null || unavailable "no Go (neither on PATH nor in /usr/local/go/bin)"
}

build_node() {
	cd "$here/node"
	find_go
	why=$(go list -deps . 2>&1 >/dev/null) || unavailable "no Go modules: $(tail -n 1 <<<"$why")"
	echo "building Kubernetes $kubernetes (once, some minutes) ..." >&2
	go build -trimpath -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$kubernetes" -o "$1" .
}

build_pause() {
	"${CC:-gcc}" -static -Os -s -o "$1" "$here/images/pause.c"
}

if [ ! -x "$home/$what" ]; then
	mkdir -p "$home"
	exec 9>"$home/lock"
	flock 9			# two test runs at once: the second one finds the first one's program
	if [ ! -x "$home/$what" ]; then
		"build_$what" "$home/$what.new"
		mv "$home/$what.new" "$home/$what"
	fi
fi
echo "$home/$what"
