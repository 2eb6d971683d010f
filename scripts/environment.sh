# Sourced by run.sh and test.sh, from the project's root: makes .venv and keeps it equal to the requirement files.
# Nothing is installed that is not pinned and hashed there. The second time nothing is done.

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# Prints the first Python of at least 3.11 that can make virtual environments.
find_python() {
    local name
    for name in ${PYTHON:+"$PYTHON"} python3.11 python3.12 python3.13 python3.14 python3 python; do
        if "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            printf '%s\n' "$name"
            return
        fi
    done
    fail "ProjectLoom needs Python 3.11 or newer with its venv module, and none was found.
On Debian or Ubuntu: apt-get install python3 python3-venv. Or name one: PYTHON=/path/to/python3.12 $0"
}

# Prints a hash of the requirement files named and of the Python they are installed for.
requirements_stamp() {
    .venv/bin/python - requirements-uv.txt "$@" <<'PYTHON'
import hashlib, pathlib, sys

parts = [sys.version, *(pathlib.Path(name).read_text() for name in sys.argv[1:])]
print(hashlib.sha256("\n".join(parts).encode()).hexdigest())
PYTHON
}

# ensure_environment NAME FILE...: .venv holds what the requirement files say; NAME is the stamp that remembers it.
ensure_environment() {
    local stamp=".venv/$1.sha256" python
    shift
    # Modules compiled at the first start make the next one quick, so they are kept even where that is switched off.
    unset PYTHONDONTWRITEBYTECODE
    if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
        python=$(find_python) || exit 1
        say "Creating the environment with $("$python" --version)."
        "$python" -m venv --clear .venv || fail "The environment could not be created in $PWD/.venv."
    fi
    if [ "$(cat "$stamp" 2>/dev/null)" != "$(requirements_stamp "$@")" ]; then
        say "Installing the requirements."
        install_requirements "$@"
        requirements_stamp "$@" >"$stamp"
    fi
}

install_requirements() {
    local files=() file
    for file in "$@"; do files+=(-r "$file"); done
    local pip=(.venv/bin/python -m pip --disable-pip-version-check -q)
    if "${pip[@]}" install --require-hashes -r requirements-uv.txt && install_with_uv "${files[@]}"; then
        return
    fi
    say "uv could not install the requirements; installing them with pip, which takes longer."
    "${pip[@]}" install --no-compile --require-hashes "${files[@]}" || fail "The requirements could not be installed."
}

# uv does not read pip's configuration, so the index named there is handed over.
install_with_uv() {
    local index=${UV_DEFAULT_INDEX:-${PIP_INDEX_URL:-}}
    [ -n "$index" ] || index=$(.venv/bin/python -m pip config get global.index-url 2>/dev/null) || true
    ${index:+env UV_DEFAULT_INDEX="$index"} \
        .venv/bin/python -m uv pip install -q --system-certs --python .venv/bin/python --require-hashes "$@"
}
