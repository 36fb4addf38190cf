#!/usr/bin/env bash
# Installs what building and testing need on a Debian machine, with the word "demo" only what `make demo` needs, with "e2e"
# also what nodes need; does nothing when it is all there.
set -euo pipefail
packages=(gcc libc6-dev make pkg-config libuv1-dev libwebsockets-dev libwebsockets-evlib-uv libcurl4-openssl-dev libssl-dev
	libpq-dev libyaml-dev libcjson-dev postgresql-15 openssl iproute2 iptables python3 python3-psycopg2 python3-yaml)
for_tests=(clang clang-format codespell libcmocka-dev libclang-rt-14-dev llvm lld python3-pytest python3-pytest-xdist
	pgbackrest)
for_nodes=(containerd runc containernetworking-plugins conntrack ethtool socat debootstrap buildah)
case ${1:-tests} in
e2e) packages+=("${for_tests[@]}" "${for_nodes[@]}") ;;
demo) ;;
tests) packages+=("${for_tests[@]}") ;;
*) echo "usage: install.sh [demo | tests | e2e]" >&2; exit 2 ;;
esac
missing=()
for p in "${packages[@]}"; do
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
done
[ ${#missing[@]} -gt 0 ] || exit 0
[ "$(id -u)" = 0 ] || { echo "install as root: apt-get install ${missing[*]}" >&2; exit 1; }
echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# no cluster of its own: the tests make theirs
mkdir -p /etc/postgresql-common
[ -e /etc/postgresql-common/createcluster.conf ] || echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
# nor services: the tests start what they need
log=$(mktemp) policy=/usr/sbin/policy-rc.d
if [ -e $policy ]; then
	policy=
else
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod +x $policy
fi
trap 'rm -f "$log" $policy' EXIT
apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
