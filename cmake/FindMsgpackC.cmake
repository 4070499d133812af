# msgpack for C changed its names: up to 5.0 the package is "msgpack" with the target
# "msgpackc", from 6.0 on both are "msgpack-c". This module gives one name to either.
# Defines MsgpackC_FOUND, MsgpackC_VERSION, MsgpackC_PKGCONFIG_NAME and the target
# MsgpackC::MsgpackC.

find_package(msgpack-c CONFIG QUIET)
if(msgpack-c_FOUND)
    set(MsgpackC_VERSION ${msgpack-c_VERSION})
    set(MsgpackC_PKGCONFIG_NAME msgpack-c)
else()
    find_package(msgpack CONFIG QUIET)
    set(MsgpackC_VERSION ${msgpack_VERSION})
    set(MsgpackC_PKGCONFIG_NAME msgpack)
endif()

foreach(MsgpackC_CANDIDATE msgpack-c msgpackc msgpack-c-static msgpackc-static)
    if(TARGET ${MsgpackC_CANDIDATE})
        set(MsgpackC_TARGET ${MsgpackC_CANDIDATE})
        break()
    endif()
endforeach()
unset(MsgpackC_CANDIDATE)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(MsgpackC
    REQUIRED_VARS MsgpackC_TARGET
    VERSION_VAR MsgpackC_VERSION)

if(MsgpackC_FOUND AND NOT TARGET MsgpackC::MsgpackC)
    add_library(MsgpackC::MsgpackC INTERFACE IMPORTED)
    set_target_properties(MsgpackC::MsgpackC PROPERTIES
        INTERFACE_LINK_LIBRARIES ${MsgpackC_TARGET})
endif()
