# Sourced by the other scripts.

# make_environment: makes an empty .venv, unless there is one.
make_environment() {
    local python=${PYTHON:-python3}
    if ! "$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 14))'; then
        echo "$("$python" --version) found; idse needs Python 3.10 to 3.14: set PYTHON to one" >&2
        return 1
    fi
    [ -x .venv/bin/python ] || "$python" -m venv .venv
}

# install_packages PACKAGE...: installs packages into .venv.
install_packages() {
    .venv/bin/python -m pip install --quiet --disable-pip-version-check "$@"
}

# prepare EXTRA: makes a .venv with the idse of this source tree; does nothing if it exists already.
prepare() {
    local extra=$1 tree stamp
    make_environment
    tree=$(find idse cpp/vvc cpp/bindings CMakeLists.txt pyproject.toml -type f \
               ! -path '*/__pycache__/*' ! -name '*.so' ! -name '*.pyc' -print0 |
           LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum)
    stamp=.venv/.idse-$extra
    if [ "$(cat "$stamp" 2>/dev/null)" = "$tree" ]; then
        return 0
    fi
    rm -f .venv/.idse-*
    echo "installing idse[$extra] into .venv" >&2
    install_packages ".[$extra]"
    echo "$tree" > "$stamp"
}
