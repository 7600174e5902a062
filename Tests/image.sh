#!/usr/bin/env bash
# Does what the last stage of Deploy/Dockerfile does, in a root of that Debian, and runs the worker there. It stands in for
# `docker build` where there is no Docker; needs root and debootstrap.
#
#   Tests/image.sh            builds the worker for production first
#   Tests/image.sh BINARY     with a binary that Deploy/build.sh made
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "$(id -u)" != 0 ]; then
  echo "image: a root of another Debian is made by root" >&2
  exit 77
fi
command -v debootstrap >/dev/null || Deploy/install-packages.sh debootstrap
binary=${1:-$(Deploy/build.sh cancel-worker)}

stage=$(sed -n '/^FROM debian:/,$p' Deploy/Dockerfile)
release=$(sed -n 's/^FROM debian:\([0-9]*\).*/\1/p' <<<"$stage")
packages=$(grep -oE '(^| )[a-z0-9][a-z0-9.+-]*=[^ ]+' <<<"$stage" | tr -d ' ')
user=$(sed -n 's/^USER //p' <<<"$stage")
case "$release" in
13) suite=trixie ;;
*) echo "image: name the suite of Debian $release in this script" >&2 && exit 65 ;;
esac

root=$(mktemp -d)
chmod 755 "$root"
# A folder of this machine is none of the root's.
unset TMPDIR
leave() {
  umount "$root/proc" 2>/dev/null || true
  rm -rf --one-file-system "$root"
}
trap leave EXIT
debootstrap --variant=minbase "$suite" "$root" >"$root.log" 2>&1 || { tail "$root.log" >&2; exit 1; }
rm "$root.log"
mount -t proc proc "$root/proc"
chroot "$root" apt-get update -qq
# shellcheck disable=SC2086 # one word for each package
DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get install -y -qq --no-install-recommends $packages \
  >"$root/install.log" 2>&1 || { cat "$root/install.log" >&2; exit 1; }
install "$binary" "$root/usr/local/bin/cancel-worker"
mknod -m 666 "$root/dev/null" c 1 3 2>/dev/null || true

inside() { chroot --userspec="$user" "$root" env ETORO_API_KEY=made-up-key ETORO_USER_KEY=made-up-user "$@"; }
wanted=$(sed -n 's/^librdkafka1=\([0-9.]*\).*/\1/p' <<<"$packages")
# Nothing listens there: what is asked for is the version that was loaded.
said=$(inside env KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:1 /usr/local/bin/cancel-worker check 2>&1 || true)
grep -F "librdkafka $wanted," <<<"$said" || { echo "image: check told another librdkafka than $wanted: $said" >&2; exit 1; }
inside /usr/local/bin/cancel-worker demo --requests 200 | tail -n 1 | grep -F "requests=200 results=200 missing=0 repeated=0"
echo "image: the worker runs on Debian $(cat "$root/etc/debian_version") with librdkafka $wanted"
