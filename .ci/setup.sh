#!/usr/bin/env bash
# Sets up what `make quickstart` and `make test` need: a virtual environment with the versions of
# requirements.lock and, where it can be built, FFCV. Quick when nothing has changed, safe to
# repeat and to interrupt.
#
# Environment: PYTHON  interpreter to use (default: the first of python3, python3.12, python3.11
#                      that runs and is 3.11 or 3.12)
#              VENV    where the virtual environment goes (default: .venv)
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
VENV=${VENV:-.venv}
STATE=$VENV/.setup      # exists: this script made the environment, and may remake it
DONE=$STATE/done        # fingerprint of what is installed; written last
FFCV=$STATE/ffcv        # what came of FFCV: "installed", "failed" or "no packages"
FFCV_LOG=$STATE/ffcv.log

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

# --- Python ------------------------------------------------------------------------------------

# Runs the interpreter to find out: a pyenv shim exists, but need not run.
good_python() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null
}

python_name() { "$1" -c 'import sys; print("python%d.%d" % sys.version_info[:2])'; }

find_python() {
    local candidate tried=""
    for candidate in ${PYTHON:-python3 python3.12 python3.11}; do
        if good_python "$candidate"; then
            command -v "$candidate"
            return
        fi
        tried+=" $candidate ($(python_name "$candidate" 2>/dev/null || echo "does not run"))"
    done
    die "Python 3.11 or 3.12 is needed. Tried:$tried. Install one (on Debian 12:" \
        "apt-get install python3 python3-venv) or name one: make PYTHON=/path/to/python3.11"
}

# --- System packages ---------------------------------------------------------------------------

# Says how to become root: "env" (is root), "sudo" or "none". A password is asked for once, and
# only on a terminal.
root_by() {
    if [ "$(id -u)" = 0 ]; then
        echo env
    elif sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; } 2>/dev/null; then
        echo sudo
    else
        echo none
    fi
}

as_root() { [ "${ROOT_BY:=$(root_by)}" != none ] && "$ROOT_BY" "$@"; }

apt_install() {
    command -v apt-get >/dev/null || return 1
    say "system packages wanted: $*"
    as_root true || return 1
    as_root apt-get -qq update >/dev/null || say "apt-get update failed, trying without"
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq install -y --no-install-recommends "$@" >/dev/null
}

# The system packages that a build of FFCV with this interpreter still needs, on one line.
missing_for_ffcv() {
    local missing=()
    command -v g++ >/dev/null || missing+=(g++)
    command -v pkg-config >/dev/null || missing+=(pkg-config)
    pkg-config --exists opencv4 2>/dev/null || missing+=(libopencv-dev)
    pkg-config --exists libturbojpeg 2>/dev/null || missing+=(libturbojpeg0-dev)
    pkg-config --exists libjpeg 2>/dev/null || missing+=(libjpeg-dev)
    "$1" -c 'import os, sysconfig
raise SystemExit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' ||
        missing+=("$(python_name "$1")-dev")
    echo "${missing[*]}"
}

# --- The environment ---------------------------------------------------------------------------

# The folder counts, because an editable installation points at it.
fingerprint() {
    { pwd && cat pyproject.toml requirements.lock .ci/setup.sh; } | sha256sum | cut -d' ' -f1
}

# The environment is whole, though perhaps not up to date, and of the Python that was asked for.
usable() {
    [ -e "$DONE" ] && good_python "$VENV/bin/python" &&
        { [ -z "${PYTHON:-}" ] ||
            [ "$(python_name "$PYTHON")" = "$(python_name "$VENV/bin/python")" ]; }
}

up_to_date() { usable && [ "$(cat "$DONE")" = "$(fingerprint)" ]; }

make_venv() {
    local python package
    python=$(find_python)
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        package=$(python_name "$python")-venv
        apt_install "$package" || true
        "$python" -c 'import ensurepip, venv' 2>/dev/null ||
            die "$python cannot make virtual environments. Ask for: apt-get install $package"
    fi
    if [ -e "$VENV" ] && [ ! -d "$STATE" ]; then
        die "$VENV exists and was not made by this script: remove it, or set VENV=another/folder"
    fi
    say "making $VENV with $python ($(python_name "$python"))"
    rm -rf "$VENV"
    mkdir -p "$STATE"
    "$python" -m venv "$VENV"
}

# Installs the project with the given extras. As constraints, the locked versions serve with and
# without the optional packages. uv takes a third of pip's time but does not read pip's settings
# (an index of one's own, a certificate), so pip has the last word.
install() {
    # compiled here once: where PYTHONDONTWRITEBYTECODE is set, every start would compile torch anew;
    # the project again even if it is there: its decoder needs packages that may just have come
    "$VENV/bin/python" -m uv pip install --quiet --compile-bytecode --python "$VENV/bin/python" \
        --reinstall-package architecture-ablations --constraint requirements.lock --editable ".[$1]" ||
        { say "uv could not install it, trying pip" && pip_install --editable ".[$1]"; }
}

pip_install() {
    "$VENV/bin/python" -m pip --disable-pip-version-check install -qq \
        --constraint requirements.lock "$@"
}

# FFCV is an option: whatever goes wrong is said and stops nothing.
install_ffcv() {
    local missing
    missing=$(missing_for_ffcv "$VENV/bin/python")
    if [ -n "$missing" ]; then
        say "going on without FFCV (optional). To have it, ask for: apt-get install $missing"
        echo "no packages" >"$FFCV"
        return
    fi
    say "building FFCV"
    if { install dev,slurm,onnx,ffcv && "$VENV/bin/python" -c 'import ffcv'; } >"$FFCV_LOG" 2>&1; then
        echo installed >"$FFCV"
    else
        say "FFCV did not build: going on without it (optional), see $FFCV_LOG"
        "$VENV/bin/python" -m pip uninstall --quiet --yes ffcv >>"$FFCV_LOG" 2>&1 || true
        echo failed >"$FFCV"
    fi
}

install_all() {
    local missing
    # An interrupted installation can leave half a package behind: begin anew.
    if usable; then
        say "requirements changed: bringing $VENV up to date"
    else
        make_venv
        say "installing the versions of requirements.lock (some minutes, 6 GB)"
    fi
    rm -f "$DONE" "$FFCV"
    # before the project: its decoder is compiled against them
    missing=$(missing_for_ffcv "$VENV/bin/python")
    # shellcheck disable=SC2086  # one word a package
    [ -z "$missing" ] || apt_install $missing || true
    pip_install uv
    install dev,slurm,onnx
    [ -d /usr/share/datasets/fashion-mnist ] || apt_install dataset-fashion-mnist 2>/dev/null ||
        say "no system package dataset-fashion-mnist here (optional): it can be downloaded"
    install_ffcv
    fingerprint >"$DONE"
    say "ready"
}

main() {
    exec 9<.ci/setup.sh # two makes at once: the second waits
    flock 9
    if ! up_to_date; then
        install_all
    elif [ "$(cat "$FFCV")" = "no packages" ]; then
        install_ffcv # they may be there by now
    fi
}

main "$@"
