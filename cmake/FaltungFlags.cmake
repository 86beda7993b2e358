# What our own targets need whatever flags they are given, by a host's CMakeLists.txt or on the
# command line. It holds for this directory and those below it alone.

get_directory_property(inherited COMPILE_OPTIONS)
string(TOUPPER "${CMAKE_BUILD_TYPE}" build_type)
set(given "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${build_type}} ${inherited}")
set(given_to_nvcc "${CMAKE_CUDA_FLAGS} ${CMAKE_CUDA_FLAGS_${build_type}}")

# NaN and infinities mean something in every result. Where nobody can have asked for fast
# mathematics, command lines stay as they are.
if(NOT PROJECT_IS_TOP_LEVEL OR "${given} ${given_to_nvcc}" MATCHES "fast|math")
  # nvcc knows no opposite of this one.
  foreach(flags CMAKE_CUDA_FLAGS CMAKE_CUDA_FLAGS_${build_type} inherited)
    string(REGEX REPLACE "--?use_fast_math" "" ${flags} "${${flags}}")
  endforeach()
  set_directory_properties(PROPERTIES COMPILE_OPTIONS "${inherited}")
  set(exact -fno-fast-math)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    list(APPEND exact -fno-cx-limited-range) # its -fno-fast-math leaves this part on
  endif()
  foreach(option IN LISTS exact)
    add_compile_options($<$<COMPILE_LANGUAGE:CXX>:${option}> $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=${option}>)
  endforeach()
  add_compile_options("$<$<COMPILE_LANGUAGE:CUDA>:-ftz=false;-prec-div=true;-prec-sqrt=true>")
  add_link_options(-fno-fast-math)
endif()

# Without a level kernels take 40 times as long. Whoever names a build type or a level means it.
if(NOT PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES
   AND NOT given MATCHES "(^|[ ;])-O")
  message(STATUS "faltung: CMAKE_BUILD_TYPE is not set; faltung's own code is compiled with -O3 all the same")
  add_compile_options(-O3 -DNDEBUG)
endif()
