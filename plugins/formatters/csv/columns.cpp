#include "plugins/formatters/csv/columns.hpp"

#include <kifa/sdk.hpp>

#include <algorithm>
#include <utility>

namespace kifa::plugins::csv {
namespace {

constexpr std::string_view kAttributePrefix = "attr.";

struct ContentName {
  std::string_view name;
  Content content;
};
constexpr ContentName kContents[] = {
    {"lsn", Content::lsn},
    {"timestamp", Content::timestamp},
    {"timestamp_ms", Content::timestamp_ms},
    {"timestamp_ns", Content::timestamp_ns},
    {"pipeline", Content::pipeline},
    {"source", Content::source},
    {"flags", Content::flags},
    {"size", Content::size},
    {"data", Content::data},
    {"data_base64", Content::data_base64},
};

[[noreturn]] void refuse(std::string sentence) {
  throw sdk::Failure(sdk::Status::invalid(std::move(sentence)));
}

Column column_of(const std::string& name) {
  if (name.starts_with(kAttributePrefix) && name.size() > kAttributePrefix.size()) {
    return {Content::attribute, name, name.substr(kAttributePrefix.size())};
  }
  const auto* const known =
      std::find_if(std::begin(kContents), std::end(kContents),
                   [&name](const ContentName& candidate) { return candidate.name == name; });
  if (known == std::end(kContents)) {
    std::string names;
    for (const ContentName& candidate : kContents) {
      names.append(candidate.name).append(", ");
    }
    refuse("columns: there is no column '" + name + "'; there are " + names + "attr.KEY");
  }
  return {known->content, name, {}};
}

bool has(const std::vector<Column>& columns, Content content) {
  return std::any_of(columns.begin(), columns.end(),
                     [content](const Column& column) { return column.content == content; });
}

}  // namespace

std::vector<Column> columns_of(const std::vector<std::string>& names) {
  if (names.empty()) {
    return columns_of({"lsn", "timestamp", "pipeline", "source", "data", "data_base64"});
  }
  if (names.size() > kColumnsMax) {
    refuse("columns: there are " + std::to_string(names.size()) + "; at most " +
           std::to_string(kColumnsMax) + " are taken");
  }
  std::vector<Column> columns;
  for (const std::string& name : names) {
    columns.push_back(column_of(name));
  }
  if (has(columns, Content::data) && !has(columns, Content::data_base64)) {
    refuse(
        "columns: data holds payloads that are text; choose data_base64 too, where the others "
        "stand, or data_base64 alone, where all of them do");
  }
  return columns;
}

char delimiter_of(std::string_view text) {
  constexpr struct {
    std::string_view name;
    char byte;
  } kDelimiters[] = {{"comma", ','}, {"semicolon", ';'}, {"pipe", '|'}, {"tab", '\t'}};
  for (const auto& known : kDelimiters) {
    if (text == known.name || text == std::string_view(&known.byte, 1)) {
      return known.byte;
    }
  }
  refuse("delimiter: it is comma, semicolon, pipe or tab, or one of these itself, not '" +
         std::string(text) + "'");
}

}  // namespace kifa::plugins::csv
