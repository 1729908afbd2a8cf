#include <buskin/io/directory_event.hpp>

#include <ostream>

namespace buskin::io {

const char* to_string(directory_event::kind what) noexcept {
  using kind = directory_event::kind;
  switch (what) {
    case kind::created:
      return "created";
    case kind::modified:
      return "modified";
    case kind::written:
      return "written";
    case kind::changed:
      return "changed";
    case kind::moved:
      return "moved";
    case kind::deleted:
      return "deleted";
    case kind::gone:
      return "gone";
    case kind::overflow:
      return "overflow";
  }
  return "?";
}

std::string to_string(const directory_event& event) {
  std::string text = to_string(event.what);
  if (!event.from.empty()) text += " " + event.from.string();
  if (event.what == directory_event::kind::moved)
    text += event.path.empty() ? " away" : " to " + event.path.string();
  else if (!event.path.empty())
    text += " " + event.path.string();
  return text;
}

std::ostream& operator<<(std::ostream& out, directory_event::kind what) {
  return out << to_string(what);
}

}  // namespace buskin::io
