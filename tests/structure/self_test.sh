#!/bin/sh
# Proof that check.sh can fail: each violation is planted alone in a small tree that keeps the rules, and must be
# found at its line; the tree without it must pass.
set -eu
check=$(cd "$(dirname "$0")" && pwd)/check.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree

fresh() {
    rm -rf "$tree"
    mkdir -p "$tree/kernels/core" "$tree/kernels/add" "$tree/graph/models" "$tree/runtime/input" "$tree/tools" \
        "$tree/tests" "$tree/bench" "$tree/build"
    echo '#include "kernels/core/env.h"
const char *value(void) { return getenv("X"); }' >"$tree/kernels/core/env.c"
    echo '#include <stdio.h>
#include "kernels/core/op.h"
int add(char *t) { return snprintf(t, 1, "a"); }' >"$tree/kernels/add/add.c"
    echo '#include "kernels/add/add.h"
#include "graph/graph.h"' >"$tree/graph/models/tower.c"
    echo '#include "graph/models/tower.h"
#include "kernels/core/op.h"
#include "runtime/input/cloud.h"' >"$tree/runtime/input/cloud.c"
    echo '#include "runtime/assemlm.h"
#include "tools/options.h"
int main(void) { puts("a program may print"); }' >"$tree/tools/main.c"
    : >"$tree/README.md"
}

failures=0
# planted PLACE TEXT FILE : TEXT as the last line of FILE must be reported at PLACE
planted() {
    fresh
    mkdir -p "$tree/$(dirname "$3")"
    printf '%s\n' "$2" >>"$tree/$3"
    if "$check" "$tree" >"$work/out" 2>&1 || ! grep -q "^$1:" "$work/out"; then
        echo "not found: $2 in $3 (expected a line $1)"
        cat "$work/out"
        failures=$((failures + 1))
    fi
}

fresh
if ! "$check" "$tree" >"$work/out" 2>&1; then
    echo "a tree that keeps the rules was refused:"
    cat "$work/out"
    failures=1
fi
planted kernels/add/add.c:4 '#include "graph/graph.h"' kernels/add/add.c
planted kernels/add/add.c:4 '#  include "runtime/assemlm.h"' kernels/add/add.c
planted kernels/add/add.c:4 '#include "add.h"' kernels/add/add.c
planted kernels/ops.def:1 '#include "graph/graph.h"' kernels/ops.def
planted graph/models/tower.c:3 '#include "runtime/input/cloud.h"' graph/models/tower.c
planted runtime/input/cloud.c:4 '#include "tools/options.h"' runtime/input/cloud.c
planted runtime/input/cloud.c:4 '#include "tests/shim/alm_test.h"' runtime/input/cloud.c
planted tools/main.c:4 '#include "kernels/core/memory.h"' tools/main.c
planted tools/main.c:4 'const char *v = getenv("HOME");' tools/main.c
planted runtime/input/cloud.c:4 'const char *v(void) { return secure_getenv ("HOME"); }' runtime/input/cloud.c
planted runtime/input/cloud.c:4 'void f(void) { printf("loud"); }' runtime/input/cloud.c
planted graph/models/tower.c:3 'void f(void) { fprintf(stderr, "loud"); }' graph/models/tower.c
planted graph/models/tower.c:3 'void f(int n) { assert(n > 0); }' graph/models/tower.c
planted kernels/add/add.c:4 'void f(void) { abort(); }' kernels/add/add.c
planted kernels/add/add.c:4 'void f(int n) { char *p = alloca(n); }' kernels/add/add.c
planted tools/main.c:4 'void f(char *a) { sprintf(a, "x"); }' tools/main.c
planted tests/new.c:1 '/* TO''DO: later */' tests/new.c
planted bench/new.c:1 '/* place''holder */' bench/new.c
planted runtime/long.c:801 "$(yes | head -n 801)" runtime/long.c
planted notes.txt:1 'x' notes.txt
planted include:1 'x' include/assemlm.h
planted Makefile:1 'x' Makefile
[ "$failures" -eq 0 ] || exit 1
echo "every planted violation was found"
