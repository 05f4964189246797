# embed_viewer(TARGET): adds the files of /docs to TARGET, compressed, as a .cpp (src/api/static/static_file.hpp).
#   './dev build' downloads the viewer's package into .cache/viewer. Only the pinned package is used. Without it there are
#   no files, and /docs is a plain page. DBAAS_HAS_VIEWER is 1 or 0 in the target's test.
function(embed_viewer target)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/viewer)
  set(tool ${CMAKE_SOURCE_DIR}/tools/embed_viewer.py)
  set(pin ${CMAKE_SOURCE_DIR}/cmake/viewer.txt)
  set(own ${CMAKE_CURRENT_SOURCE_DIR}/static/viewer)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${pin})
  file(READ ${pin} pinned)
  file(GLOB candidates CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/.cache/viewer/*.whl)
  foreach(candidate IN LISTS candidates)
    file(SHA256 ${candidate} hash)
    if(pinned MATCHES "sha256:${hash}")
      set(package ${candidate})
    endif()
  endforeach()
  find_package(Python3 COMPONENTS Interpreter)
  if(package AND Python3_FOUND)
    message(STATUS "/docs: Swagger UI, from ${package}")
    set(has_viewer 1)
    set(source ${folder}/docs_files.cpp)
    file(GLOB own_files CONFIGURE_DEPENDS ${own}/*)
    add_custom_command(OUTPUT ${source}
      COMMAND ${Python3_EXECUTABLE} ${tool} --package ${package} --own ${own} --out ${folder}
      DEPENDS ${tool} ${pin} ${package} ${own_files} VERBATIM)
  else()
    message(STATUS "/docs: a plain page, without a viewer ('./dev build' downloads it)")
    set(has_viewer 0)
    set(source ${folder}/no_docs_files.cpp)
    file(CONFIGURE OUTPUT ${source} CONTENT [[
// Written by cmake/viewer.cmake: this build has no viewer.
#include "api/static/static_file.hpp"

namespace api {

std::span<const static_file> embedded_files() noexcept {
    return {};
}

std::string_view embedded_viewer() noexcept {
    return {};
}

}  // namespace api
]])
  endif()
  # clang-19 supports #embed, which is not in C++23. It takes 0.1 s for 500 kB.
  set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS -Wno-c23-extensions)
  target_sources(${target} PRIVATE ${source})
  target_compile_definitions(${target}_test PRIVATE DBAAS_HAS_VIEWER=${has_viewer})
endfunction()
