# How tests, fuzz targets and examples are declared.

# Workers crash on purpose, so a sanitizer must leave the signal to the kernel. A memory
# limit must show as a NULL of malloc, as it does without sanitizers.
set(WARD_TEST_ENVIRONMENT
    "ASAN_OPTIONS=handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:handle_abort=0:allocator_may_return_null=1:detect_stack_use_after_return=1"
    "UBSAN_OPTIONS=print_stacktrace=1"
    "TSAN_OPTIONS=handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:handle_abort=0:die_after_fork=0:halt_on_error=1")
if(WARD_SOAK)
    list(APPEND WARD_TEST_ENVIRONMENT "WARD_SOAK=1")
endif()

find_program(BASH bash)
mark_as_advanced(BASH)

# cmocka 1.1.5 exports variables only; newer ones export cmocka::cmocka.
function(ward_import_cmocka)
    if(NOT TARGET cmocka::cmocka)
        add_library(cmocka::cmocka INTERFACE IMPORTED GLOBAL)
        set_target_properties(cmocka::cmocka PROPERTIES
            INTERFACE_INCLUDE_DIRECTORIES "${CMOCKA_INCLUDE_DIR}"
            INTERFACE_LINK_LIBRARIES "${CMOCKA_LIBRARIES}")
    endif()
endfunction()

# A null dereference shall end in a signal, as it does in the field, not in a report. Linked
# after ward_sanitize, because the last option wins.
add_library(ward_may_crash INTERFACE)
if(WARD_SANITIZE MATCHES "undefined")
    target_compile_options(ward_may_crash INTERFACE -fno-sanitize=null,integer-divide-by-zero)
endif()

# What the run under the thread sanitizer needs.
add_custom_target(ward_threads)

# ward_register(NAME name FOLDER folder LABELS label... TIMEOUT s SOAK_TIMEOUT s
#     [SERIAL] COMMAND command...)
# add_test with what all our tests share. The labels are the folder and the given ones
# (gate if none is given); exit code 77 means skipped.
function(ward_register)
    cmake_parse_arguments(PARSE_ARGV 0 arg
        "SERIAL" "NAME;FOLDER;TIMEOUT;SOAK_TIMEOUT" "LABELS;COMMAND")
    if(NOT arg_NAME OR NOT arg_FOLDER OR NOT arg_COMMAND)
        message(FATAL_ERROR "a test needs NAME, FOLDER and COMMAND")
    endif()
    if(NOT DEFINED arg_LABELS)
        set(arg_LABELS gate)
    endif()
    if(NOT DEFINED arg_TIMEOUT)
        set(arg_TIMEOUT 60)
    endif()
    if(WARD_SOAK)
        set(arg_TIMEOUT 3600)
        if(DEFINED arg_SOAK_TIMEOUT)
            set(arg_TIMEOUT ${arg_SOAK_TIMEOUT})
        endif()
    endif()
    set(name ${arg_FOLDER}.${arg_NAME})
    add_test(NAME ${name} COMMAND ${arg_COMMAND})
    set_tests_properties(${name} PROPERTIES
        LABELS "${arg_FOLDER};${arg_LABELS}"
        TIMEOUT ${arg_TIMEOUT}
        SKIP_RETURN_CODE 77
        RUN_SERIAL ${arg_SERIAL}
        ENVIRONMENT "${WARD_TEST_ENVIRONMENT}")
endfunction()

