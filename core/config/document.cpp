#include "core/config/document.hpp"

#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <sstream>
#include <utility>

#include "core/base/text.hpp"
#include "core/config/parse_internal.hpp"
#include "core/config/text_check.hpp"
#include "core/config/tree_builder.hpp"

namespace kifa::config {
namespace {

// yaml-cpp's sentences in words for people; matched by their beginning.
struct Translation {
  std::string_view yaml;
  std::string_view message;
  std::string_view hint;
};
constexpr std::string_view kIndentHint =
    "check the indentation, and that each key has a colon and a space: `key: value`";
constexpr std::string_view kFlowHint =
    "inside { } and [ ] separate with commas, and put text with any of {}[],:#$ in quotes";
constexpr std::string_view kStarHint = "text that begins with * or & needs quotes";
constexpr Translation kTranslations[] = {
    {"end of map not found", "this line does not fit into the mapping above it", kIndentHint},
    {"end of map flow not found", "the mapping in { } is not closed, or goes wrong here",
     kFlowHint},
    {"end of sequence not found", "this line does not fit into the list above it",
     "list items begin with `- ` and have the same indentation"},
    {"end of sequence flow not found", "the list in [ ] is not closed, or goes wrong here",
     kFlowHint},
    {"illegal map value", "a colon is not expected here",
     "check the indentation; text with a colon and a space in it needs quotes"},
    {"illegal map key", "a key is not expected here", kIndentHint},
    {"illegal block entry", "a list item (`- `) is not expected here",
     "begin the list on a new line below its key"},
    {"illegal flow end", "this bracket closes nothing", kFlowHint},
    {"illegal EOF in scalar", "the text in quotes is never closed", "add the closing quote"},
    {"illegal document indicator in scalar", "the text in quotes is never closed",
     "add the closing quote"},
    {"unknown escape character", "a backslash in double quotes begins an escape, and this is none",
     "use single quotes for regular expressions and Windows paths: '\\d+'"},
    {"bad character found while scanning hex number", "the escape needs hexadecimal digits",
     "use single quotes for text with backslashes"},
    {"invalid unicode", "the escape is no Unicode character",
     "use single quotes for text with backslashes"},
    {"unknown token", "a value cannot begin with this character", "put the value in quotes"},
    {"the referenced anchor is not defined", "aliases (`*name`) are not supported", kStarHint},
    {"alias not found", "aliases (`*name`) are not supported", kStarHint},
    {"anchor not found", "anchors (`&name`) are not supported", kStarHint},
    {"illegal character found while scanning a", "aliases and anchors are not supported",
     kStarHint},
    {"cannot assign", "aliases, anchors and tags are not supported", kStarHint},
    {"illegal tab", "a tab is used for indentation",
     "indent with spaces: YAML does not allow tabs"},
    {"unexpected character in block scalar", "nothing but a comment may follow `|` or `>`",
     "begin the text on the next line"},
};

// A variable in { } without quotes is the most likely slip there.
[[nodiscard]] bool has_bare_variable(std::string_view line) {
  const std::size_t flow = line.find_first_of("{[");
  return flow != std::string_view::npos && line.find("${", flow) != std::string_view::npos;
}

// Whether the error stands right behind a value that is already complete.
[[nodiscard]] bool follows_closed_value(std::string_view line, Mark mark) {
  std::string_view before = line.substr(0, static_cast<std::size_t>(std::max(mark.column, 1)) - 1);
  const std::size_t last = before.find_last_not_of(' ');
  return last != std::string_view::npos && last > 0 &&
         std::string_view("'\"]}").find(before[last]) != std::string_view::npos;
}

void add_syntax_error(const YAML::ParserException& failure, Diagnostics& diagnostics) {
  const Mark mark =
      failure.mark.is_null() ? Mark{} : Mark{failure.mark.line + 1, failure.mark.column + 1};
  const std::string_view line = diagnostics.line(mark.line);
  if (std::string_view(failure.msg) == "end of map not found" && follows_closed_value(line, mark)) {
    diagnostics.error(mark, "nothing may follow the end of this value",
                      "put the whole value in quotes; in single quotes write '' for one quote");
    return;
  }
  for (const Translation& translation : kTranslations) {
    if (!std::string_view(failure.msg).starts_with(translation.yaml)) {
      continue;
    }
    std::string hint(translation.hint);
    if (translation.hint == kFlowHint && has_bare_variable(line)) {
      hint = "inside { } and [ ] a variable needs quotes: \"${NAME}\"";
    }
    diagnostics.error(mark, std::string(translation.message), std::move(hint));
    return;
  }
  diagnostics.error(mark, fmt::format("this is not YAML: {}", failure.msg));
}

// yaml-cpp throws, and so does the builder; nothing gets out of here.
[[nodiscard]] bool run_parser(std::string_view text, TreeBuilder& builder,
                              Diagnostics& diagnostics) {
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    if (parser.HandleNextDocument(builder)) {
      static_cast<void>(parser.HandleNextDocument(builder));  // a second one is refused in there
    }
    return true;
  } catch (const Refusal& refusal) {
    diagnostics.error(refusal.mark, refusal.message, refusal.hint);
  } catch (const YAML::ParserException& failure) {
    add_syntax_error(failure, diagnostics);
  } catch (const std::exception& failure) {
    diagnostics.error({}, fmt::format("the file cannot be read as YAML: {}", failure.what()));
  }
  return false;
}

}  // namespace

const Entry* Node::find_entry(std::string_view key) const {
  for (const Entry& entry : entries) {
    if (entry.key == key) {
      return &entry;
    }
  }
  return nullptr;
}

const Node* Node::find(std::string_view key) const {
  const Entry* entry = find_entry(key);
  return entry == nullptr ? nullptr : &entry->value;
}

Environment process_environment() {
  return [](std::string_view name) -> std::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
}

std::optional<Node> parse_literal_yaml(std::string_view text, Diagnostics& diagnostics) {
  if (!check_text(text, diagnostics)) {
    return std::nullopt;
  }
  TreeBuilder builder(nullptr, diagnostics);
  return run_parser(text, builder, diagnostics) ? builder.take() : std::nullopt;
}

std::optional<Node> parse_yaml(std::string_view text, const Environment& environment,
                               Diagnostics& diagnostics) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) {
    text.remove_prefix(kByteOrderMark.size());
  }
  if (!check_text(text, diagnostics)) {
    return std::nullopt;
  }
  Expander expander(environment, diagnostics);
  TreeBuilder builder(&expander, diagnostics);
  if (!run_parser(text, builder, diagnostics)) {
    return std::nullopt;
  }
  std::optional<Node> root = builder.take();
  if (!root || (root->kind == Node::Kind::null && !root->broken)) {
    diagnostics.error({},
                      "the file is empty but for comments: a configuration needs `version: 1` and "
                      "`pipelines:`",
                      "start from configs/minimal.yaml");
    return std::nullopt;
  }
  return root;
}

}  // namespace kifa::config
