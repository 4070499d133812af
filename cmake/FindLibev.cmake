# libev ships neither a CMake package nor a .pc file. Only tests and examples need it.
# Defines Libev_FOUND, Libev_VERSION and the target Libev::Libev.

find_path(Libev_INCLUDE_DIR ev.h PATH_SUFFIXES libev)
find_library(Libev_LIBRARY ev)
mark_as_advanced(Libev_INCLUDE_DIR Libev_LIBRARY)

if(Libev_INCLUDE_DIR)
    file(STRINGS ${Libev_INCLUDE_DIR}/ev.h Libev_VERSION_LINES
        REGEX "^[ \t]+EV_VERSION_(MAJOR|MINOR)[ \t]*=")
    string(REGEX REPLACE ".*MAJOR[ \t]*=[ \t]*([0-9]+).*MINOR[ \t]*=[ \t]*([0-9]+).*" "\\1.\\2"
        Libev_VERSION "${Libev_VERSION_LINES}")
    unset(Libev_VERSION_LINES)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Libev
    REQUIRED_VARS Libev_LIBRARY Libev_INCLUDE_DIR
    VERSION_VAR Libev_VERSION)

if(Libev_FOUND AND NOT TARGET Libev::Libev)
    add_library(Libev::Libev UNKNOWN IMPORTED)
    set_target_properties(Libev::Libev PROPERTIES
        IMPORTED_LOCATION ${Libev_LIBRARY}
        INTERFACE_INCLUDE_DIRECTORIES ${Libev_INCLUDE_DIR})
endif()
