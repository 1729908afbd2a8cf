# A floor is one folder, one library and one include root:
#
#   buskin_floor(NAME [DEPENDS target...] [PRIVATE_DEPENDS target...])
#
# makes library buskin_NAME, alias buskin::NAME, of every src/**.cpp, with every header below
# include/. A floor stands only on floors declared before it: the order of the calls is the
# architecture, and configuring fails on any link that goes up.

function(buskin_floor name)
  cmake_parse_arguments(PARSE_ARGV 1 floor "" "" "DEPENDS;PRIVATE_DEPENDS")
  if(floor_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "buskin_floor(${name}): unknown argument ${floor_UNPARSED_ARGUMENTS}")
  endif()
  buskin_refuse_upward(${name} ${floor_DEPENDS} ${floor_PRIVATE_DEPENDS})
  set_property(GLOBAL APPEND PROPERTY BUSKIN_FLOORS ${name})

  file(GLOB_RECURSE headers CONFIGURE_DEPENDS include/*.hpp)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS src/*.cpp)
  if(NOT sources)
    file(TOUCH ${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp)  # a floor still empty is a floor
    set(sources ${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp)
  endif()
  set(target buskin_${name})
  add_library(${target} ${sources})
  add_library(buskin::${name} ALIAS ${target})
  target_sources(${target} PUBLIC FILE_SET HEADERS BASE_DIRS include FILES ${headers})
  target_include_directories(${target} PRIVATE src)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_link_libraries(${target} PUBLIC ${floor_DEPENDS} PRIVATE ${floor_PRIVATE_DEPENDS})
  buskin_warnings(${target})
  set_target_properties(${target} PROPERTIES
    EXPORT_NAME ${name}
    POSITION_INDEPENDENT_CODE ON
    SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
    VERSION ${PROJECT_VERSION}
    VERIFY_INTERFACE_HEADER_SETS ON)
  if(BUSKIN_INSTALL)
    install(TARGETS ${target} EXPORT buskin-targets FILE_SET HEADERS)
  endif()
endfunction()

# Refuses each of the given targets that is a floor not declared before `name`.
function(buskin_refuse_upward name)
  get_property(floors GLOBAL PROPERTY BUSKIN_FLOORS)
  list(FIND floors ${name} own)
  if(NOT own EQUAL -1)
    list(SUBLIST floors 0 ${own} floors)
  endif()
  foreach(dependency IN LISTS ARGN)
    if(dependency MATCHES "^(\\$<LINK_ONLY:)?buskin(::|_)([a-z_]+)" AND NOT CMAKE_MATCH_3 IN_LIST floors)
      message(FATAL_ERROR "Floor ${name} may not stand on ${CMAKE_MATCH_3}: "
        "a floor links only floors declared before it. Move the code that needs it up to "
        "${CMAKE_MATCH_3}, or move what it needs down.")
    endif()
  endforeach()
endfunction()

# Looks at the links once more when all floors are declared, for those that were added by hand.
function(buskin_check_floors)
  get_property(floors GLOBAL PROPERTY BUSKIN_FLOORS)
  foreach(name IN LISTS floors)
    get_target_property(links buskin_${name} LINK_LIBRARIES)
    get_target_property(interface_links buskin_${name} INTERFACE_LINK_LIBRARIES)
    buskin_refuse_upward(${name} ${links} ${interface_links})
  endforeach()
endfunction()
