#!/usr/bin/env bash
# Build the book into book/: the same folders as in the repository, so that links out of docs/ work.
set -euo pipefail
cd "$(dirname "$0")/.."
rm -rf book
mdbook build docs
cd book
# mdBook counts folders from docs/, so that its own links on pages outside it go one level too far.
sed -i 's#href="\.\./#href="#g' ./*.html
sed -i 's#href="\.\./\.\./\.\./#href="../../#g' benchmarks/results/*.html
ln -s index.html README.html
# The first chapter is outside docs/, and the list of chapters beside every page.
for page in index SUMMARY; do
  echo '<meta http-equiv="refresh" content="0; url=../index.html">' >docs/$page.html
done
# And its contents there lead to pages beside them: send the reader on to docs/.
(cd docs && find . -name '*.html') | while read -r page; do
  [ -e "$page" ] && continue
  mkdir -p "$(dirname "$page")"
  up=$(dirname "$page" | sed 's#[^./][^/]*#..#g')
  echo "<meta http-equiv=\"refresh\" content=\"0; url=$up/docs/$page\">" >"$page"
done
# Style sheets for the pages outside docs/, and sources for the links to them.
cp -rsn "$PWD"/docs/. "$PWD"/../{crates,benchmarks,conformance,presets,tests} .
cp -sn "$PWD"/../{clippy.toml,check.sh,rustfmt.toml,Cargo.toml,LICENSE-*} .
echo "book/index.html"
