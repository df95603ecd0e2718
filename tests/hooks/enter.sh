#!/bin/sh
# Runs the python image's interpreter in its root, without isolation: enter.sh ROOT RUNTIME PLACE ARGUMENT...
# RUNTIME is images/python, whose driver and tests are copied beside each other; PLACE is an empty folder.
set -eu
root=$1
runtime=$2
place=$3
shift 3
mount --rbind "$root" "$place"
mount -t tmpfs tmpfs "$place/tmp"
mount -t tmpfs tmpfs "$place/home/sample"
cp -r "$place/etc/skel/." "$place/home/sample"
mkdir "$place/tmp/python"
cp -r "$runtime/driver" "$runtime/tests" "$place/tmp/python"
for shared in dev proc; do mount --rbind "/$shared" "$place/$shared"; done
exec chroot "$place" /usr/bin/env -i HOME=/home/sample PATH=/usr/bin:/bin LANG=C.UTF-8 TZ=UTC MPLBACKEND=Agg \
    MPLCONFIGDIR=/home/sample/.matplotlib PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1 sh -c 'cd /tmp/python/tests && exec python3.11 "$@"' sh "$@"
