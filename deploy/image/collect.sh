#!/bin/bash
# In the build stage: `collect.sh BUILD ROOT` makes ROOT the whole file system of the image and writes its bill of
# materials, SPDX 2.3, from what dpkg knows of the packages that the files came from.
set -euo pipefail
build=$1 root=$2
here=$(cd "$(dirname "$0")" && pwd)
libdir=/usr/lib/$(gcc -print-multiarch)
# loaded, not linked: ldd does not show it
plugin=$libdir/libwebsockets-evlib_uv.so
certificates=/etc/ssl/certs/ca-certificates.crt

libraries() { ldd "$build/howdah" "$build/howdahctl" "$plugin" | grep -o '/[^ ]*' | grep -v ':$' | sort -u; }

take() { # FILE: to the same path, links followed; /lib is /usr/lib there as it is here
	local to=$1
	case $to in /lib*) to=/usr$to ;; esac
	install -D -m "$(stat -L -c %a "$1")" "$1" "$root$to"
}

package_of() { # FILE: dpkg knows it by one of the two names, before or after the links
	local found
	found=$(dpkg-query -S "$1" "$(readlink -f "$1")" 2>/dev/null || true)
	[ -n "$found" ] || { echo "no package has $1" >&2; return 1; }
	cut -d: -f1 <<<"${found%%$'\n'*}"
}

mkdir -p "$root/usr/lib" "$root/usr/lib64" "$root/usr/bin"
ln -s usr/lib "$root/lib"
ln -s usr/lib64 "$root/lib64"
[ -e "$plugin" ] || { echo "the plug-in for libuv is missing: $plugin" >&2; exit 1; }
packages=ca-certificates
for file in $(libraries) "$plugin"; do
	take "$file"
	package=$(package_of "$file")
	packages+=" $package"
done
take $certificates
for program in howdah howdah-supervisor howdahctl; do
	strip -o "$root/usr/bin/$program" "$build/$program"
done
ln -s howdahctl "$root/usr/bin/kubectl-howdah"

# shellcheck disable=SC2086
packages=$(tr ' ' '\n' <<<"$packages" | sort -u)
mkdir -p "$root/usr/share/doc/howdah"
cp "$here/../../LICENSE" "$root/usr/share/doc/howdah/"
for package in $packages; do
	install -D -m 0644 "/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/copyright"
done
# shellcheck disable=SC2086
"$here/sbom.sh" "$("$build/howdah" --version)" $packages >"$root/usr/share/doc/howdah/sbom.spdx.json"

chroot "$root" /usr/bin/howdah --version
chroot "$root" /usr/bin/howdah-supervisor --version
chroot "$root" /usr/bin/howdahctl version
