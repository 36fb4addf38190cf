#!/bin/bash
# `build.sh image NAME`: builds the sidecar's image with what is there, $IMAGE_TOOL or buildah, podman, docker.
# `build.sh sbom NAME FILE`: takes the bill of materials out of it.
# BUILD_FLAGS goes to the tool, for example --platform or --network.
set -euo pipefail
what=$1 name=$2
cd "$(dirname "$0")/../.."
tool=${IMAGE_TOOL:-}
for candidate in buildah podman docker; do
	[ -n "$tool" ] || ! command -v $candidate >/dev/null || tool=$candidate
done
[ -n "$tool" ] || { echo "make image: none of buildah, podman and docker is here; IMAGE_TOOL names another" >&2; exit 1; }

image() {
	local epoch=()
	[ -z "${SOURCE_DATE_EPOCH:-}" ] || epoch=(--build-arg "SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH")
	local build=(build)
	case $tool in *buildah) build=(bud --layers) ;; esac
	# shellcheck disable=SC2086
	"$tool" "${build[@]}" ${BUILD_FLAGS:-} "${epoch[@]}" --build-arg "VERSION=$VERSION" \
		--build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || true)" -t "$name" .
}

sbom() {
	local from=/usr/share/doc/howdah/sbom.spdx.json container
	case $tool in
	*buildah)
		container=$("$tool" from --pull-never "$name")
		cp "$("$tool" mount "$container")$from" "$1"
		;;
	*)
		container=$("$tool" create "$name")
		"$tool" cp "$container:$from" "$1"
		;;
	esac
	"$tool" rm "$container" >/dev/null
}

shift 2
"$what" "$@"
