#!/bin/sh
# The plain `manim` command in the manim image's root, without isolation: manim.sh ROOT FOLDER.
# Each line of standard input names a folder in FOLDER, a quality and a scene of its main.py, which is rendered there; the exit status is
# written when it has ended.
set -eu
root=$1 folder=$2
mount --bind "$folder" "$root/work"
for place in tmp home/sample; do mount -t tmpfs tmpfs "$root/$place"; done
cp -r "$root/etc/skel/." "$root/home/sample/"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
exec chroot "$root" /usr/bin/sh -c '
while read -r name quality scene; do
    cd "/work/$name"
    status=0
    manim render --quality "$quality" main.py "$scene" >stdout 2>stderr </dev/null || status=$?
    echo "$status"
done'
