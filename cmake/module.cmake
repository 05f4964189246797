# module(NAME [FOLDER dir] [DEPENDS targets...] [LIBRARIES libs...] [TEST_DEPENDS targets...] [PCH header] [COMMON header] [TEST_COMMON header]
#        [ONE_THREAD [THREAD_TESTS files...]])
#   Defines a static library from the *.cpp of the folder and its sub-folders, a test binary from the *_test.cpp, and one
#   with the label live from the *_live_test.cpp.
#   DEPENDS: other modules (public). LIBRARIES: third-party libraries (private). TEST_DEPENDS: libraries of the tests alone.
#   PCH: a header of the module that includes the large third-party headers of its .cpp files; it is precompiled.
#   COMMON, TEST_COMMON: a header of the project that most .cpp files of the module, or most of its tests, include. It is
#   precompiled with the headers of all targets, in the presets with DBAAS_PRECOMPILE.
#   ONE_THREAD: the tests of the module run in one thread, in which no data race is possible. The preset tsan leaves them out,
#   but for THREAD_TESTS. Data races of the module are found by the tests of whole programs, which run in this preset.
add_library(dbaas_options INTERFACE)
target_include_directories(dbaas_options INTERFACE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR})
target_compile_options(dbaas_options INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wno-missing-field-initializers -Wno-missing-designated-field-initializers
  $<$<BOOL:${DBAAS_WERROR}>:-Werror>)
target_compile_definitions(dbaas_options INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
  BOOST_ASIO_DISABLE_VISIBILITY)
target_link_libraries(dbaas_options INTERFACE fmt::fmt Threads::Threads)

# Most of the time of a compiler goes into headers that all targets include. These modules do without Asio, and must: its
# headers refer to functions of the module aio. Tests are compiled without optimization: most of them run for milliseconds.
set(modules_without_asio base json domain timeseries config obs token)
if(DBAAS_PRECOMPILE)
  file(WRITE ${CMAKE_BINARY_DIR}/precompiled.cpp "")
  foreach(name IN ITEMS precompiled precompiled_asio)
    set(header ${CMAKE_SOURCE_DIR}/cmake/${name}.hpp)
    add_library(${name} OBJECT ${CMAKE_BINARY_DIR}/precompiled.cpp)
    target_link_libraries(${name} PRIVATE dbaas_options)
    target_precompile_headers(${name} PRIVATE ${header})
    add_library(${name}_tests OBJECT ${CMAKE_BINARY_DIR}/precompiled.cpp)
    target_link_libraries(${name}_tests PRIVATE dbaas_options GTest::gtest GTest::gmock)
    target_compile_options(${name}_tests PRIVATE -O0)
    target_precompile_headers(${name}_tests PRIVATE ${header} <gmock/gmock.h> <gtest/gtest.h>)
  endforeach()
endif()

# Sets `result` to precompiled or to precompiled_asio, for a target that uses these modules.
function(select_precompiled result)
  set(others ${ARGN})
  list(REMOVE_ITEM others ${modules_without_asio})
  if(others)
    set(${result} precompiled_asio PARENT_SCOPE)
  else()
    set(${result} precompiled PARENT_SCOPE)
  endif()
endfunction()

# Lets the fuzz targets see which code of the target runs. Tests need no such counters.
function(count_coverage target)
  if(DBAAS_FUZZ)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()
if(DBAAS_PRECOMPILE)
  count_coverage(precompiled)
  count_coverage(precompiled_asio)
endif()

# precompile(TARGET MODULE...) lets the target, which is no test, use the precompiled headers.
function(precompile target)
  count_coverage(${target})  # as the headers
  if(DBAAS_PRECOMPILE)
    select_precompiled(headers ${ARGN})
    target_precompile_headers(${target} REUSE_FROM ${headers})
  endif()
endfunction()

# './dev prove' configures the preset tsan with all tests.
if(CMAKE_CXX_FLAGS MATCHES "-fsanitize=thread" AND NOT DEFINED ENV{DBAAS_TEST_FULL})
  set(thread_tests_only ON)
