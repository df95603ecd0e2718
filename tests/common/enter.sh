#!/bin/bash
# Runs a program of an image in its root, without isolation: enter.sh ROOT FOLDER COMMAND...
# FOLDER of the host becomes /work inside, where the program starts.
set -eu
root=$1 folder=$2
shift 2
mount --bind "$folder" "$root/work"
for place in tmp home/sample; do mount -t tmpfs tmpfs "$root/$place"; done
cp -r "$root/etc/skel/." "$root/home/sample/"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
# What started the tests may have left descriptors open, which the program would see. Bash's own of this script closes by itself.
for descriptor in /proc/self/fd/*; do
    number=${descriptor##*/}
    if [ "$number" -gt 2 ] && [ "$number" != 255 ]; then eval "exec $number>&-"; fi
done
# As a job has it; what came here had to find the host's tools.
exec chroot "$root" /usr/bin/env PATH=/usr/local/bin:/usr/bin:/bin /usr/bin/sh -c 'cd /work && exec "$@"' sh "$@"
