# Sourced by the scripts here: where things are, and small helpers.

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
default_data=$repo/../shared/eval-public
llz=$(realpath -m "${LLZ:-$repo/target/release/llz}")

# Builds llz unless LLZ names a program, and makes a scratch directory that goes away at the end.
prepare() {
    [ -n "${LLZ:-}" ] || cargo build --release --quiet --manifest-path "$repo/Cargo.toml" >&2
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
}

# Succeeds if a program is installed; otherwise names it as missing, once.
have() {
    command -v "$1" >/dev/null && return
    case " ${missing:-} " in *" $1 "*) ;; *) missing="${missing:-}${missing:+ }$1" ;; esac
    return 1
}

# Four text folders of a directory, 5 MB of eval-public.
texts() { # FROM TO
    local folder
    mkdir "$2"
    for folder in prose docs code json; do
        [ ! -d "$1/$folder" ] || cp -r "$1/$folder" "$2/"
    done
}

size() { stat -c %s "$1"; }

# A tar whose bytes depend only on names and contents.
plain_tar() { # DIR OUT
    tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner \
        -C "$(dirname "$1")" -cf "$2" "$(basename "$1")"
}

machine() {
    local model
    model=$(lscpu | sed -n 's/^Model name: *//p' | head -1)
    printf 'Machine: %s, %s cores; %s; %s.\n' "$model" "$(nproc)" "$("$llz" --version)" "$(date +%F)"
    if [ -n "${missing:-}" ]; then
        printf '\n**Not installed, so not measured: %s.**\n' "$missing"
    fi
}
