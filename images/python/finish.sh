#!/bin/sh
# Runs inside the finished root, as its root user and without a network: what is derived from the packages.
set -eu

python=/usr/bin/python3.11
packages=/usr/local/lib/python3.11/dist-packages

ln -s ../../bin/python3.11 /usr/local/bin/python
rm -rf /usr/local/share/man

# Matplotlib writes MP4 through whatever `ffmpeg` the PATH holds; this wheel carries a static one.
for binary in "$packages"/imageio_ffmpeg/binaries/ffmpeg-*; do
    chmod 755 "$binary"
    ln -s "$binary" /usr/local/bin/ffmpeg
done

# Unchecked: the image is read-only, so no start has to compare sources with their bytecode.
# The environment fixes the hash seed, which the order of sets in bytecode depends on.
"$python" -P -m compileall -q -j 0 --invalidation-mode unchecked-hash /usr/lib/python3.11 /usr/lib/python3 "$packages"

fc-cache -s

mkdir -p /etc/skel/.matplotlib
MPLCONFIGDIR=/etc/skel/.matplotlib "$python" -c 'import matplotlib.font_manager'
test -s /etc/skel/.matplotlib/fontlist-*.json
