# SPDX-License-Identifier: Apache-2.0
# The libraries, all Debian packages. Their headers are system headers: our warnings are for us.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

pkg_check_modules(COKO_DEPS REQUIRED
                  libevent libevent_openssl libpq hiredis jansson openssl libcurl libxml-2.0
                  libarchive)
find_library(UNISTRING_LIBRARY unistring REQUIRED)
# libharu has no .pc file; its packages are the "build" set of deploy/lib/packages.sh.
find_path(HPDF_HEADER hpdf.h REQUIRED)
find_library(HPDF_LIBRARY hpdf REQUIRED)
pkg_check_modules(SECCOMP libseccomp)
pkg_check_modules(CMOCKA REQUIRED cmocka)

# libsmpp34 is required: `coko smpp decode` shows its reading beside ours, the differential test
# checks our codec against it, and the benchmark's SMSC is built on it.
pkg_check_modules(SMPP34 QUIET libsmpp34)
find_path(SMPP34_HEADER smpp34.h HINTS ${SMPP34_INCLUDE_DIRS} PATH_SUFFIXES libsmpp34)
find_library(SMPP34_LIBRARY smpp34 HINTS ${SMPP34_LIBRARY_DIRS})
if(NOT SMPP34_HEADER OR NOT SMPP34_LIBRARY)
  message(FATAL_ERROR "libsmpp34 is missing: install Debian's libsmpp34-dev")
endif()

add_library(coko_deps INTERFACE)
target_include_directories(coko_deps SYSTEM INTERFACE ${COKO_DEPS_INCLUDE_DIRS} ${SMPP34_HEADER})
target_link_directories(coko_deps INTERFACE ${COKO_DEPS_LIBRARY_DIRS})
target_link_libraries(coko_deps INTERFACE ${COKO_DEPS_LIBRARIES} ${SMPP34_LIBRARY}
                      ${UNISTRING_LIBRARY} ${HPDF_LIBRARY}
                      Threads::Threads m)
if(SECCOMP_FOUND)
  target_compile_definitions(coko_deps INTERFACE COKO_HAVE_SECCOMP=1)
  target_include_directories(coko_deps SYSTEM INTERFACE ${SECCOMP_INCLUDE_DIRS})
  target_link_libraries(coko_deps INTERFACE ${SECCOMP_LIBRARIES})
endif()
