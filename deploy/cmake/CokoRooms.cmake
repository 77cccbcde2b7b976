# SPDX-License-Identifier: Apache-2.0
# coko_room    one static library from the sources directly in its folders
# coko_link    links every room that has sources into a program
# coko_version gives COKO_VERSION to the targets that print it only, so that a commit does not rebuild the rest

set(COKO_ROOMS "" CACHE INTERNAL "rooms that have sources, highest first")

function(coko_room name)
  cmake_parse_arguments(ROOM "" "" "FOLDERS;USES;EXCEPT" ${ARGN})
  set(globs "")
  foreach(folder IN LISTS ROOM_FOLDERS)
    list(APPEND globs "${CMAKE_SOURCE_DIR}/${folder}/*.c")
  endforeach()
  file(GLOB sources CONFIGURE_DEPENDS ${globs})
  foreach(file IN LISTS ROOM_EXCEPT)
    list(REMOVE_ITEM sources "${CMAKE_SOURCE_DIR}/${file}")
  endforeach()
  if(NOT sources)
    return()
  endif()
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC coko_deps)
  foreach(used IN LISTS ROOM_USES)
    if(TARGET ${used})
      target_link_libraries(${name} PUBLIC ${used})
    endif()
  endforeach()
  set(COKO_ROOMS ${name} ${COKO_ROOMS} CACHE INTERNAL "rooms that have sources, highest first")
endfunction()

function(coko_link target)
  target_link_libraries(${target} PRIVATE ${COKO_ROOMS} coko_deps)
endfunction()

find_package(Git QUIET)
set(COKO_VERSION "0.1.0")
if(GIT_FOUND)
  execute_process(COMMAND "${GIT_EXECUTABLE}" -C "${CMAKE_SOURCE_DIR}" describe --tags --dirty
                  OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE
                  RESULT_VARIABLE failed ERROR_QUIET)
  if(NOT failed AND described)
    set(COKO_VERSION "${described}")
  endif()
endif()

function(coko_version target)
  if(TARGET ${target})
    target_compile_definitions(${target} PRIVATE COKO_VERSION="${COKO_VERSION}")
  endif()
endfunction()
