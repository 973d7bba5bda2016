#!/usr/bin/env bash
# The whole CI, on a laptop too: format, lints, docs, tests, Python parity, presets, examples.
# Needs a Rust toolchain and Python 3.11 with pip; what else it needs it installs itself.
set -euo pipefail
cd "$(dirname "$0")"

step() { printf '\n== %s (%ss)\n' "$1" "$SECONDS"; }

step "format"
cargo fmt --all --check

step "lints: warnings are errors"
cargo clippy --workspace --all-targets --locked -- -D warnings

step "tests"
# nextest runs every test in a process of its own, so that one cannot disturb another.
if ! cargo nextest --version >/dev/null 2>&1; then
  cargo install cargo-nextest --locked
fi
cargo nextest run --workspace --locked

step "documentation examples"
cargo test --workspace --doc --locked

step "documentation: broken links are errors"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

step "the Python originals"
venv=target/check-venv
if [ ! -x "$venv/bin/python" ]; then
  # Debian ships the venv module in a package of its own.
  python3 -m venv "$venv" 2>/dev/null || {
    apt-get update -qq && apt-get install -y -qq python3-venv
    python3 -m venv --clear "$venv"
  }
fi
# Does nothing where all of it is there.
"$venv/bin/python" -m pip install -q --disable-pip-version-check -r tests/python/requirements.txt
# gradwerk finds MuJoCo in the active Python.
export VIRTUAL_ENV="$PWD/$venv"

step "tests with MuJoCo"
# Of the whole workspace: built as above, so that nothing is built again.
cargo nextest run --workspace --locked --run-ignored only -E 'package(gradwerk-mujoco)'

step "the binary, its presets and the examples"
# Release builds, as users run them.
cargo build --release --locked -p gradwerk-cli -p gradwerk --bins --examples
for preset in presets/*.toml; do
  # Atari's emulator is Python's: the tests of the package train with its preset.
  [[ $preset == presets/ALE-* ]] && continue
  ./target/release/gradwerk config validate "$preset"
done
for example in crates/gradwerk/examples/*.rs; do
  echo "-- example $(basename "$example" .rs)"
  "./target/release/examples/$(basename "$example" .rs)" >/dev/null
done

step "parity with the Python originals"
"$venv/bin/python" -m pytest -q -n 2 tests/python

step "the Python package: wheel, stubs, tests"
python="$PWD/$venv/bin/python" package=crates/gradwerk-python
rm -rf target/wheels
"$venv/bin/maturin" build --release --locked -q -m "$package/Cargo.toml" -i "$python" --out target/wheels
"$python" -m pip install -q --disable-pip-version-check --no-deps --force-reinstall target/wheels/*.whl
(
  cd "$package"
  "$python" -m mypy --config-file pyproject.toml -p gradwerk
  "$python" -m mypy.stubtest --mypy-config-file pyproject.toml gradwerk._core
  "$python" -m pytest -q -n 2
)

step "all checks passed"
