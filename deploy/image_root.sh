#!/usr/bin/env bash
# Writes the root file system of the image: the program, the libraries that it loads, certificates of authorities, one user. The
# image has no shell and no package manager. Arguments: the program, the new folder.
set -euo pipefail
program=$1
root=$2
[ ! -e "$root" ] || { echo "image_root.sh: $root exists" >&2; exit 1; }
umask 022
mkdir -p "$root"/{etc/ssl/certs,usr/bin,usr/lib,var/lib/dbaas,tmp}
ln -s usr/lib "$root/lib"
ln -s usr/lib "$root/lib64"
install -m 755 "$program" "$root/usr/bin/dbaas"
strip "$root/usr/bin/dbaas" 2>/dev/null || true  # binutils may be absent

loaded=$(ldd "$program")
if grep -q 'not found' <<<"$loaded"; then
    echo "image_root.sh: libraries are missing: $(grep 'not found' <<<"$loaded")" >&2
    exit 1
fi
# "NAME => PATH (ADDRESS)", or "PATH (ADDRESS)" for the loader. The loader searches /lib and /usr/lib, and finds its own path.
loader=$(sed -n 's/^[[:space:]]*\(\/[^ ]*\) (.*/\1/p' <<<"$loaded")
for library in $(sed -n 's/.* => \(\/[^ ]*\) (.*/\1/p' <<<"$loaded") "$loader"; do
    install -m 755 "$(readlink -f "$library")" "$root/usr/lib/$(basename "$library")"
done

if [ -e /etc/ssl/certs/ca-certificates.crt ]; then
    install -m 644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
    mkdir -p "$root/usr/lib/ssl"
    ln -s /etc/ssl/certs "$root/usr/lib/ssl/certs"
    ln -s /etc/ssl/certs/ca-certificates.crt "$root/usr/lib/ssl/cert.pem"
fi
echo 'dbaas:x:65532:65532::/var/lib/dbaas:/sbin/nologin' >"$root/etc/passwd"
echo 'dbaas:x:65532:' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
chmod 1777 "$root/tmp"
# A later build of the same program has the same content: no file has the time of its creation.
find "$root" -exec touch -h -d "@${SOURCE_DATE_EPOCH:-0}" {} +
