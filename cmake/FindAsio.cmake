# Finds standalone Asio, which is headers only and brings no package file. Target: Asio::asio.
# Installed beside buskin-config.cmake, which uses it for buskin's users.

find_path(Asio_INCLUDE_DIR asio/version.hpp)
mark_as_advanced(Asio_INCLUDE_DIR)
if(Asio_INCLUDE_DIR)
  file(STRINGS ${Asio_INCLUDE_DIR}/asio/version.hpp asio_version REGEX "^#define ASIO_VERSION [0-9]+")
  string(REGEX MATCH "[0-9]+" asio_version "${asio_version}")
  if(asio_version)
    math(EXPR asio_major "${asio_version} / 100000")
    math(EXPR asio_minor "${asio_version} / 100 % 1000")
    math(EXPR asio_patch "${asio_version} % 100")
    set(Asio_VERSION ${asio_major}.${asio_minor}.${asio_patch})
  endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Asio
  REQUIRED_VARS Asio_INCLUDE_DIR
  VERSION_VAR Asio_VERSION
  REASON_FAILURE_MESSAGE "On Debian and Ubuntu: apt-get install libasio-dev.")

if(Asio_FOUND AND NOT TARGET Asio::asio)
  find_package(Threads REQUIRED)
  add_library(Asio::asio INTERFACE IMPORTED)
  set_target_properties(Asio::asio PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES ${Asio_INCLUDE_DIR}
    INTERFACE_LINK_LIBRARIES Threads::Threads)
endif()
