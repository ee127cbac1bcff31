# What the tests of the program share. Sourced with the program and the source tree as $1 and $2.
#
#   runs CODE WHAT ARGUMENT...   runs the program; its exit code must be CODE. stdout is in $out, stderr in $err
#   says TEXT, shows TEXT        stderr, stdout holds the text
#   check WHAT COMMAND...        the command must succeed
#
# Every failure is printed; `finish` ends with 1 when there was one.
set -u
program=$1
source=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
out=$work/out
err=$work/err
failures=0
checks=0
demo=$source/tools/demo
# No variable of the caller may take part.
for name in $(env | sed -n 's/^\(ASSEMLM_[A-Z_]*\)=.*/\1/p'); do
    unset "$name"
done
cd "$work"

fail() {
    failures=$((failures + 1))
    echo "FAILED: $*"
}

check() {
    checks=$((checks + 1))
    what=$1
    shift
    "$@" >"$work/log" 2>&1 || { fail "$what"; cat "$work/log"; }
}

runs() {
    expected=$1
    what=$2
    shift 2
    checks=$((checks + 1))
    timeout 120 "$program" "$@" >"$out" 2>"$err" </dev/null
    code=$?
    if [ $code -ne "$expected" ]; then
        fail "$what: exit code $code, expected $expected: assemlm $*"
        head -n 5 "$err"
    fi
}

says() {
    checks=$((checks + 1))
    grep -qF -- "$1" "$err" || { fail "$what: stderr lacks: $1"; head -n 5 "$err"; }
}

shows() {
    checks=$((checks + 1))
    grep -qF -- "$1" "$out" || { fail "$what: stdout lacks: $1"; head -n 5 "$out"; }
}

silent() {
    checks=$((checks + 1))
    [ ! -s "$1" ] || { fail "$what: ${1##*/} is not empty"; head -n 5 "$1"; }
}

finish() {
    if [ $checks -eq 0 ]; then
        fail "nothing was checked"
    fi
    echo "$checks checks, $failures failures"
    [ $failures -eq 0 ]
    exit $?
}
