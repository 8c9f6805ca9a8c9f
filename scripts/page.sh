#!/bin/sh
# Looks at a page of `llz explain --html` in a headless browser: no message on the console, nothing serious
# that axe-core finds, and how long a page of 1 MB takes to open. Leaves pictures in OUT.
#
#     scripts/page.sh OUT
#
# LLZ is the program (default: target/release/llz), CHROMIUM the browser (default: chromium). Needs node and npm, which
# fetches playwright-core and axe-core into OUT.
set -eu
cd "$(dirname "$0")/.."
out=$(mkdir -p "$1" && realpath "$1")
llz=$(realpath "${LLZ:-target/release/llz}")
here=$PWD
cd "$out"
[ -d node_modules/axe-core ] || npm install --no-save --silent playwright-core@1.65.1 axe-core@4.14.1
head -c 20000 "$here/FORMAT.md" >small.txt
cat "$here"/FORMAT.md "$here"/src/*/*.rs | head -c 1000000 >large.txt
"$llz" explain -q -f -4 --html small.html --beside small small.txt
"$llz" explain -q -f -4 --html large.html large.txt
CHROMIUM=${CHROMIUM:-chromium} NODE_PATH=$out/node_modules node "$here/scripts/page.cjs" "$out"
