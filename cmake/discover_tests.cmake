# Read by ctest when it starts: asks a test program what it holds, and makes an entry of each test
# case. A data-driven case is one entry, however many samples it has.
if(symbolizer)
  set(ENV{ASAN_SYMBOLIZER_PATH} ${symbolizer})
  set(ENV{UBSAN_SYMBOLIZER_PATH} ${symbolizer})
  set(ENV{TSAN_OPTIONS} external_symbolizer_path=${symbolizer})
endif()

set(status "it was not built")
if(EXISTS ${program})
  execute_process(COMMAND ${program} --list_content=HRF
    RESULT_VARIABLE status OUTPUT_VARIABLE listing ERROR_VARIABLE listing)
endif()
if(NOT status EQUAL 0)
  message("${program} could not list its tests: ${status}\n${listing}")
  add_test(${name}.list ${program} --list_content=HRF)
  return()
endif()

# Lines are `name*` or `name*: description`, four spaces for each suite around; * means enabled.
string(REPLACE ";" "," listing "${listing}")
string(REPLACE "\n" ";" listing "${listing}")
set(entries "")
foreach(line IN LISTS listing)
  if(NOT line MATCHES "^( *)([^*:]+)(\\*?)(:.*)?$")
    continue()
  endif()
  string(STRIP "${CMAKE_MATCH_2}" unit)
  set(enabled "${CMAKE_MATCH_3}")
  string(LENGTH "${CMAKE_MATCH_1}" depth)
  math(EXPR depth "${depth} / 4")
  set(path "${unit}")
  if(depth GREATER 0)
    math(EXPR above "${depth} - 1")
    set(path "${path_${above}}/${unit}")
    # What holds others is a suite and no entry, except when the others are samples.
    if(unit MATCHES "^_[0-9]+$")
      continue()
    endif()
    list(REMOVE_ITEM entries "${path_${above}}")
  endif()
  set(path_${depth} "${path}")
  set(enabled_${path} "${enabled}")
  list(APPEND entries "${path}")
endforeach()

foreach(path IN LISTS entries)
  add_test("${name}/${path}" ${program} "--run_test=${path}" --catch_system_errors=no
    --color_output=no)
  set_tests_properties("${name}/${path}" PROPERTIES LABELS ${name} TIMEOUT 120)
  # Those that need a network of their own say when they cannot have one.
  if(path MATCHES "^network_/")
    set_tests_properties("${name}/${path}" PROPERTIES LABELS "${name};net"
      SKIP_REGULAR_EXPRESSION "^left out: ")
  endif()
  if(NOT enabled_${path})
    set_tests_properties("${name}/${path}" PROPERTIES DISABLED TRUE)
  endif()
endforeach()
