# What our own targets share. Users of the library never see these.

# Strict kernels, see FaltungCuda.cmake. No option of ptxas makes them so: the compiler stores those
# with PTX, for the driver's assembler on other GPUs. Spills are judged by scripts/kernel-report.
function(faltung_strict_kernels target)
  # A list with an empty element would run a command without a name.
  set(launcher ${faltung_SOURCE_DIR}/cmake/compile-kernels ${CMAKE_CUDA_COMPILER_LAUNCHER})
  set_target_properties(${target} PROPERTIES CUDA_COMPILER_LAUNCHER "${launcher}")
endfunction()

# Device code for NVIDIA's linker, which makes that of the oldest architecture into machine code of
# every newer one. For a target of the same folder that depends on `output`.
function(faltung_add_lto_code output source)
  set(host_compiler ${CMAKE_CUDA_HOST_COMPILER})
  add_custom_command(
    OUTPUT ${output}
    COMMAND
      ${CMAKE_CUDA_COMPILER} -std=c++20 -O3 -DNDEBUG "$<$<BOOL:${host_compiler}>:-ccbin=${host_compiler}>"
      -I${faltung_SOURCE_DIR} -I${faltung_SOURCE_DIR}/include -gencode arch=compute_80,code=lto_80 -dc -fatbin -MD -MT
      ${output} -MF ${output}.d ${source} -o ${output}
    DEPENDS ${source}
    DEPFILE ${output}.d
    COMMENT "Building ${output}"
    COMMAND_EXPAND_LISTS VERBATIM)
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

# Compiles the sources of a target `count` at a time: what they instantiate from the headers of others
# is compiled once for all of them, which for the program is three quarters of the time. Names that a
# source keeps to itself must then be its own among these. Where headers are not precompiled every
# source stands alone, so that it shows what it forgot to include.
function(faltung_compile_together target count)
  if(NOT CMAKE_DISABLE_PRECOMPILE_HEADERS)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${count})
  endif()
endfunction()

# How every source of the library is compiled.
function(faltung_compile_as_library target)
  target_include_directories(${target} PRIVATE ${faltung_SOURCE_DIR})
  set_target_properties(
    ${target}
    PROPERTIES CXX_VISIBILITY_PRESET hidden
               VISIBILITY_INLINES_HIDDEN ON
               POSITION_INDEPENDENT_CODE ON)
  faltung_warnings(${target})
endfunction()

# Programs around the library, tests above all, spend their time in it and not in themselves: at -O1
# they compile in two thirds of the time.
function(faltung_quick_to_compile target)
  target_compile_options(${target} PRIVATE $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CONFIG:Release>>:-O1>)
endfunction()

# The objects of the library once more, as archives: the shared library hides everything but its
# public interface, and tests look inside. faltung_internal_cpu is what a build without CUDA has.
# Not to be called where the library is made: the definitions of its sources hold there.
function(faltung_add_internal_libraries)
  add_library(faltung_internal STATIC $<TARGET_OBJECTS:faltung> $<TARGET_OBJECTS:faltung_cpu_part>)
  set(archives faltung_internal)
  if(FALTUNG_HAVE_CUDA)
    set(core ${faltung_SOURCE_DIR}/cpp/core)
    add_library(faltung_internal_cpu STATIC $<TARGET_OBJECTS:faltung_cpu_part> ${core}/engine_list.cpp
                                            ${core}/no_cuda.cpp ${core}/version.cpp)
    target_compile_definitions(faltung_internal_cpu
                               PRIVATE $<TARGET_PROPERTY:faltung_cpu_part,COMPILE_DEFINITIONS>)
    list(APPEND archives faltung_internal_cpu)
  else()
    add_library(faltung_internal_cpu ALIAS faltung_internal)
  endif()
  foreach(archive IN LISTS archives)
    target_compile_features(${archive} PUBLIC cxx_std_20)
    target_include_directories(${archive} PUBLIC ${faltung_SOURCE_DIR} ${faltung_SOURCE_DIR}/include)
    target_link_libraries(${archive} PRIVATE $<TARGET_PROPERTY:faltung,LINK_LIBRARIES>)
    set_target_properties(${archive} PROPERTIES LINKER_LANGUAGE CXX)
  endforeach()
endfunction()

# A GoogleTest program <name>.cpp registered with CTest under its own name. It may include internal
# headers by their path from the root.
# Usage: faltung_add_test(planner_test [further libraries])
function(faltung_add_test name)
  faltung_add_test_program(${name} faltung_internal ${ARGN})
endfunction()

# The same, and the test belongs to the target and the label `smoke`: it is linked with the CPU's part
# of the library alone, for which nobody waits long.
function(faltung_add_smoke_test name)
  faltung_add_test_program(${name} faltung_internal_cpu ${ARGN})
  set_tests_properties(${name} PROPERTIES LABELS smoke)
  add_dependencies(smoke ${name})
endfunction()

function(faltung_add_test_program name)
  add_executable(${name} ${name}.cpp)
  target_link_libraries(${name} PRIVATE ${ARGN} GTest::gtest_main)
  faltung_compile_as_test(${name})
  add_test(NAME ${name} COMMAND ${name})
endfunction()

# How the sources of tests are compiled, but those in the emulator.
function(faltung_compile_as_test target)
  faltung_warnings(${target})
  faltung_quick_to_compile(${target})
  target_precompile_headers(${target} REUSE_FROM faltung_test_headers)
endfunction()

# A GoogleTest source compiled once for several programs: $<TARGET_OBJECTS:name>.
function(faltung_add_test_objects name source)
  add_library(${name} OBJECT ${source})
  target_include_directories(${name} PRIVATE ${faltung_SOURCE_DIR} ${faltung_SOURCE_DIR}/include)
  target_link_libraries(${name} PRIVATE GTest::gtest)
  target_compile_features(${name} PRIVATE cxx_std_20)
  faltung_compile_as_test(${name})
endfunction()

# These tests compare with the numbers in tests/golden.
function(faltung_golden)
  foreach(test IN LISTS ARGN)
    target_compile_definitions(${test} PRIVATE FALTUNG_GOLDEN_DIR="${faltung_SOURCE_DIR}/tests/golden")
  endforeach()
endfunction()

# Labels the tests of this directory that have none, at its end: `full` if they are named, as those
# are that take more than five seconds or look at the whole tree, `basic` otherwise. Where nobody has
# measured yet, those start first, so that no long one is alone at the end.
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
    get_test_property(${test} COST cost)
    if(label STREQUAL "full" AND NOT cost)
      set_tests_properties(${test} PROPERTIES COST 50)
    endif()
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
