#!/bin/sh
# The rules of the house that a compiler does not see:  tests/structure/check.sh [ROOT]
#
# Prints one line "file:line: rule: text" for each violation and ends with 1 when there is one. It looks at the files
# of ROOT (default: this tree) that are neither hidden nor build output.
set -eu
root=${1:-$(dirname "$0")/../..}
cd "$root"
found=$(mktemp)
trap 'rm -f "$found"' EXIT

# files FOLDER... : the C sources and headers below
files() {
    for folder in "$@"; do
        [ ! -d "$folder" ] || find "$folder" -type f \( -name '*.c' -o -name '*.h' -o -name '*.cu' -o -name '*.cuh' -o -name '*.def' \) -print
    done
}

# report RULE : "file:line:text" lines from stdin become findings
report() {
    sed -E "s|^([^:]+:[0-9]+):|\\1: $1: |" >>"$found"
}

# includes FOLDER ALLOWED : every #include "..." of FOLDER starts with ALLOWED (a regular expression)
includes() {
    files "$1" | xargs -r grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' /dev/null |
        grep -vE "include[[:space:]]*\"($2)" | report "$1 may not include this" || true
}

# never RULE PATTERN FOLDER... : no line matches
never() {
    rule=$1
    pattern=$2
    shift 2
    files "$@" | xargs -r grep -nE "$pattern" /dev/null | report "$rule" || true
}

# Layers point down only. A program that ships sees the public header; developer tools may look deeper, and there
# are none in tools/ yet.
includes kernels 'kernels/'
includes graph '(graph|kernels)/'
includes runtime '((runtime|graph|kernels)/|alm_commit\.h")' # that one is made by the build
includes tools '(runtime/assemlm\.h"|tools/)'

# The library reads the environment in one place, the program in another (its options' twins), and libraries neither
# print nor end the process. (A call has no blank before its parenthesis: clang-format sees to that.)
files kernels graph runtime tools | grep -v -e '^kernels/core/env\.c$' -e '^tools/cli\.c$' |
    xargs -r grep -nE '(^|[^A-Za-z0-9_])(secure_)?getenv *\(' /dev/null |
    report 'getenv outside kernels/core/env.c and tools/cli.c' || true
never 'libraries neither print nor exit' \
    '(^|[^A-Za-z0-9_])((printf|vprintf|puts|putchar|perror|abort|_?exit|assert)\(|f(printf|puts)\([^"]*std(out|err))' \
    kernels graph runtime
never 'no unbounded stack' '(^|[^A-Za-z0-9_])alloca\(' kernels graph runtime tools
never 'no unchecked string functions' '(^|[^A-Za-z0-9_])(strcpy|strcat|sprintf|vsprintf|gets|strtok)\(' \
    kernels graph runtime tools

# Nothing is left open.
files kernels graph runtime tools bench tests |
    xargs -r grep -nE '(^|[^A-Za-z0-9_])(TODO|FIXME|XXX)([^A-Za-z0-9_]|$)|not (yet )?implemented|unimplemented|placeholder' \
        /dev/null | report 'left open' || true

# A file is read in one sitting.
files kernels graph runtime tools bench tests | xargs -r wc -l |
    awk '$2 != "total" && $1 > 800 { print $2 ":" $1 ": longer than 800 lines" }' >>"$found"

# The top level holds these and nothing else that is not hidden (what is built, and what the demo and eval write where
# they are started, is ignored by git).
for entry in *; do
    case $entry in
        CMakeLists.txt | README.md | LICENSE | kernels | runtime | graph | tools | bench | tests) ;;
        build* | *.o | assemlm-demo-*.png | results) ;;
        *) echo "$entry:1: the top level holds only what design says" >>"$found" ;;
    esac
done

if [ -s "$found" ]; then
    cat "$found"
    echo "$(wc -l <"$found") violations of the structure" >&2
    exit 1
fi
echo "structure: $(files kernels graph runtime tools bench tests | wc -l) files keep the rules"