endif()

# Each test binary is one ctest test; --gtest_filter selects cases. ONE_THREAD: see module().
function(dbaas_test target)
  cmake_parse_arguments(arg "ONE_THREAD" "LABEL;TIMEOUT;COMMON" "SOURCES;DEPENDS;LIBRARIES" ${ARGN})
  if(arg_ONE_THREAD AND thread_tests_only)
    return()
  endif()
  add_executable(${target} ${arg_SOURCES})
  target_link_libraries(${target} PRIVATE dbaas_options ${arg_DEPENDS} ${arg_LIBRARIES} GTest::gtest GTest::gmock GTest::gtest_main)
  if(DBAAS_PRECOMPILE)
    target_compile_options(${target} PRIVATE -O0)
    select_precompiled(headers ${arg_DEPENDS})
    # A few tests do not repay a separate header.
    if(arg_COMMON AND NOT thread_tests_only)
      target_precompile_headers(${target} PRIVATE ${CMAKE_SOURCE_DIR}/cmake/${headers}.hpp <gmock/gmock.h> <gtest/gtest.h> ${arg_COMMON})
    else()
      target_precompile_headers(${target} REUSE_FROM ${headers}_tests)
    endif()
  endif()
  add_test(NAME ${target} COMMAND ${target} --gtest_brief=1)
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  if(CMAKE_CXX_FLAGS MATCHES "-fsanitize")
    math(EXPR arg_TIMEOUT "${arg_TIMEOUT} * 3")
  endif()
  # './dev test' starts ctest with two jobs per processor. A test that computes takes both; the tests of the whole programs,
  # which wait most of the time, take one (test/system/CMakeLists.txt).
  set_tests_properties(${target} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABEL}" PROCESSORS 2 COST ${arg_TIMEOUT})
endfunction()

function(module name)
  cmake_parse_arguments(arg "ONE_THREAD" "FOLDER;PCH;COMMON;TEST_COMMON" "DEPENDS;LIBRARIES;TEST_DEPENDS;THREAD_TESTS" ${ARGN})
  if(NOT arg_FOLDER)
    set(arg_FOLDER ${CMAKE_CURRENT_SOURCE_DIR})
  endif()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${arg_FOLDER}/*.cpp)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  set(live_tests ${tests})
  list(FILTER tests EXCLUDE REGEX "_live_test\\.cpp$")
  list(FILTER live_tests INCLUDE REGEX "_live_test\\.cpp$")
  if(sources)
    add_library(${name} STATIC ${sources})
    target_link_libraries(${name} PUBLIC dbaas_options ${arg_DEPENDS} PRIVATE ${arg_LIBRARIES})
    if(arg_PCH)
      target_precompile_headers(${name} PRIVATE ${arg_PCH})
      count_coverage(${name})
    elseif(arg_COMMON AND DBAAS_PRECOMPILE)
      select_precompiled(headers ${name})
      target_precompile_headers(${name} PRIVATE ${CMAKE_SOURCE_DIR}/cmake/${headers}.hpp ${arg_COMMON})
      count_coverage(${name})
    else()
      precompile(${name} ${name})
    endif()
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE dbaas_options ${arg_DEPENDS})
  endif()
  if(arg_ONE_THREAD AND thread_tests_only)
    set(tests ${arg_THREAD_TESTS})
  endif()
  if(tests)
    dbaas_test(${name}_test SOURCES ${tests} DEPENDS ${name} ${arg_TEST_DEPENDS} LIBRARIES ${arg_LIBRARIES} LABEL unit
      COMMON ${arg_TEST_COMMON})
  endif()
  if(live_tests)
    dbaas_test(${name}_live_test SOURCES ${live_tests} DEPENDS ${name} ${arg_TEST_DEPENDS} LIBRARIES ${arg_LIBRARIES} LABEL live
      TIMEOUT 300)
  endif()
endfunction()
