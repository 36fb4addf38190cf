#!/bin/bash
# Builds helm for the tests and prints its path. Cold it takes a minute or two, so it is kept outside the build tree:
# ${HOWDAH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/howdah}/helm-VERSION.
# Exit status 3: Go or the modules cannot be had here; the last line says which, for tests to skip aloud.
set -euo pipefail
version=v3.19.5
home=${HOWDAH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/howdah}/helm-$version
unavailable() { echo "helm for tests: $*" >&2; exit 3; }

if [ ! -x "$home/helm" ]; then
	PATH=$PATH:/usr/local/go/bin
	command -v go >/dev/null || unavailable "no Go (neither on PATH nor in /usr/local/go/bin)"
	mkdir -p "$home"
	exec 9>"$home/lock"
	flock 9			# two test runs at once: the second one finds the first one's program
	if [ ! -x "$home/helm" ]; then
		echo "building helm $version (once, a minute or two) ..." >&2
		log=$(GOBIN=$home/new GOTOOLCHAIN=local GOWORK=off CGO_ENABLED=0 go install -trimpath -ldflags "-s -w" \
			"helm.sh/helm/v3/cmd/helm@$version" 2>&1) || unavailable "$(tail -n 1 <<<"$log")"
		mv "$home/new/helm" "$home/helm"
	fi
fi
echo "$home/helm"
