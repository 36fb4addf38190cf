#!/bin/bash
# Builds the API server for the tests, etcd and kube-apiserver in one program, and prints its path. Cold it takes
# minutes, so it is kept outside the build tree: ${HOWDAH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/howdah}/kube-HASH.
# Exit status 3: Go or the modules cannot be had here; the last line says which, for tests to skip aloud.
set -euo pipefail
version=v1.34.4
cd "$(dirname "$0")/apiserver"
hash=$(cat go.mod main.go | sha256sum | cut -c1-16)
home=${HOWDAH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/howdah}/kube-$hash
unavailable() { echo "kube-apiserver for tests: $*" >&2; exit 3; }

if [ ! -x "$home/hyper" ]; then
	PATH=$PATH:/usr/local/go/bin
	command -v go >/dev/null || unavailable "no Go (neither on PATH nor in /usr/local/go/bin)"
	export GOFLAGS="-mod=readonly -buildvcs=false" GOTOOLCHAIN=local GOWORK=off CGO_ENABLED=0
	mkdir -p "$home"
	exec 9>"$home/lock"
	flock 9			# two test runs at once: the second one finds the first one's program
	if [ ! -x "$home/hyper" ]; then
		why=$(go list -deps . 2>&1 >/dev/null) || unavailable "no Go modules: $(tail -n 1 <<<"$why")"
		echo "building kube-apiserver and etcd $version (once, some minutes) ..." >&2
		go build -trimpath -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$version" -o "$home/hyper.new" .
		mv "$home/hyper.new" "$home/hyper"
	fi
fi
echo "$home/hyper"
