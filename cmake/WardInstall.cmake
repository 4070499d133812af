# What `cmake --install` puts where: headers, library, CMake package and .pc file.

include(CMakePackageConfigHelpers)

set(WARD_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/ward)

install(TARGETS ward EXPORT wardTargets)
install(DIRECTORY include/ward
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.h")

install(EXPORT wardTargets
    NAMESPACE ward::
    DESTINATION ${WARD_CMAKE_DIR})

configure_package_config_file(
    ${CMAKE_CURRENT_LIST_DIR}/wardConfig.cmake.in
    ${PROJECT_BINARY_DIR}/wardConfig.cmake
    INSTALL_DESTINATION ${WARD_CMAKE_DIR}
    NO_SET_AND_CHECK_MACRO)
# Before 1.0 a minor version may break its users.
write_basic_package_version_file(
    ${PROJECT_BINARY_DIR}/wardConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES
    ${PROJECT_BINARY_DIR}/wardConfig.cmake
    ${PROJECT_BINARY_DIR}/wardConfigVersion.cmake
    ${CMAKE_CURRENT_LIST_DIR}/FindMsgpackC.cmake
    DESTINATION ${WARD_CMAKE_DIR})

# The .pc file finds its prefix from its own place, so the tree may be moved.
cmake_path(IS_ABSOLUTE CMAKE_INSTALL_LIBDIR WARD_LIBDIR_IS_ABSOLUTE)
cmake_path(IS_ABSOLUTE CMAKE_INSTALL_INCLUDEDIR WARD_INCLUDEDIR_IS_ABSOLUTE)
if(WARD_LIBDIR_IS_ABSOLUTE OR WARD_INCLUDEDIR_IS_ABSOLUTE)
    set(WARD_PC_PREFIX ${CMAKE_INSTALL_PREFIX})
    set(WARD_PC_LIBDIR ${CMAKE_INSTALL_FULL_LIBDIR})
    set(WARD_PC_INCLUDEDIR ${CMAKE_INSTALL_FULL_INCLUDEDIR})
else()
    file(RELATIVE_PATH WARD_PC_UP /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
    string(REGEX REPLACE "/$" "" WARD_PC_UP "${WARD_PC_UP}")
    set(WARD_PC_PREFIX "\${pcfiledir}/${WARD_PC_UP}")
    set(WARD_PC_LIBDIR "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
    set(WARD_PC_INCLUDEDIR "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
configure_file(${CMAKE_CURRENT_LIST_DIR}/ward.pc.in ${PROJECT_BINARY_DIR}/ward.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/ward.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
