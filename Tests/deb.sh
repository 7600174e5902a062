#!/usr/bin/env bash
# Makes the Debian package, installs it, looks at what is there, and purges it again. Needs root.
#
#   Tests/deb.sh            builds the worker for production first
#   Tests/deb.sh BINARY     of a binary that Deploy/build.sh made
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "$(id -u)" != 0 ]; then
  echo "deb: packages are installed by root" >&2
  exit 77
fi
missing=()
command -v man >/dev/null || missing+=(man-db)
command -v lintian >/dev/null || missing+=(lintian)
command -v zsh >/dev/null || missing+=(zsh)
[ "${#missing[@]}" = 0 ] || Deploy/install-packages.sh "${missing[@]}"

scratch=$(mktemp -d)
trap 'dpkg --purge cancel-worker >/dev/null 2>&1 || true; rm -rf "$scratch"' EXIT
package=$(Deploy/deb.sh ${1:+"$1"} "$scratch")
again=$(Deploy/deb.sh ${1:+"$1"} "$scratch/again")
cmp "$package" "$again" || { echo "deb: the same build makes two different packages" >&2; exit 1; }

# No entry in Debian's bug tracker is closed by it, and it has one changelog.
lintian --fail-on error,warning --suppress-tags \
  initial-upload-closes-no-bugs,no-changelog,wrong-name-for-changelog-of-native-package,debian-changelog-file-missing \
  "$package"

apt-get install -y -qq "$package" >"$scratch/install" 2>&1 || { cat "$scratch/install" >&2; exit 1; }
said=$(/usr/bin/cancel-worker --version)
[ "$said" = "$(dpkg-query -W -f '${Version}' cancel-worker)" ]
/usr/bin/cancel-worker demo --requests 20 | tail -n 1 | grep -F "requests=20 results=20 missing=0 repeated=0"
bash -n /usr/share/bash-completion/completions/cancel-worker
zsh -n /usr/share/zsh/vendor-completions/_cancel-worker
warnings=$(LC_ALL=C.UTF-8 man --warnings -l /usr/share/man/man1/cancel-worker.1.gz 2>&1 >"$scratch/manual")
[ -z "$warnings" ] || { echo "$warnings" >&2; exit 1; }
grep -q 'kill-switches' "$scratch/manual"
if command -v systemd-analyze >/dev/null; then systemd-analyze verify /usr/lib/systemd/system/cancel-worker.service; fi
! systemctl is-enabled --quiet cancel-worker.service 2>/dev/null || { echo "deb: it enabled the service" >&2; exit 1; }
# Each example is a configuration that can be read.
for example in /usr/share/doc/cancel-worker/examples/minimal.yaml; do
  said=$(/usr/bin/cancel-worker topics describe --config "$example" 2>&1) || true
  ! grep -q "the configuration has" <<<"$said" || { echo "$said" >&2; exit 1; }
done

dpkg --purge cancel-worker >"$scratch/purge" 2>&1
left=$(find /etc/cancel-worker /usr/bin/cancel-worker /usr/share/doc/cancel-worker /usr/lib/systemd/system/cancel-worker.service \
  -maxdepth 0 2>/dev/null || true)
[ -z "$left" ] || { echo "deb: purged, and there still is: $left" >&2; exit 1; }
echo "deb: $(basename "$package") installs, runs and is purged"
