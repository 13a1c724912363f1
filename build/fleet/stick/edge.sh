#!/bin/sh
# Starts edge from this folder, wherever the stick is plugged in:
#
#   sh edge.sh ask "How do I vent the pump?"
#
# Many systems mount sticks so that no program on them may run. Then, if whoever owns this machine agrees,
#
#   sh edge.sh --on-this-host ask "How do I vent the pump?"
#
# copies the program into this machine's memory, runs it there and removes it at the end. Packs, models and all that edge
# remembers stay on the stick; nothing is written to this machine's disks.

fail() {
    echo "error: $1" >&2
    echo "hint: $2" >&2
    exit 8
}

# Whether the program runs from there. If not, $why says why not.
runs() {
    why=$("$1" --version 2>&1 >/dev/null) && return 0
    why=$(printf '%s\n' "$why" | sed -n '1s/^.*: //; 1s/\.$//; 1p')
    return 1
}

folder=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 8
program=$folder/edge

if [ "$1" != --on-this-host ]; then
    runs "$program" && exec "$program" "$@"
    fail "The program cannot run from here: ${why:-it may not}." \
        "To run it from this machine's memory, with nothing written to its disks: sh edge.sh --on-this-host …"
fi
shift

for place in "$XDG_RUNTIME_DIR" /dev/shm; do
    [ "$(stat -f -c %T -- "$place" 2>/dev/null)" = tmpfs ] || continue # memory, not a disk
    memory=$(mktemp -d "$place/edge-XXXXXX" 2>/dev/null) || continue
    trap 'rm -rf -- "$memory"' EXIT
    trap 'exit 130' HUP INT TERM
    export EDGE_CACHE="$memory/program" TMPDIR="$memory" EDGE_BESIDE="$folder"
    if cp -- "$program" "$memory/edge" 2>/dev/null && chmod 700 "$memory/edge" && runs "$memory/edge"; then
        EDGE_HOME=$folder/edge-data
        if [ ! -w "$EDGE_HOME" ]; then
            EDGE_HOME=$memory/edge-data
            echo "This folder cannot be written: what edge remembers is gone when it ends." >&2
        fi
        export EDGE_HOME
        "$memory/edge" "$@"
        exit
    fi
    rm -rf -- "$memory"
done
fail "The program cannot run from this machine's memory: ${why:-there is no room}." \
    "Copy this folder to a disk where programs may run, and start edge there."
