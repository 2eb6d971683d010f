#!/usr/bin/env bash
# Runs everything that must hold: lint, types, the import law, an audit of the dependencies, then the tests on SQLite and
# Postgres and in Chromium. Arguments go to pytest (./test.sh -k words, ./test.sh tests/ledger, ./test.sh --soak); the
# ones that pick tests leave the static checks out. The exit code is that of the first step that failed.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1

. scripts/environment.sh
ensure_environment requirements-dev requirements.txt requirements-dev.txt

status=0
step() {
    say "== $1"
    shift
    "$@"
    local code=$?
    [ "$status" -ne 0 ] || status=$code
}

# Prints the path of an installed Chromium.
find_chromium() {
    local name
    for name in ${CHROMIUM_PATH:+"$CHROMIUM_PATH"} chromium chromium-browser google-chrome; do
        command -v "$name" && return
    done
    return 1
}

# Installs a Debian package where apt-get is there and may be used without asking anyone for a password.
install_package() {
    command -v apt-get >/dev/null || return 1
    local as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo -n)
    ${as_root[@]+"${as_root[@]}"} true 2>/dev/null || return 1
    say "Installing $1 for the tests."
    export DEBIAN_FRONTEND=noninteractive
    ${as_root[@]+"${as_root[@]}"} apt-get install -y -qq --no-install-recommends "$1" >/dev/null 2>&1 && return
    ${as_root[@]+"${as_root[@]}"} apt-get update -qq >/dev/null &&
        ${as_root[@]+"${as_root[@]}"} apt-get install -y -qq --no-install-recommends "$1" >/dev/null
}

# True when an argument picks tests: a file or folder, or -k, -m, --lf and the like.
picks_tests() {
    local argument
    for argument in "$@"; do
        case $argument in -k* | -m* | --lf | --ff | --last-failed | --failed-first) return 0 ;; esac
        [ -e "${argument%%::*}" ] && return 0
    done
    return 1
}

if ! find_chromium >/dev/null; then install_package chromium || true; fi
if CHROMIUM_PATH=$(find_chromium); then
    export CHROMIUM_PATH
else
    unset CHROMIUM_PATH
    say "########################################################################################"
    say "# There is no Chromium on this machine and it could not be installed with apt-get.     #"
    say "# The browser tests CANNOT RUN: they are skipped here, and fail where CI=true is set.  #"
    say "########################################################################################"
fi

if [ -z "${TEST_REDIS_URL:-}" ] && ! command -v redis-server >/dev/null && ! install_package redis-server; then
    say "########################################################################################"
    say "# There is no Redis on this machine and it could not be installed with apt-get.        #"
    say "# Tests of several servers CANNOT RUN: skipped here, and a failure where CI=true.      #"
    say "########################################################################################"
fi

if ! picks_tests "$@"; then
    step "ruff check" .venv/bin/python -m ruff check .
    step "ruff format" .venv/bin/python -m ruff format --check --quiet .
    step "pyright" .venv/bin/python -m pyright
    step "import law" .venv/bin/python -c 'from importlinter.cli import lint_imports_command as run; run(["--no-logo"])'
    step "known vulnerabilities" .venv/bin/python -m scripts.audit_dependencies
fi

if picks_tests "$@"; then
    step "pytest" .venv/bin/python -m pytest "$@"
else
    # What measures time comes last, with the machine to itself, and so does the one site that the browser visits.
    step "pytest, a worker for each core" \
        .venv/bin/python -m pytest -n auto --dist loadfile -m "not alone and not browser" "$@"
    step "pytest, one by one" .venv/bin/python -m pytest -m "alone or browser" "$@"
fi
exit "$status"
