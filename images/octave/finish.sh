#!/bin/sh
# Runs inside the finished root, as its root user and without a network: what maintainer scripts would have made.
set -eu

# Debian's alternatives: one of each is here.
libraries=/usr/lib/x86_64-linux-gnu
ln -sf blas/libblas.so.3 "$libraries/libblas.so.3"
ln -sf lapack/liblapack.so.3 "$libraries/liblapack.so.3"
ln -sf gnuplot-nox /usr/bin/gnuplot

# The list of packages that `pkg load` reads. Its first line tells when and where it was made.
octave-cli --silent --no-history --no-init-file --no-window-system --eval "pkg ('rebuild');"
sed -i '1s/.*/# Created by Octave/' /usr/share/octave/octave_packages

# Functions that only those of their folder can call: one among them has Octave read them, for the driver (glasshouse_warm.m).
for folder in appearance draw util; do
    cat >"/usr/share/octave/7.3.0/m/plot/$folder/__parse_${folder}__.m" <<END
function __parse_${folder}__ ()
  for file = glob ([fileparts(mfilename ("fullpath")) "/private/*.m"])'
    [~, name] = fileparts (file{1});
    nargin (name);
  endfor
endfunction
END
done

# Octave keeps a history of what is typed, and complains when it ends if there is no folder for it.
mkdir -p /etc/skel/.local/share/octave

fc-cache -s
