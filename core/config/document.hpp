#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/status.hpp"

namespace kifa::config {

// A place in a configuration file, counted from 1 for people; columns in bytes. Line 0: nowhere.
struct Mark {
  int line = 0;
  int column = 0;
};

struct Node;
struct Entry;

// One value of a YAML document, with the place where it stands.
struct Node {
  enum class Kind : std::uint8_t { null, scalar, sequence, mapping };
  Kind kind = Kind::null;
  Mark mark;
  std::string text;            // scalar, with ${VAR} already expanded
  bool quoted = false;         // '...' or "...": always a string
  std::vector<Node> items;     // sequence
  std::vector<Entry> entries;  // mapping, in the order of the file, keys unique

  [[nodiscard]] const Node* find(std::string_view key) const;  // null: not there
};

struct Entry {
  std::string key;
  Mark key_mark;
  Node value;
};

// Collects everything that is wrong with one configuration file, to be told at once.
class Diagnostics {
 public:
  Diagnostics(std::string file_name, std::string_view text);

  // `message` is one sentence; `hint` (may be empty) says what to do: "did you mean `strip_cr`?".
  void error(Mark mark, std::string message, std::string hint = {});
  [[nodiscard]] bool has_errors() const { return !errors_.empty(); }
  [[nodiscard]] std::size_t error_count() const { return errors_.size(); }
  // In the order of the file: "FILE:LINE:COLUMN: error: MESSAGE", the line, a caret below the
  // column, the hint.
  [[nodiscard]] std::string render() const;
  [[nodiscard]] const std::string& file_name() const { return file_name_; }

 private:
  struct Error {
    Mark mark;
    std::string message;
    std::string hint;
  };
  std::string file_name_;
  std::vector<std::string> lines_;
  std::vector<Error> errors_;
};

// Looks up an environment variable; nullopt: not set.
using Environment = std::function<std::optional<std::string>(std::string_view name)>;
[[nodiscard]] Environment process_environment();

// Parses YAML text within limits (1 MiB, depth 64, no aliases, one document, UTF-8, no tabs for
// indentation, no duplicate keys) and expands ${NAME} and ${NAME:-default} ($$ is a dollar sign).
// nullopt: diagnostics say why.
[[nodiscard]] std::optional<Node> parse_yaml(std::string_view text, const Environment& environment,
                                             Diagnostics& diagnostics);

// The closest of `choices` to a misspelt `word`, if any is close enough.
[[nodiscard]] std::optional<std::string> did_you_mean(std::string_view word,
                                                      const std::vector<std::string>& choices);

}  // namespace kifa::config
