#!/bin/sh
# Installs the build to a scratch prefix, moves it, and builds and runs consumer.c against it twice: through the CMake
# package and through pkg-config. Then the installed program predicts its demo sample, from another folder.
#
#   tests/install/run.sh SOURCE_DIR BUILD_DIR
set -eu
source=$1
build=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
    echo "install: $*"
    exit 1
}

cmake --install "$build" --prefix "$work/first" >"$work/log" || { cat "$work/log"; fail "cmake --install failed"; }
mv "$work/first" "$work/moved" # nothing may hold on to the prefix
prefix=$work/moved
demo=$prefix/share/assemlm/demo
library=$(find "$prefix" -name 'libassemlm.so')
[ -f "$library" ] || fail "libassemlm.so is not installed"
[ -f "$prefix/include/assemlm/runtime/assemlm.h" ] || fail "the header is not installed"

# Only what the header declares is exported.
nm -D --defined-only "$library" | awk '{ print $3 }' | sed 's/@.*//' | sort >"$work/exported"
sed 's/@.*//' "$prefix/include/assemlm/runtime/assemlm.h" "$prefix/include/assemlm/kernels/core/status.h" |
    grep -oE '\balm_[a-z0-9_]+\(' | tr -d '(' | sort -u >"$work/declared"
extra=$(comm -23 "$work/exported" "$work/declared")
[ -z "$extra" ] || fail "exported, but in no public header: $extra"
missing=$(sed -n 's/^ALM_API.*[ *]\(alm_[a-z0-9_]*\)(.*/\1/p' "$prefix"/include/assemlm/runtime/assemlm.h |
    sort -u | comm -13 "$work/exported" -)
[ -z "$missing" ] || fail "declared, but not exported: $missing"

# Each public header compiles alone, as C and as C++.
for header in $(cd "$prefix/include/assemlm" && find . -name '*.h'); do
    echo "#include \"$header\"" >"$work/alone.c"
    cc -std=c11 -Wall -Wextra -Werror -I"$prefix/include/assemlm" -c "$work/alone.c" -o "$work/alone.o" || fail "$header as C"
    c++ -std=c++17 -x c++ -Wall -Wextra -Werror -I"$prefix/include/assemlm" -c "$work/alone.c" -o "$work/alone.o" ||
        fail "$header as C++"
done

cmake -S "$source/tests/install" -B "$work/cmake" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" >"$work/log" 2>&1 &&
    cmake --build "$work/cmake" >>"$work/log" 2>&1 || { cat "$work/log"; fail "the CMake package does not build"; }
pc=$(dirname "$(find "$prefix" -name assemlm.pc)")
flags=$(PKG_CONFIG_PATH=$pc pkg-config --cflags --libs assemlm) || fail "pkg-config does not find assemlm"
cc -std=c11 "$source/tests/install/consumer.c" $flags -Wl,-rpath,"$(dirname "$library")" -o "$work/plain" ||
    fail "the pkg-config flags do not build"

cd "$demo"
by_cmake=$("$work/cmake/consumer") || fail "the program built with the CMake package fails"
by_pkg_config=$("$work/plain") || fail "the program built with pkg-config fails"
[ "$by_cmake" = "$by_pkg_config" ] || fail "two answers: $by_cmake and $by_pkg_config"
version=$(PKG_CONFIG_PATH=$pc pkg-config --modversion assemlm)
case $by_cmake in
    "assemlm $version: "*) ;;
    *) fail "unexpected answer: $by_cmake" ;;
esac

mkdir "$work/elsewhere"
cd "$work/elsewhere"
"$prefix/bin/assemlm" predict --sample peg_1 >"$work/out" 2>&1 || { cat "$work/out"; fail "the installed program fails"; }
echo "install: $by_cmake; $(wc -l <"$work/exported") functions exported"
