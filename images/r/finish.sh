#!/bin/sh
# Runs inside the finished root, as its root user and without a network: what maintainer scripts would have made.
set -eu

# The locale of jobs; its sources are of no use afterwards.
mkdir -p /usr/lib/locale
localedef --no-archive -i en_US -f UTF-8 /usr/lib/locale/en_US.utf8
rm -rf /usr/share/i18n

# Debian's alternatives: one of each is here.
libraries=/usr/lib/x86_64-linux-gnu
ln -sf blas/libblas.so.3 "$libraries/libblas.so.3"
ln -sf lapack/liblapack.so.3 "$libraries/liblapack.so.3"
ln -sf which.debianutils /usr/bin/which

sed "s/^R_PAPERSIZE_USER=.*/R_PAPERSIZE_USER=\${R_PAPERSIZE-'letter'}/" /usr/lib/R/etc/Renviron.ucf >/etc/R/Renviron
mkdir -p /usr/local/lib/R/site-library

# Vignettes and the tests of packages: a quarter of the image, and nothing that a program reads.
rm -rf /usr/lib/R/site-library/*/doc /usr/lib/R/site-library/*/tests

fc-cache -s
