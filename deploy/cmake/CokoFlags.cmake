# SPDX-License-Identifier: Apache-2.0
# Compiler and linker flags of the three builds. Asserts stay on in Release: NDEBUG is never set.

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_C_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER "${CCACHE}")
endif()

# __FILE__ and debug paths are relative to the checkout: logs do not tell where it was built.
add_compile_options(-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
add_compile_options(-Wall -Wextra -Wshadow -Wconversion -Wvla -Wformat=2)
add_compile_definitions(_GNU_SOURCE COKO_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                        COKO_DATA_DIR="${COKO_DATA_DIR}")
include_directories("${CMAKE_SOURCE_DIR}")

set(CMAKE_C_FLAGS_DEBUG "-O1 -g")
set(CMAKE_C_FLAGS_RELEASE "-O2 -g1")

if(COKO_FUZZ)
  if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "COKO_FUZZ needs clang: run cmake with CC=clang")
  endif()
  add_compile_options(-fno-omit-frame-pointer
                      -fsanitize=fuzzer-no-link,address,undefined
                      -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=address,undefined)
elseif(CMAKE_BUILD_TYPE STREQUAL "Debug")
  # The sanitizers' own code makes gcc guess wrong about uninitialized reads; Release still checks.
  add_compile_options(-Werror -Wno-maybe-uninitialized -fno-omit-frame-pointer
                      -fsanitize=address,undefined -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=address,undefined)
  find_program(COKO_GOLD ld.gold)
  if(COKO_GOLD) # over a hundred test programs: bfd takes three times as long
    add_link_options(-fuse-ld=gold)
  endif()
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_options(-Werror -D_FORTIFY_SOURCE=3 -fstack-protector-strong
                      -fstack-clash-protection -ftrivial-auto-var-init=zero -fPIE
                      -fno-omit-frame-pointer)
  if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wtrampolines)
  endif()
  add_link_options(-pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,nodlopen)
  if(COKO_LTO)
    set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
  endif()
else()
  message(FATAL_ERROR "CMAKE_BUILD_TYPE is Debug or Release, not '${CMAKE_BUILD_TYPE}'")
endif()
