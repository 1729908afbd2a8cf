#include <buskin/io/shell_command.hpp>

namespace buskin::io {

// The arguments are the shell's positional parameters: it never looks into them for syntax.
std::string shell_command::script() const {
  std::string script;
  std::size_t next = 1;
  char quote = 0;
  for (std::size_t i = 0; i != text_.size(); ++i) {
    const char c = text_[i];
    if (c == '\\' && quote != '\'' && i + 1 != text_.size()) {
      script += c;
      script += text_[++i];
    } else if (quote == 0 && place_at(i)) {
      script += "\"${" + std::to_string(next++) + "}\"";
      ++i;
    } else {
      if (quote != 0 ? c == quote : c == '\'' || c == '"') quote = quote != 0 ? 0 : c;
      script += c;
    }
  }
  return script;
}

}  // namespace buskin::io
