#!/bin/sh
# Enters an image's root without isolation; FOLDER of the host becomes /work inside.
# enter.sh ROOT FOLDER ARGUMENT...
set -eu
root=$1 folder=$2
shift 2
mount --bind "$folder" "$root/work"
for place in tmp home/sample; do mount -t tmpfs tmpfs "$root/$place"; done
cp -r "$root/etc/skel/." "$root/home/sample/"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
exec chroot "$root" /usr/bin/python3.11 "$@"
