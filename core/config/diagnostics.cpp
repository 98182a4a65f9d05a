#include "core/config/diagnostics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <iterator>
#include <system_error>
#include <utility>

#include "core/base/limits.hpp"
#include "core/base/text.hpp"

namespace kifa::config {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::size_t kMessageWidthMax = 1000;
constexpr std::size_t kExcerptWidthMax = 100;
constexpr std::size_t kExcerptBefore = 60;  // columns kept in front of the caret in a long line
constexpr std::size_t kExcerptBytesBefore = 4 * kExcerptBefore;
constexpr std::size_t kExcerptCellsMax = kExcerptBytesBefore + kExcerptWidthMax + 1;
constexpr std::string_view kClipped = "...";
constexpr std::string_view kMask = "***";

// Words in a key that say that its value should not be shown, whatever is declared.
constexpr std::string_view kSecretWords[] = {"password", "passwd",     "passphrase", "secret",
                                             "token",    "credential", "api_key",    "private_key"};

// A line as it may be shown, cell by cell, so that the caret can be found again.
struct Cell {
  std::string text;
  std::size_t width = 0;
};

[[nodiscard]] bool is_inside_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

[[nodiscard]] char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Where in `line` the value of a key that sounds like a secret begins; npos: nowhere.
[[nodiscard]] std::size_t telling_value(std::string_view line) {
  std::string lowered(line);
  std::transform(lowered.begin(), lowered.end(), lowered.begin(), lower);
  std::size_t found = std::string::npos;
  for (const std::string_view word : kSecretWords) {
    for (std::size_t at = lowered.find(word); at != std::string::npos;
         at = lowered.find(word, at + 1)) {
      const std::size_t key_end = lowered.find_first_of(" :,{}#", at);
      if (key_end == std::string::npos) {
        break;
      }
      const std::size_t colon = lowered.find_first_not_of(" '\"", key_end);
      if (colon == std::string::npos || lowered[colon] != ':') {
        continue;
      }
      const std::size_t value = lowered.find_first_not_of(' ', colon + 1);
      if (value != std::string::npos) {
        found = std::min(found, value);
      }
      break;
    }
  }
  return found;
}

}  // namespace

Diagnostics::Diagnostics(std::string file_name, std::string_view text)
    : file_name_(std::move(file_name)) {
  if (text.starts_with(kByteOrderMark)) {
    text.remove_prefix(kByteOrderMark.size());
  }
  text_ = text;
  line_starts_.push_back(0);
  for (std::size_t at = text_.find('\n'); at != std::string::npos; at = text_.find('\n', at + 1)) {
    line_starts_.push_back(at + 1);
  }
}

void Diagnostics::error(Mark mark, std::string message, std::string hint) {
  add({Severity::error, mark, std::move(message), std::move(hint), {}, {}});
}

void Diagnostics::error(Mark mark, std::string message, std::string hint, Mark related,
                        std::string related_message) {
  add({Severity::error, mark, std::move(message), std::move(hint), related,
       std::move(related_message)});
}

void Diagnostics::warning(Mark mark, std::string message, std::string hint) {
  add({Severity::warning, mark, std::move(message), std::move(hint), {}, {}});
}

void Diagnostics::add(Diagnostic diagnostic) {
  for (std::string* text : {&diagnostic.message, &diagnostic.hint, &diagnostic.related_message}) {
    *text = printable(*text, kMessageWidthMax);
  }
  if (!seen_.emplace(diagnostic.mark, std::hash<std::string>()(diagnostic.message)).second) {
    return;
  }
  ++(diagnostic.severity == Severity::error ? error_count_ : warning_count_);
  if (diagnostics_.size() < kDiagnosticsMax) {
    diagnostics_.push_back(std::move(diagnostic));
  }
}

void Diagnostics::hide(Mark begin, Mark end) { hidden_.push_back({begin, end}); }

std::string Diagnostics::base_folder() const {
  std::error_code failure;
  if (file_name_.empty()) {
    return std::filesystem::current_path(failure).string();
  }
  const std::filesystem::path file = std::filesystem::absolute(file_name_, failure);
  return (failure ? std::filesystem::path(file_name_) : file)
      .parent_path()
      .lexically_normal()
      .string();
}

std::string_view Diagnostics::line(int line) const {
  if (line < 1 || static_cast<std::size_t>(line) > line_starts_.size()) {
    return {};
  }
  const std::size_t index = static_cast<std::size_t>(line) - 1;
  const std::size_t begin = line_starts_[index];
  const std::size_t end =
      index + 1 < line_starts_.size() ? line_starts_[index + 1] - 1 : text_.size();
  std::string_view text = std::string_view(text_).substr(begin, end - begin);
  if (text.ends_with('\r')) {
    text.remove_suffix(1);
  }
  return text;
}

std::string_view Diagnostics::text_from(Mark mark) const {
  if (mark.line < 1 || static_cast<std::size_t>(mark.line) > line_starts_.size()) {
    return {};
  }
  const std::size_t begin = line_starts_[static_cast<std::size_t>(mark.line) - 1] +
                            static_cast<std::size_t>(std::max(mark.column, 1)) - 1;
  return begin < text_.size() ? std::string_view(text_).substr(begin) : std::string_view();
}

