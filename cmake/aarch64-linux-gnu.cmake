# Cross-compiles for 64-bit ARM with Debian's g++-aarch64-linux-gnu, and runs what it made with
# qemu-aarch64. scripts/check-aarch64 makes the folder FALTUNG_SYSROOT: what Debian's packages for
# arm64 install, the libraries that ours uses among it.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc) # of the tests in C
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES FALTUNG_SYSROOT)

# Not CMAKE_SYSROOT: the cross compiler brings its own C and C++ libraries.
set(CMAKE_FIND_ROOT_PATH ${FALTUNG_SYSROOT} /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
# Where the linker looks for what shared libraries need, without a word in what it writes.
string(APPEND CMAKE_EXE_LINKER_FLAGS_INIT
       " -Wl,-rpath-link,${FALTUNG_SYSROOT}/usr/lib/aarch64-linux-gnu")

set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L ${FALTUNG_SYSROOT})
