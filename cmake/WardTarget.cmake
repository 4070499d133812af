# What every target of this repository is compiled with. None of it is exported.

set(WARD_SANITIZE_FLAGS "")
set(WARD_NO_UNDEFINED "")
if(WARD_SANITIZE)
    set(WARD_SANITIZE_FLAGS
        -fsanitize=${WARD_SANITIZE}
        -fno-sanitize-recover=all
        -fno-omit-frame-pointer)
else()
    # A sanitized library gets its run-time's symbols from the program, so only a plain
    # one can be asked to name all of its own.
    set(WARD_NO_UNDEFINED LINKER:--no-undefined)
endif()

add_library(ward_warnings INTERFACE)
target_compile_options(ward_warnings INTERFACE
    -Wall
    -Wextra
    -Wpedantic
    -Wshadow
    -Wvla
    -Wcast-qual
    -Wpointer-arith
    -Wwrite-strings
    -Wundef
    -Wformat=2
    -Wimplicit-fallthrough
    $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>
    $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes>
    $<$<BOOL:${WARD_WERROR}>:-Werror>)

# Intel's processors from Skylake to Cascade Lake, which most clouds have, do not keep a branch that crosses
# 32 bytes in their cache of decoded instructions; the assembler can see to that. A tell takes a sixth
# longer without.
include(CheckCCompilerFlag)
set(WARD_ALIGN_BRANCHES -Wa,-mbranches-within-32B-boundaries)
check_c_compiler_flag(${WARD_ALIGN_BRANCHES} WARD_CAN_ALIGN_BRANCHES)
add_library(ward_aligned INTERFACE)
if(WARD_CAN_ALIGN_BRANCHES)
    target_compile_options(ward_aligned INTERFACE
        $<$<AND:$<COMPILE_LANGUAGE:C>,$<NOT:$<CONFIG:Debug>>>:${WARD_ALIGN_BRANCHES}>)
endif()

add_library(ward_sanitize INTERFACE)
target_compile_options(ward_sanitize INTERFACE ${WARD_SANITIZE_FLAGS})
target_link_options(ward_sanitize INTERFACE ${WARD_SANITIZE_FLAGS})

# ward_target(<target>): C11 without extensions, the system's interfaces, our warnings.
function(ward_target target)
    set_target_properties(${target} PROPERTIES
        C_STANDARD 11
        C_STANDARD_REQUIRED ON
        C_EXTENSIONS OFF)
    target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
    target_link_libraries(${target} PRIVATE
        $<BUILD_INTERFACE:ward_warnings>
        $<BUILD_INTERFACE:ward_aligned>
        $<BUILD_INTERFACE:ward_sanitize>)
endfunction()
