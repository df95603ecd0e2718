#!/bin/sh
# Runs inside the finished root, as its root user and without a network: what is derived from the packages.
set -eu

# Tools of those who develop Vulkan drivers; the browser loads neither.
rm -f /usr/lib/chromium/libVkLayer_khronos_validation.so /usr/lib/chromium/libVkICD_mock_icd.so
rm -f /usr/lib/chromium/*.TOC

fc-cache -s

# The fonts are pinned and the rules are Debian's own, so that a page looks here as in a plain Debian with these fonts.
# Should a later rule choose another font, pictures would change unnoticed: better no image than that.
expect() {
    found=$(fc-match --format '%{family[0]}' "$1")
    test "$found" = "$2" || { echo "$1 would be drawn with $found instead of $2" >&2; exit 1; }
}
expect serif "DejaVu Serif"
expect sans-serif "DejaVu Sans"
expect monospace "DejaVu Sans Mono"
expect system-ui "DejaVu Sans"
expect cursive "DejaVu Sans"
expect fantasy "DejaVu Sans"
expect emoji "Noto Color Emoji"
# What the browser's own settings call its serif, sans-serif and fixed fonts.
expect "Times New Roman" "Liberation Serif"
expect Arial "Liberation Sans"
expect Helvetica "Liberation Sans"
expect "Courier New" "Liberation Mono"
expect sans-serif:lang=ja "Noto Sans CJK JP"
expect sans-serif:lang=zh-cn "Noto Sans CJK SC"
expect sans-serif:lang=ko "Noto Sans CJK KR"
expect serif:lang=ja "Noto Serif CJK JP"
