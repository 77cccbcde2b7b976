# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# build_coko debug|release [TARGET...]   builds build/debug or build/release and points build/coko at
#                                        the release program, or at debug where no release is built
# build_fuzz                             builds the libFuzzer targets with clang in build/fuzz

# cmake_build DIR CMAKE-OPTION [TARGET...]
cmake_build() {
    local dir=$1 option=$2
    shift 2
    cmake -S "$COKO_TOP" -B "$dir" -G Ninja "$option" && ninja -C "$dir" "$@"
}

link_coko() {
    local kind
    for kind in release debug; do
        if [ -x "$COKO_TOP/build/$kind/coko" ]; then
            ln -sfn "$kind/coko" "$COKO_TOP/build/coko"
            return 0
        fi
    done
}

build_coko() {
    local kind=$1 type=Debug
    [ "$kind" = release ] && type=Release
    shift
    step "build ($kind)" "build-$kind.log" \
        cmake_build "$COKO_TOP/build/$kind" "-DCMAKE_BUILD_TYPE=$type" "$@" || return 1
    link_coko
}

build_fuzz() {
    export CC
    CC=$(command -v clang-14 || command -v clang)
    step "build (fuzz)" build-fuzz.log cmake_build "$COKO_TOP/build/fuzz" -DCOKO_FUZZ=ON
    local rc=$?
    unset CC
    return $rc
}
