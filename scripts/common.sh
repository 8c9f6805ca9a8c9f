# Sourced by the scripts beside it, from the repository's root.

fail() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

step() { printf '\n=== [%4d s] %s\n' "$SECONDS" "$*"; }

# need INSTALL PACKAGE…: checks that Debian packages are there, or installs them if INSTALL is yes.
need() {
    local install=$1 missing=()
    shift
    command -v dpkg-query >/dev/null || fail "this script knows Debian 12 and its packages only"
    for package in "$@"; do
        [[ $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) == *' installed' ]] ||
            missing+=("$package")
    done
    [[ ${#missing[@]} -gt 0 ]] || return 0
    local command=(apt-get install -y --no-install-recommends "${missing[@]}")
    [[ $install == yes ]] || fail "packages are missing; --install, or as root: ${command[*]}"
    apt-get update -q && "${command[@]}"
}

# sample FOLDER: some kilobytes of text, code, records and noise, always the same bytes and times.
sample() {
    mkdir -p "$1"
    head -c 1500 LICENSE-APACHE >"$1/text"
    head -c 1000 src/error.rs >"$1/code.rs"
    seq -f '%03g,Ada,97' 60 >"$1/records.csv"
    printf 'na\303\257ve \346\227\245\346\234\254, not \377\376 UTF-8\n' >"$1/broken.txt"
    tail -c 700 models/small.safetensors >"$1/noise"
    : >"$1/empty"
    chmod 644 "$1"/* && chmod 755 "$1"
    touch -d @1700000000 "$1"/* "$1"
}

# Optimised, but without the link-time optimisation that makes a release slow to build.
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
export CARGO_PROFILE_RELEASE_OPT_LEVEL=2
