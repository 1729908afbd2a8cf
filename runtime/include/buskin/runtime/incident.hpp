// What is reported where nobody can be told by an exception.
#pragma once

#include <exception>
#include <source_location>
#include <string>

namespace buskin {

/// Something that went wrong where nobody could be told by an exception.
struct incident {
  std::string code;  ///< stable: "BK001" and so on, see docs/reference/incidents.md
  std::string text;
  std::exception_ptr error;  ///< null where there is none
  std::string who;           ///< the task's or actor's name; may be empty
  std::source_location where;
};

/// "BK002 the exception … (task "fetch", started at main.cpp:12)"
std::string to_string(const incident& what);

}  // namespace buskin
