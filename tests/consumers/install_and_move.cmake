# cmake -D build=BUILD_TREE -D prefix=PREFIX -P install_and_move.cmake
file(REMOVE_RECURSE ${prefix} ${prefix}.first)
execute_process(COMMAND ${CMAKE_COMMAND} --install ${build} --prefix ${prefix}.first
                COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
file(RENAME ${prefix}.first ${prefix})
