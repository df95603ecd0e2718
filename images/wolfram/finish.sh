#!/bin/sh
# Runs inside the finished root, as its root user and without a network: what is derived from the packages.
set -eu

python=/usr/bin/python3.11
packages=/usr/local/lib/python3.11/dist-packages

ln -s ../../bin/python3.11 /usr/local/bin/python
# The command as pip would have made it, but for the interpreter's place.
printf '#!%s\nimport sys\nfrom mathics.__main__ import main\nsys.exit(main())\n' "$python" >/usr/local/bin/mathics3
chmod 755 /usr/local/bin/mathics3
ln -s mathics3 /usr/local/bin/mathics
rm -rf /usr/local/share/man

# Unchecked: the image is read-only, so no start has to compare sources with their bytecode.
# The environment fixes the hash seed, which the order of sets in bytecode depends on.
"$python" -P -m compileall -q -j 0 --invalidation-mode unchecked-hash /usr/lib/python3.11 /usr/lib/python3 "$packages"

fc-cache -s

# The command makes this file, in a folder that it makes when it is loaded: a job's home has both from its start.
mkdir -p /etc/skel/.config/Mathics3
: >/etc/skel/.config/Mathics3/history