# ward_test(NAME name FOLDER folder SOURCES file... [LABELS gate;soak] [TIMEOUT s]
#     [SOAK_TIMEOUT s] [SERIAL] [WRAP function...] [LIBRARIES target...])
# A cmocka program that sees the internal symbols. What has the label threads is a part of the
# target ward_threads, which the run under the thread sanitizer builds. WRAP lets the test replace a function
# of libc by __wrap_<function> for the whole program.
function(ward_test)
    cmake_parse_arguments(PARSE_ARGV 0 arg
        "SERIAL" "NAME;FOLDER;TIMEOUT;SOAK_TIMEOUT" "SOURCES;LABELS;WRAP;LIBRARIES")
    if(arg_UNPARSED_ARGUMENTS OR NOT arg_SOURCES)
        message(FATAL_ERROR "ward_test(${arg_NAME}): SOURCES missing or unknown: "
            "${arg_UNPARSED_ARGUMENTS}")
    endif()
    set(target ${arg_FOLDER}_${arg_NAME})
    add_executable(${target} ${arg_SOURCES})
    ward_target(${target})
    target_link_libraries(${target} PRIVATE
        ward_may_crash
        ward_static_for_tests
        cmocka::cmocka
        ${arg_LIBRARIES})
    foreach(function IN LISTS arg_WRAP)
        target_link_options(${target} PRIVATE LINKER:--wrap=${function})
    endforeach()
    if("threads" IN_LIST arg_LABELS)
        add_dependencies(ward_threads ${target})
    endif()
    set(serial)
    if(arg_SERIAL OR arg_FOLDER STREQUAL "stress")
        set(serial SERIAL)
    endif()
    set(options)
    foreach(option LABELS TIMEOUT SOAK_TIMEOUT)
        if(DEFINED arg_${option})
            list(APPEND options ${option} ${arg_${option}})
        endif()
    endforeach()
    ward_register(NAME ${arg_NAME} FOLDER ${arg_FOLDER} ${serial} ${options}
        COMMAND ${target})
endfunction()

# ward_fuzz(NAME name SOURCES file... [LIBRARIES target...])
# The sources define LLVMFuzzerTestOneInput. The fuzz preset makes a libFuzzer program and
# runs it for WARD_FUZZ_SECONDS (30). All other presets replay tests/fuzz/corpus/<name>,
# where seeds and the inputs of past failures are kept, when there is such a folder.
function(ward_fuzz)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "SOURCES;LIBRARIES")
    set(target fuzz_${arg_NAME})
    set(corpus ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${arg_NAME})
    if(WARD_FUZZ)
        add_executable(${target} ${arg_SOURCES})
        target_link_options(${target} PRIVATE -fsanitize=fuzzer)
        # Longer than any run we ask for: the script has the real deadline.
        ward_register(NAME ${arg_NAME} FOLDER fuzz TIMEOUT 86400
            COMMAND ${BASH} ${PROJECT_SOURCE_DIR}/tests/fuzz/run.sh
                $<TARGET_FILE:${target}> ${CMAKE_CURRENT_BINARY_DIR}/${arg_NAME} ${corpus})
    elseif(IS_DIRECTORY ${corpus})
        add_executable(${target} ${arg_SOURCES} ${PROJECT_SOURCE_DIR}/tests/fuzz/replay.c)
        ward_register(NAME ${arg_NAME} FOLDER fuzz COMMAND ${target} ${corpus})
    else()
        return()
    endif()
    ward_target(${target})
    target_link_libraries(${target} PRIVATE ward_static_for_tests ${arg_LIBRARIES})
endfunction()

# ward_example(<name> [SOURCES file...] [ARGS argument...] [TIMEOUT s] [LIBRARIES target...]
#     [LABELS gate;soak])
# Builds <name>.c against the public headers only. If <name>.expected lies beside it, a
# test runs the program with ARGS, and <name>.input, if there is one, as standard input, and
# compares.
function(ward_example name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "SOURCES;ARGS;LIBRARIES;LABELS")
    set(target example_${name})
    add_executable(${target} ${name}.c ${arg_SOURCES})
    set_target_properties(${target} PROPERTIES OUTPUT_NAME ${name})
    ward_target(${target})
    target_link_libraries(${target} PRIVATE ward_may_crash ward::ward ${arg_LIBRARIES})
    if(NOT WARD_BUILD_TESTS)
        return()
    endif()
    set(expected ${CMAKE_CURRENT_SOURCE_DIR}/${name}.expected)
    set(input ${CMAKE_CURRENT_SOURCE_DIR}/${name}.input)
    if(NOT EXISTS ${input})
        set(input /dev/null)
    endif()
    if(EXISTS ${expected})
        set(options)
        foreach(option LABELS TIMEOUT)
            if(DEFINED arg_${option})
                list(APPEND options ${option} ${arg_${option}})
            endif()
        endforeach()
        if("threads" IN_LIST arg_LABELS)
            add_dependencies(ward_threads ${target})
        endif()
        ward_register(NAME ${name} FOLDER examples ${options}
            COMMAND ${BASH} ${PROJECT_SOURCE_DIR}/tests/compare-output.sh
                -i ${input} ${expected} $<TARGET_FILE:${target}> ${arg_ARGS})
    endif()
endfunction()
