# module(NAME [FOLDER dir] [DEPENDS targets...] [LIBRARIES libs...] [TEST_DEPENDS targets...] [PCH header])
#   Defines a static library from the *.cpp of the folder and its sub-folders, a test binary from the *_test.cpp, and one
#   with the label live from the *_live_test.cpp.
#   DEPENDS: other modules (public). LIBRARIES: third-party libraries (private). TEST_DEPENDS: libraries of the tests alone.
#   PCH: a header of the module that includes the large third-party headers of its .cpp files; it is precompiled.
add_library(dbaas_options INTERFACE)
target_include_directories(dbaas_options INTERFACE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR})
target_compile_options(dbaas_options INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wno-missing-field-initializers -Wno-missing-designated-field-initializers
  $<$<BOOL:${DBAAS_WERROR}>:-Werror>)
target_compile_definitions(dbaas_options INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
  BOOST_ASIO_DISABLE_VISIBILITY)
target_link_libraries(dbaas_options INTERFACE fmt::fmt Threads::Threads)

# Each test binary is one ctest test; --gtest_filter selects cases.
function(dbaas_test target)
  cmake_parse_arguments(arg "" "LABEL;TIMEOUT" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${target} ${arg_SOURCES})
  target_link_libraries(${target} PRIVATE dbaas_options ${arg_DEPENDS} GTest::gtest GTest::gmock GTest::gtest_main)
  add_test(NAME ${target} COMMAND ${target} --gtest_brief=1)
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  # './dev test' starts ctest with two jobs per processor. A test that computes takes both; the tests of the whole programs,
  # which wait most of the time, take one (test/system/CMakeLists.txt).
  set_tests_properties(${target} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABEL}" PROCESSORS 2)
endfunction()

function(module name)
  cmake_parse_arguments(arg "" "FOLDER;PCH" "DEPENDS;LIBRARIES;TEST_DEPENDS" ${ARGN})
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
    endif()
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE dbaas_options ${arg_DEPENDS})
  endif()
  if(tests)
    dbaas_test(${name}_test SOURCES ${tests} DEPENDS ${name} ${arg_TEST_DEPENDS} ${arg_LIBRARIES} LABEL unit)
  endif()
  if(live_tests)
    dbaas_test(${name}_live_test SOURCES ${live_tests} DEPENDS ${name} ${arg_TEST_DEPENDS} ${arg_LIBRARIES} LABEL live
      TIMEOUT 300)
  endif()
endfunction()
