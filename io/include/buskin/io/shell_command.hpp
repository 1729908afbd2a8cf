// A command for the shell that no argument can break out of.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace buskin::io {

/// A command line with a place `{}` for each argument, checked when it is compiled: only a literal
/// will do, so that no input can become part of the command, and a place must not stand within
/// quotes, for each is quoted already.
///
///     shell("grep -c {} {} | sort", {pattern, path})
class shell_command {
 public:
  template <std::size_t size>
  consteval shell_command(const char (&text)[size]) : text_(text, size - 1) {
    char quote = 0;
    for (std::size_t i = 0; i != text_.size(); ++i) {
      const char c = text_[i];
      if (c == '\\' && quote != '\'') {
        ++i;
        if (i == text_.size()) break;
      } else if (quote != 0) {
        if (c == quote) quote = 0;
        if (place_at(i)) a_place_within_quotes_is_quoted_already();
      } else if (c == '\'' || c == '"') {
        quote = c;
      } else if (place_at(i)) {
        ++places_;
      }
    }
    if (quote != 0) a_quote_is_not_closed();
  }

  constexpr std::string_view text() const noexcept { return text_; }
  /// How many arguments it needs.
  constexpr std::size_t places() const noexcept { return places_; }
  /// What the shell is given, with positional parameters in the places.
  std::string script() const;

 private:
  constexpr bool place_at(std::size_t i) const noexcept { return text_.substr(i, 2) == "{}"; }
  // Not constexpr: a call stops the compiler, which names them.
  static void a_place_within_quotes_is_quoted_already() {}
  static void a_quote_is_not_closed() {}

  std::string_view text_;
  std::size_t places_ = 0;
};

}  // namespace buskin::io
