#!/bin/sh
# Runs inside the finished root, as its root user and without a network: what maintainer scripts would have made, and what is derived.
set -eu

python=/usr/bin/python3.11
packages=/usr/local/lib/python3.11/dist-packages

ln -s ../../bin/python3.11 /usr/local/bin/python
# The command as pip would have made it, but for the interpreter's place.
printf '#!%s\nimport sys\nfrom manim.__main__ import main\nsys.exit(main())\n' "$python" >/usr/local/bin/manim
chmod 755 /usr/local/bin/manim
rm -rf /usr/local/share/man

# LaTeX: Debian's configuration, put together as tex-common's triggers do it. Hyphenation is English alone, as in the template of Manim's.
common=/var/lib/tex-common texmf=/var/lib/texmf
cat /etc/texmf/texmf.d/*.cnf >/etc/texmf/web2c/texmf.cnf
cat "$common"/fontmap-cfg/texlive/*.cfg >"$texmf/updmap.cfg-TEXLIVEDIST"
cat "$common"/fontmap-cfg/texmf/*.cfg >"$texmf/updmap.cfg-DEBIAN"
mkdir -p "$texmf/tex/generic/config"
printf '%s\n' 'english hyphen.tex' =usenglish =USenglish =american 'dumylang dumyhyph.tex' 'nohyphenation zerohyph.tex' \
    >"$texmf/tex/generic/config/language.dat"
grep -hE '^(latex|pdflatex) ' "$common"/fmtutil-cnf/texlive/*.cnf >"$texmf/fmtutil.cnf-TEXLIVEDIST"
: >"$texmf/fmtutil.cnf-DEBIAN"
mktexlsr --quiet
# The names and dates in logs and formats are the same whenever this runs.
export SOURCE_DATE_EPOCH=1704067200 FORCE_SOURCE_DATE=1
{ updmap-sys --quiet && fmtutil-sys --quiet --all; } >/tmp/tex.log 2>&1 || { cat /tmp/tex.log >&2; exit 1; }
rm -f "$texmf"/web2c/*/*.log "$texmf"/web2c/*.log
mktexlsr --quiet
rm -rf /root/.texlive*

# Unchecked: the image is read-only, so no start has to compare sources with their bytecode.
# The environment fixes the hash seed, which the order of sets in bytecode depends on.
"$python" -P -m compileall -q -j 0 --invalidation-mode unchecked-hash /usr/lib/python3.11 /usr/lib/python3 "$packages"

fc-cache -s
