#!/bin/sh
# Enters an image's root without isolation, in a mount namespace of its own so that nothing is left behind.
# enter.sh ROOT DRIVER SCRIPT
set -eu
root=$1 driver=$2 script=$3
for folder in work tmp home/sample opt/glasshouse/out; do mount -t tmpfs tmpfs "$root/$folder"; done
cp -r "$root/etc/skel/." "$root/home/sample/"
mount --bind "$driver" "$root/opt/glasshouse/driver"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
cp "$script" "$root/tmp/control.py"
exec chroot "$root" /usr/bin/python3.11 /tmp/control.py
