#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kifa::config {

// A place in a configuration file, counted from 1 for people; columns in bytes. Line 0: nowhere.
struct Mark {
  int line = 0;
  int column = 0;
  auto operator<=>(const Mark&) const = default;
};

// Collects everything that is wrong with one configuration file, to be told at once.
//
// Values registered with hide() never appear in what render() returns. The same sentence at the
// same place is kept once; at most kDiagnosticsMax are kept and kDiagnosticsShown shown, the others
// are counted.
//
// Threads: confined.
// Errors:  none.
class Diagnostics {
 public:
  static constexpr std::size_t kDiagnosticsMax = 1000;
  static constexpr std::size_t kDiagnosticsShown = 50;

  // `text` is copied. `file_name` as the user wrote it; relative paths in the file are taken from
  // its folder. Empty: there is no file (flags of the command line), the working directory counts.
  Diagnostics(std::string file_name, std::string_view text);

  // `message` is one sentence; `hint` (may be empty) says what to do: "did you mean `strip_cr`?".
  void error(Mark mark, std::string message, std::string hint = {});
  // The same with a second place that belongs to it: "first given here".
  void error(Mark mark, std::string message, std::string hint, Mark related,
             std::string related_message);
  // Something that works today but should be changed: does not count as an error.
  void warning(Mark mark, std::string message, std::string hint = {});
  // The text from `begin` up to `end` (line 0: the end of the file) is a secret.
  void hide(Mark begin, Mark end);

  [[nodiscard]] bool has_errors() const { return error_count_ != 0; }
  [[nodiscard]] std::size_t error_count() const { return error_count_; }
  [[nodiscard]] bool has_warnings() const { return warning_count_ != 0; }
  [[nodiscard]] std::size_t warning_count() const { return warning_count_; }

  // Errors and warnings in the order of the file: "FILE:LINE:COLUMN: error: MESSAGE", the line, a
  // caret below the column, the hint. Empty when there are none.
  [[nodiscard]] std::string render() const;
  // One error as render() would show it, beside all that was collected: for who learns of it later.
  [[nodiscard]] std::string render_error(Mark mark, std::string_view message, Mark related,
                                         std::string_view related_message) const;

  [[nodiscard]] const std::string& file_name() const { return file_name_; }
  // The absolute folder that relative paths in the file start from.
  [[nodiscard]] std::string base_folder() const;
  // The text of line `line` (from 1) without its end; empty when there is no such line.
  [[nodiscard]] std::string_view line(int line) const;
  // Everything from `mark` on; empty when there is no such place.
  [[nodiscard]] std::string_view text_from(Mark mark) const;

 private:
  enum class Severity : std::uint8_t { error, warning };
  struct Diagnostic {
    Severity severity = Severity::error;
    Mark mark;
    std::string message;
    std::string hint;
    Mark related;
    std::string related_message;
  };
  struct Span {
    Mark begin;
    Mark end;
  };
  void add(Diagnostic diagnostic);
  [[nodiscard]] std::string place(Mark mark) const;
  void render_one(const Diagnostic& diagnostic, std::string& out) const;
  void render_excerpt(Mark mark, std::string& out) const;
  [[nodiscard]] std::vector<Span> hidden_in(int line) const;

  std::string file_name_;
  std::string text_;
  std::vector<std::size_t> line_starts_;
  std::vector<Diagnostic> diagnostics_;
  std::set<std::pair<Mark, std::size_t>> seen_;  // place and hash of the sentence
  std::vector<Span> hidden_;
  std::size_t error_count_ = 0;
  std::size_t warning_count_ = 0;
};

}  // namespace kifa::config
