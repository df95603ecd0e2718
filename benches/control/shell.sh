#!/bin/sh
# A plain tool in an image's root, without isolation: shell.sh ROOT FOLDER.
# Each line of standard input names a folder in FOLDER and then a command, which is run there; the exit status is written when it has ended.
set -eu
root=$1 folder=$2
mount --bind "$folder" "$root/work"
for place in tmp home/sample; do mount -t tmpfs tmpfs "$root/$place"; done
cp -r "$root/etc/skel/." "$root/home/sample/"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
exec chroot "$root" /usr/bin/sh -c '
while read -r name command; do
    cd "/work/$name"
    status=0
    $command >stdout 2>stderr </dev/null || status=$?
    echo "$status"
done'