// The hidden parts of one line: `end` counts up to the next line where the secret goes on.
std::vector<Diagnostics::Span> Diagnostics::hidden_in(int line_number) const {
  const std::string_view text = line(line_number);
  const int line_end = static_cast<int>(text.size()) + 1;
  std::vector<Span> spans;
  for (const Span& span : hidden_) {
    const bool ends_before = span.end.line != 0 && (span.end.line < line_number);
    if (span.begin.line > line_number || ends_before) {
      continue;
    }
    const int from = span.begin.line == line_number ? span.begin.column : 1;
    const int to = span.end.line == line_number ? span.end.column : line_end;
    if (from < to) {
      spans.push_back({{line_number, from}, {line_number, to}});
    }
  }
  if (const std::size_t at = telling_value(text); at != std::string::npos) {
    spans.push_back({{line_number, static_cast<int>(at) + 1}, {line_number, line_end}});
  }
  std::sort(spans.begin(), spans.end(),
            [](const Span& a, const Span& b) { return a.begin < b.begin; });
  return spans;
}

void Diagnostics::render_excerpt(Mark mark, std::string& out) const {
  const std::string_view text = line(mark.line);
  const std::vector<Span> hidden = hidden_in(mark.line);
  const std::size_t caret_offset = static_cast<std::size_t>(std::max(mark.column, 1)) - 1;
  std::vector<Cell> cells;
  std::size_t caret_cell = std::string::npos;
  auto span = hidden.begin();
  // Only what can be near the caret: a line may be a megabyte long.
  std::size_t offset = caret_offset - std::min(caret_offset, kExcerptBytesBefore);
  const bool is_cut = offset > 0;
  while (offset > 0 && offset < text.size() && is_inside_character(text[offset])) {
    --offset;
  }
  while (offset < text.size() && cells.size() < kExcerptCellsMax) {
    std::size_t next = offset;
    Cell cell;
    if (span != hidden.end() && static_cast<std::size_t>(span->begin.column) - 1 <= offset) {
      next = std::max(offset, static_cast<std::size_t>(span->end.column) - 1);
      ++span;
      if (next == offset) {
        continue;
      }
      cell = {std::string(kMask), kMask.size()};
    } else {
      next = offset + append_printable(text, offset, cell.text, cell.width);
    }
    if (caret_cell == std::string::npos && caret_offset < next) {
      caret_cell = cells.size();
    }
    cells.push_back(std::move(cell));
    offset = next;
  }
  caret_cell = std::min(caret_cell, cells.size());

  // A long line is clipped around the caret.
  std::size_t width_all = 0;
  for (const Cell& cell : cells) {
    width_all += cell.width;
  }
  std::size_t first = width_all > kExcerptWidthMax ? caret_cell : 0;
  for (std::size_t width = 0; first > 0 && width < kExcerptBefore; --first) {
    width += cells[first - 1].width;
  }
  std::string shown = first > 0 || is_cut ? std::string(kClipped) : "";
  std::size_t caret_column = shown.size();
  std::size_t width = shown.size();
  for (std::size_t i = first; i < cells.size(); ++i) {
    if (width >= kExcerptWidthMax) {
      shown += kClipped;
      break;
    }
    shown += cells[i].text;
    width += cells[i].width;
    if (i < caret_cell) {
      caret_column = width;
    }
  }
  const std::string number = std::to_string(mark.line);
  out += fmt::format("  {} | {}\n  {:{}} | {:{}}^\n", number, shown, "", number.size(), "",
                     caret_column);
}

std::string Diagnostics::place(Mark mark) const {
  std::string file =
      file_name_.empty() ? "command line" : printable(file_name_, limits::kPathBytesMax);
  return mark.line > 0 ? fmt::format("{}:{}:{}", file, mark.line, mark.column) : file;
}

void Diagnostics::render_one(const Diagnostic& diagnostic, std::string& out) const {
  out +=
      fmt::format("{}: {}: {}\n", place(diagnostic.mark),
                  diagnostic.severity == Severity::error ? "error" : "warning", diagnostic.message);
  if (diagnostic.mark.line > 0) {
    render_excerpt(diagnostic.mark, out);
  }
  if (diagnostic.related.line > 0) {
    out += fmt::format("{}: note: {}\n", place(diagnostic.related), diagnostic.related_message);
    render_excerpt(diagnostic.related, out);
  }
  if (!diagnostic.hint.empty()) {
    out += fmt::format("  hint: {}\n", diagnostic.hint);
  }
}

std::string Diagnostics::render() const {
  std::vector<const Diagnostic*> sorted;
  sorted.reserve(diagnostics_.size());
  for (const Diagnostic& diagnostic : diagnostics_) {
    sorted.push_back(&diagnostic);
  }
  // Those of one place stay in the order in which they were found: as they stand in the vector.
  std::sort(sorted.begin(), sorted.end(), [](const Diagnostic* a, const Diagnostic* b) {
    return a->mark != b->mark ? a->mark < b->mark : a < b;
  });
  std::string out;
  std::size_t shown = 0;
  for (const Diagnostic* diagnostic : sorted) {
    if (shown++ == kDiagnosticsShown) {
      break;
    }
    render_one(*diagnostic, out);
  }
  if (const std::size_t all = error_count_ + warning_count_; all > kDiagnosticsShown) {
    out += fmt::format("{}: {} more are not shown\n", place({}), all - kDiagnosticsShown);
  }
  return out;
}

std::string Diagnostics::render_error(Mark mark, std::string_view message, Mark related,
                                      std::string_view related_message) const {
  std::string out;
  render_one({Severity::error,
              mark,
              printable(message, kMessageWidthMax),
              {},
              related,
              printable(related_message, kMessageWidthMax)},
             out);
  return out;
}

}  // namespace kifa::config
