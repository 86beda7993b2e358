# How code is compiled for several instruction sets, of which one is chosen at run time.

# faltung_vector_kernel(FOLDER/KERNEL NAMESPACE NAME TYPES): a kernel of Highway's vectors for values
# of these types, in all of Highway's sets; see kernel.hpp.
function(faltung_vector_kernel path namespace name types)
  cmake_path(GET path PARENT_PATH folder)
  cmake_path(GET path FILENAME kernel)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${folder}/${name}.cpp)
  file(CONFIGURE OUTPUT ${source} CONTENT
"#define FALTUNG_KERNEL ${kernel}
#define FALTUNG_MAKE_KERNEL make_${kernel}
#define FALTUNG_KERNEL_SPACE ${namespace}
#define FALTUNG_KERNEL_FILE \"cpp/cpu/${path}-inl.hpp\"
#define FALTUNG_KERNEL_NAME ${name}
#define FALTUNG_KERNEL_TYPES ${types}
#include \"cpp/cpu/simd/kernel.hpp\"
")
  target_sources(faltung_cpu_part PRIVATE ${source})
endfunction()

# The sets that whole files are compiled for; instruction_sets.cpp finds the one in use. The
# sanitizers' builds have one.
set(file_sets baseline)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64" AND FALTUNG_DISPATCH AND NOT FALTUNG_SANITIZE)
  list(APPEND file_sets avx2 avx512)
  target_compile_definitions(faltung_cpu_part PRIVATE FALTUNG_FFT_X86_SETS)
endif()
set(file_flags_avx2 -march=x86-64-v3)
set(file_flags_avx512 -march=x86-64-v4)

# faltung_for_each_set(FOLDER/FILE [OPTION...]): a file of vectors once for each of them, out of the
# sanitizers' sight. FALTUNG_FFT_SET names the set.
function(faltung_for_each_set file)
  cmake_path(REMOVE_EXTENSION file OUTPUT_VARIABLE path)
  foreach(set IN LISTS file_sets)
    set(source ${CMAKE_CURRENT_BINARY_DIR}/${path}_${set}.cpp)
    file(CONFIGURE OUTPUT ${source} CONTENT
         "#define FALTUNG_FFT_SET ${set}\n#include \"cpp/cpu/${file}\"\n")
    target_sources(faltung_cpu_part PRIVATE ${source})
    set(flags ${file_flags_${set}} ${ARGN})
    if(FALTUNG_SANITIZE)
      list(APPEND flags -fno-sanitize=all)
    endif()
    # Headers precompiled with other flags do not serve.
    set_source_files_properties(${source} TARGET_DIRECTORY faltung_cpu_part
                                PROPERTIES COMPILE_OPTIONS "${flags}" SKIP_PRECOMPILE_HEADERS ON)
  endforeach()
endfunction()
