#!/bin/sh
# Runs the web image's browser in its root, without isolation: enter.sh ROOT SWITCH...
# Profiles and shared memory are the host's, so that whoever starts it finds them.
set -eu
root=$1
shift
for place in dev tmp proc; do mount --rbind "/$place" "$root/$place"; done
exec chroot "$root" /usr/bin/env -i HOME=/tmp TMPDIR="${TMPDIR:-/tmp}" LANG=C.UTF-8 TZ=UTC \
    /usr/lib/chromium/chromium-headless-shell "$@"
