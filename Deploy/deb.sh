#!/usr/bin/env bash
# Makes a Debian package of a worker that was built with Deploy/build.sh, and prints where it lies: the program, the
# systemd unit, the manual page, completions for bash, zsh and fish, and examples of the configuration.
#
#   Deploy/deb.sh                       builds the worker first
#   Deploy/deb.sh BINARY [FOLDER]       of this binary, into this folder; .build/deb by default
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v dpkg-deb >/dev/null; then
  echo "deb: dpkg-deb is missing; packages are made on Debian or Ubuntu" >&2
  exit 69
fi
binary=${1:-$(Deploy/build.sh cancel-worker -Xlinker -s)}
target=${2:-.build/deb}
version=$("$binary" --version)
architecture=$(dpkg --print-architecture)
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
day=$(date -u -d "@$epoch" +%Y-%m-%d)

# What the program loads, by the packages that hold it. Swift's own libraries are in no package.
depends=()
while read -r library; do
  # Where /lib is a link to /usr/lib, packages may know either name.
  package=$({ dpkg -S "$library" || dpkg -S "$(realpath "$library")"; } 2>/dev/null | head -n 1 | cut -d: -f1 || true)
  if [ -z "$package" ]; then
    echo "deb: $library belongs to no package; build the program with Deploy/build.sh" >&2
    exit 65
  fi
  # Symbols may be as new as what was linked.
  depends+=("$package (>= $(dpkg-query -W -f '${source:Upstream-Version}' "$package"))")
done < <(needed=$(objdump -p "$binary" | sed -n 's/^ *NEEDED *//p')
  ldd "$binary" | while read -r name _ path _; do
    if grep -qxF "$name" <<<"$needed" && [ -e "${path:-}" ]; then echo "$path"; fi
  done)
mapfile -t depends < <(printf '%s\n' "${depends[@]}" "ca-certificates" | sort -u)

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
put() { install -D -m "$1" "$2" "$root/$3"; }
documents=usr/share/doc/cancel-worker
put 755 "$binary" usr/bin/cancel-worker
strip --strip-unneeded "$root/usr/bin/cancel-worker"
sed -e 's#/usr/local/bin/#/usr/bin/#' -e '/^# install -m/d' Deploy/systemd/cancel-worker.service >"$root/unit"
put 644 "$root/unit" usr/lib/systemd/system/cancel-worker.service
rm "$root/unit"
install -d -m 755 "$root/etc/cancel-worker"
for example in Deploy/config/*.yaml Deploy/systemd/environment.example; do
  put 644 "$example" "$documents/examples/$(basename "$example")"
done
put 644 Deploy/debian/copyright "$documents/copyright"
put 644 Deploy/debian/lintian-overrides usr/share/lintian/overrides/cancel-worker
compressed() { gzip -9n >"$root/$1"; chmod 644 "$root/$1"; }
install -d "$root/usr/share/man/man1"
compressed "$documents/changelog.gz" <Deploy/CHANGELOG.md
"$binary" --experimental-dump-help | python3 Deploy/debian/manual.py "$version" "$day" \
  | compressed usr/share/man/man1/cancel-worker.1.gz
completion() {
  install -d "$root/$(dirname "$2")"
  # A file that is read by a shell names none.
  "$binary" --generate-completion-script "$1" | sed '1{/^#!/d}' >"$root/$2"
}
completion bash usr/share/bash-completion/completions/cancel-worker
completion zsh usr/share/zsh/vendor-completions/_cancel-worker
completion fish usr/share/fish/vendor_completions.d/cancel-worker.fish

install -d "$root/DEBIAN"
for script in postinst prerm postrm; do install -m 755 "Deploy/debian/$script" "$root/DEBIAN/$script"; done
size=$(du -sk --exclude=DEBIAN "$root" | cut -f1)
cat >"$root/DEBIAN/control" <<CONTROL
Package: cancel-worker
Version: $version
Architecture: $architecture
Maintainer: The authors of cancel-worker <cancel-worker@packages.example.com>
Installed-Size: $size
Depends: $(printf '%s\n' "${depends[@]}" | paste -sd, | sed 's/,/, /g')
Section: net
Priority: optional
Description: cancels orders at the eToro public API on requests from Kafka
 Reads cancel requests from a Kafka topic, cancels each order once, and
 publishes one result for each request. Deduplicates by order, keeps to the
 API's quota, sends kill-switches first, and cancels whole accounts.
CONTROL
find "$root" -depth -exec touch -h -d "@$epoch" {} +
mkdir -p "$target"
package=$target/cancel-worker_${version}_${architecture}.deb
SOURCE_DATE_EPOCH=$epoch dpkg-deb --root-owner-group -Zxz --build "$root" "$package" >/dev/null
echo "$package"
