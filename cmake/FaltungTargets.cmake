# What our own targets share. Users of the library never see these.

# Strict kernels, see FaltungCuda.cmake. No option of ptxas makes them so: the compiler stores those
# with PTX, for the driver's assembler on other GPUs. Spills are judged by scripts/kernel-report.
function(faltung_strict_kernels target)
  # A list with an empty element would run a command without a name.
  set(launcher ${faltung_SOURCE_DIR}/cmake/compile-kernels ${CMAKE_CUDA_COMPILER_LAUNCHER})
  set_target_properties(${target} PROPERTIES CUDA_COMPILER_LAUNCHER "${launcher}")
endfunction()

# Warnings are errors for us only, and only with the compiler that CI uses: a newer one has warnings
# nobody here has seen, and must not stop a first build.
function(faltung_warnings target)
  set(warnings -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wno-sign-conversion)
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:${warnings}>)
  if(PROJECT_IS_TOP_LEVEL AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION
                                                                      VERSION_LESS 13)
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Werror>
                                             $<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings>)
  endif()
  if(FALTUNG_STRICT_KERNELS)
    faltung_strict_kernels(${target})
  endif()
endfunction()

# Parses once what the sources of a target include again and again: two thirds of the time that a
# small source takes. `headers` is a file that includes them. CMAKE_DISABLE_PRECOMPILE_HEADERS=ON
# compiles without, which shows what a source forgot to include.
function(faltung_precompile target headers)
  target_precompile_headers(${target} PRIVATE
                            "$<$<COMPILE_LANGUAGE:CXX>:${faltung_SOURCE_DIR}/${headers}>")
endfunction()

# Programs around the library, tests above all, spend their time in it and not in themselves: at -O1
# they compile in two thirds of the time.
function(faltung_quick_to_compile target)
  target_compile_options(${target} PRIVATE $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CONFIG:Release>>:-O1>)
endfunction()

# The objects of the library once more, as an archive: the shared library hides everything but its
# public interface, and tests look inside.
function(faltung_add_internal_library)
  add_library(faltung_internal STATIC $<TARGET_OBJECTS:faltung>)
  target_compile_features(faltung_internal PUBLIC cxx_std_20)
  target_include_directories(faltung_internal PUBLIC ${faltung_SOURCE_DIR} ${faltung_SOURCE_DIR}/include)
  target_link_libraries(faltung_internal PRIVATE $<TARGET_PROPERTY:faltung,LINK_LIBRARIES>)
  set_target_properties(faltung_internal PROPERTIES LINKER_LANGUAGE CXX)
endfunction()

# A GoogleTest program <name>.cpp registered with CTest under its own name. It may include internal
# headers by their path from the root.
# Usage: faltung_add_test(planner_test [further libraries])
function(faltung_add_test name)
  add_executable(${name} ${name}.cpp)
  target_link_libraries(${name} PRIVATE faltung_internal GTest::gtest_main ${ARGN})
  faltung_warnings(${name})
  faltung_quick_to_compile(${name})
  target_precompile_headers(${name} REUSE_FROM faltung_test_headers)
  add_test(NAME ${name} COMMAND ${name})
endfunction()

# Tests of this directory that belong to the target and the label `smoke`.
function(faltung_smoke_tests)
  set_tests_properties(${ARGN} PROPERTIES LABELS smoke)
  add_dependencies(smoke ${ARGN})
endfunction()

# These tests compare with the numbers in tests/golden.
function(faltung_golden)
  foreach(test IN LISTS ARGN)
    target_compile_definitions(${test} PRIVATE FALTUNG_GOLDEN_DIR="${faltung_SOURCE_DIR}/tests/golden")
  endforeach()
endfunction()

# Labels the tests of this directory that have none, at its end: `full` if they are named, as those
# are that take more than five seconds or look at the whole tree, `basic` otherwise.
# Usage: faltung_label_tests(slow_test ...), or faltung_label_tests(ALL_FULL)
function(faltung_label_tests)
  get_property(tests DIRECTORY PROPERTY TESTS)
  foreach(test IN LISTS tests)
    get_test_property(${test} LABELS labels)
    if(labels)
      continue()
    endif()
    set(label basic)
    if(test IN_LIST ARGN OR ARGN STREQUAL "ALL_FULL")
      set(label full)
    endif()
    set_tests_properties(${test} PROPERTIES LABELS ${label})
  endforeach()
endfunction()

# A libFuzzer program <name>.cpp, built with FALTUNG_FUZZ=ON (needs clang).
# Usage: faltung_add_fuzzer(notation_fuzzer [libraries])
function(faltung_add_fuzzer name)
  add_executable(${name} ${name}.cpp)
  target_link_libraries(${name} PRIVATE ${ARGN})
  target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  faltung_warnings(${name})
endfunction()
