#include "core/config/options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/base/text.hpp"
#include "core/config/binding.hpp"

namespace kifa::config {
namespace {

[[nodiscard]] const OptionSpec* find_spec(std::span<const OptionSpec> specs,
                                          std::string_view name) {
  const auto found = std::find_if(specs.begin(), specs.end(),
                                  [&](const OptionSpec& spec) { return spec.name == name; });
  return found == specs.end() ? nullptr : &*found;
}

}  // namespace

std::string_view to_string(OptionType type) {
  switch (type) {
    case OptionType::boolean:
      return "boolean";
    case OptionType::integer:
      return "integer";
    case OptionType::number:
      return "number";
    case OptionType::string:
      return "text";
    case OptionType::enumeration:
      return "choice";
    case OptionType::duration:
      return "duration";
    case OptionType::size:
      return "size";
    case OptionType::path:
      return "path";
    case OptionType::string_list:
      return "list of texts";
  }
  return "unknown";
}

const Setting* find_setting(std::span<const Setting> settings, std::string_view name) {
  const auto found = std::find_if(settings.begin(), settings.end(),
                                  [&](const Setting& setting) { return setting.name == name; });
  return found == settings.end() ? nullptr : &*found;
}

bool expect_mapping(const Node& node, Mark where, std::string_view what, Diagnostics& diagnostics) {
  if (node.broken) {
    return false;
  }
  if (node.kind == Node::Kind::mapping || node.kind == Node::Kind::null) {
    return true;
  }
  diagnostics.error(where.line == 0 ? node.mark : where,
                    fmt::format("{} takes options, each on a line as `name: value`", what));
  return false;
}

void report_unknown_keys(const Node& mapping, std::span<const OptionSpec> specs,
                         std::span<const std::string> reserved, std::string_view what,
                         Diagnostics& diagnostics) {
  std::vector<std::string> own;
  for (const OptionSpec& spec : specs) {
    own.push_back(spec.name);
  }
  std::vector<std::string> known = own;
  known.insert(known.end(), reserved.begin(), reserved.end());
  // The owner's own options say more than the keys that every one of its kind has.
  std::vector<std::string>& told = own.empty() ? known : own;
  std::sort(told.begin(), told.end());
  for (const Entry& entry : mapping.entries) {
    if (std::find(known.begin(), known.end(), entry.key) != known.end()) {
      continue;
    }
    std::string hint = fmt::format("there are: {}", fmt::join(told, ", "));
    if (const std::size_t colon = entry.key.find(':'); colon != std::string::npos) {
      hint = fmt::format("put a space after the colon: `{}: `", entry.key.substr(0, colon));
    } else if (const auto close = did_you_mean(entry.key, known)) {
      hint = fmt::format("did you mean `{}`?", *close);
    } else if (known.empty()) {
      hint = fmt::format("{} has no options", what);
    }
    diagnostics.error(entry.key_mark,
                      fmt::format("unknown option {} of {}", backquoted(entry.key), what),
                      std::move(hint));
  }
}

std::vector<Setting> bind_written(const Node& mapping, std::span<const OptionSpec> specs,
                                  std::string_view what, Diagnostics& diagnostics) {
  std::vector<Setting> settings;
  for (const Entry& entry : mapping.entries) {
    const OptionSpec* spec = find_spec(specs, entry.key);
    if (spec == nullptr) {
      continue;
    }
    if (spec->deprecated) {
      diagnostics.warning(entry.key_mark,
                          fmt::format("option `{}` of {} is deprecated", spec->name, what),
                          spec->summary);
    }
    if (std::optional<Setting> setting =
            convert_value(*spec, entry.value, entry.key_mark, diagnostics)) {
      settings.push_back(std::move(*setting));
    }
  }
  return settings;
}

void add_defaults(std::vector<Setting>& settings, const Node* mapping,
                  std::span<const OptionSpec> specs, std::string_view what, Mark where,
                  std::string_view missing_hint, Diagnostics& diagnostics) {
  const std::string base_folder = diagnostics.base_folder();
  for (const OptionSpec& spec : specs) {
    const bool written = mapping != nullptr && mapping->find(spec.name) != nullptr;
    if (written || find_setting(settings, spec.name) != nullptr) {
      continue;
    }
    if (std::optional<Setting> setting = default_setting(spec, base_folder)) {
      settings.push_back(std::move(*setting));
    } else if (spec.default_text) {
      diagnostics.error(where, fmt::format("{} declares a wrong default for `{}`, a fault of its "
                                           "plugin: {}",
                                           what, spec.name, backquoted(*spec.default_text)));
    } else if (spec.required) {
      diagnostics.error(where, fmt::format("{} needs `{}`: {}", what, spec.name, spec.summary),
                        std::string(missing_hint));
    }
  }
}

std::vector<Setting> bind_options(const Node* mapping, std::span<const OptionSpec> specs,
                                  std::span<const std::string_view> reserved, std::string_view what,
                                  Diagnostics& diagnostics) {
  std::vector<Setting> settings;
  Mark where;
  if (mapping != nullptr) {
    where = mapping->mark;
    if (!expect_mapping(*mapping, {}, what, diagnostics)) {
      return settings;
    }
    const std::vector<std::string> others(reserved.begin(), reserved.end());
    report_unknown_keys(*mapping, specs, others, what, diagnostics);
    settings = bind_written(*mapping, specs, what, diagnostics);
  }
  add_defaults(settings, mapping, specs, what, where, {}, diagnostics);
  return settings;
}

}  // namespace kifa::config
