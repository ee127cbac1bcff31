#!/bin/sh
# Proof that the golden tests can fail: breaks the code in one place at a time and expects a test to notice.
#
#   tests/mutations.sh [NAME...]      all mutations of tests/mutations/list.txt, or those whose name holds one of NAME
#   tests/mutations.sh --check        only whether each of them still applies
#
# Each entry of the list replaces one string by another in one file (the string must be there exactly once) of a copy
# of the tree in build-mutations/, builds the named test program and runs it. Prints a table. Ends with 1 when a test
# passes on broken code, or when an entry no longer applies or builds.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
work=${MUTATIONS_DIR:-$root/build-mutations}
tree=$work/tree
list=$root/tests/mutations/list.txt

mkdir -p "$tree"

# The list as lines of name, file, old, new, test, separated by a character that code does not hold.
awk -v FS='\n' -v RS= '{
    delete field
    for (i = 1; i <= NF; i++) {
        if ($i ~ /^#/) continue
        colon = index($i, ": ")
        field[substr($i, 1, colon - 1)] = substr($i, colon + 2)
    }
    if ("name" in field)
        printf "%s\001%s\001%s\001%s\001%s\n", field["name"], field["file"], field["old"], field["new"], field["test"]
}' "$list" >"$work/entries"

# mutate FILE OLD NEW : $work/mutant is FILE with NEW in the place of OLD; 1 when OLD is not in it exactly once
mutate() {
    OLD=$2 NEW=$3 awk '
        BEGIN { old = ENVIRON["OLD"]; new = ENVIRON["NEW"] }
        {
            line = $0
            out = ""
            while ((at = index(line, old)) > 0) {
                out = out substr(line, 1, at - 1) new
                line = substr(line, at + length(old))
                count++
            }
            print out line
        }
        END { exit count == 1 ? 0 : 1 }' "$1" >"$work/mutant"
}

separator=$(printf '\001')
if [ "${1:-}" = --check ]; then
    bad=0
    while IFS=$separator read -r name file old new test; do
        mutate "$root/$file" "$old" "$new" 2>/dev/null || { echo "$name: not exactly once in $file: $old"; bad=1; }
    done <"$work/entries"
    [ $bad -eq 0 ] && echo "mutations: all of $(wc -l <"$work/entries") apply"
    exit $bad
fi

# Only files that differ are copied, so that a second call builds what changed and no more.
(cd "$root" && git ls-files -z --cached --others --exclude-standard) | (cd "$root" && xargs -0 ls -d 2>/dev/null) >"$work/files"
while IFS= read -r file; do
    if ! cmp -s "$root/$file" "$tree/$file"; then
        mkdir -p "$tree/$(dirname "$file")"
        cp "$root/$file" "$tree/$file"
    fi
done <"$work/files"
(cd "$tree" && find . -type f | sed 's|^\./||') | sort >"$work/have"
sort "$work/files" | comm -13 - "$work/have" | (cd "$tree" && xargs -r -d '\n' rm --)

cmake -S "$tree" -B "$work/build" -G Ninja -DASSEMLM_TESTS=ON >"$work/log" 2>&1 || { tail -n 40 "$work/log"; exit 1; }

# build_and_run "PROGRAM FILTER" : 0 it passed, 1 it failed, 2 it did not build
build_and_run() {
    program=${1%% *}
    cmake --build "$work/build" --target "$program" >"$work/log" 2>&1 || return 2
    at=$(find "$work/build/tests" -name "$program" -type f | head -n 1)
    timeout 300 "$at" --gtest_fail_fast --gtest_filter="${1#* }" >"$work/log" 2>&1 || return 1
}

# The tests must pass on the code as it is, or their failing says nothing. Asked before and after the mutations.
sed -n 's/^test: *//p' "$list" | sort -u >"$work/tests"
must_pass() {
    while read -r test; do
        if ! build_and_run "$test"; then
            tail -n 40 "$work/log"
            echo "mutations: $test does not pass on the code as it is"
            exit 1
        fi
    done <"$work/tests"
}
must_pass

wanted() {
    [ $# -gt 1 ] || return 0
    entry=$1
    shift
    for part in "$@"; do
        case $entry in *"$part"*) return 0 ;; esac
    done
    return 1
}

killed=0
bad=0
printf '%-52s %-52s %s\n' mutation file result
while IFS=$separator read -r name file old new test; do
    wanted "$name" "$@" || continue
    begin=$(date +%s)
    cp "$tree/$file" "$work/original" 2>/dev/null || : >"$work/original"
    if ! mutate "$tree/$file" "$old" "$new" 2>/dev/null; then
        result="DOES NOT APPLY: the string is not there exactly once"
        bad=$((bad + 1))
    else
        cp "$work/mutant" "$tree/$file"
        code=0
        build_and_run "$test" || code=$?
        case $code in
            0) result="SURVIVED $test" bad=$((bad + 1)) ;;
            2) result="DOES NOT BUILD: $(grep -m 1 'error:' "$work/log")" bad=$((bad + 1)) ;;
            *) result="killed by $(sed -n 's/^\[  FAILED  \] \([^ ,]*\).*/\1/p' "$work/log" | head -n 1)" killed=$((killed + 1)) ;;
        esac
        cp "$work/original" "$tree/$file"
    fi
    printf '%-52s %-52s %s (%d s)\n' "$name" "$file" "$result" $(($(date +%s) - begin))
done <"$work/entries"
must_pass
echo "mutations: $killed killed, $bad not"
[ $bad -eq 0 ] && [ $killed -gt 0 ]
