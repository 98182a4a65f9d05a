// The JSON Schema of configuration files, as editors use it: from what all components declare.

#include <fmt/format.h>

#include <functional>
#include <initializer_list>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/limits.hpp"
#include "core/cli/commands.hpp"
#include "core/cli/exit_code.hpp"
#include "core/cli/json.hpp"
#include "core/cli/load_deployment.hpp"
#include "core/cli/messages.hpp"
#include "core/cli/output.hpp"
#include "core/config/options.hpp"
#include "core/plugin/catalog.hpp"

namespace kifa::cli {
namespace {

using config::ComponentKind;
using config::OptionSpec;
using config::OptionType;

// What ${NAME} gives is not known before it runs.
constexpr std::string_view kVariable = R"({"type":"string","pattern":"\\$\\{"})";
constexpr std::string_view kText = R"({"type":["string","number","boolean"]})";

std::string reference(std::string_view name) {
  return JsonObject().text("$ref", fmt::format("#/definitions/{}", name)).finish();
}

std::string array_of(std::string_view items) {
  return JsonObject().text("type", "array").raw("items", items).finish();
}

std::string any_of(std::initializer_list<std::string_view> schemas) {
  JsonArray list;
  for (const std::string_view schema : schemas) {
    list.add(schema);
  }
  return JsonObject().raw("anyOf", list.finish()).finish();
}

std::string number_text(double number) { return fmt::format("{:.17g}", number); }

void add_range(const OptionSpec& spec, JsonObject& schema) {
  if (spec.min) {
    schema.raw("minimum", number_text(*spec.min));
  }
  if (spec.max) {
    schema.raw("maximum", number_text(*spec.max));
  }
}

// A choice as YAML may take it without quotes: 8 is a number, on and off are booleans for old
// readers.
std::string choices_of(const OptionSpec& spec) {
  JsonArray choices;
  for (const std::string& choice : spec.choices) {
    choices.add(json_string(choice));
    if (choice.find_first_not_of("0123456789") == std::string::npos) {
      choices.add(choice);
    } else if (choice == "on" || choice == "yes") {
      choices.add("true");
    } else if (choice == "off" || choice == "no") {
      choices.add("false");
    }
  }
  return JsonObject().raw("enum", choices.finish()).finish();
}

// What the value of an option may be, when no variable stands in for it.
std::string type_of(const OptionSpec& spec) {
  JsonObject schema;
  switch (spec.type) {
    case OptionType::boolean:
      return schema.text("type", "boolean").finish();
    case OptionType::integer:
      add_range(spec, schema.text("type", "integer"));
      return schema.finish();
    case OptionType::number:
      add_range(spec, schema.text("type", "number"));
      return schema.finish();
    case OptionType::enumeration:
      return choices_of(spec);
    case OptionType::duration:
      return any_of(
          {R"({"const":0})", R"({"type":"string","pattern":"^(0|([0-9]+(d|h|m|s|ms|us|ns))+)$"})"});
    case OptionType::size: {
      add_range(spec, schema.text("type", "integer"));
      return any_of(
          {schema.finish(), R"({"type":"string","pattern":"^[0-9]+(B|KiB|MiB|GiB|TiB)?$"})"});
    }
    case OptionType::string_list:
      return any_of({kText, array_of(kText)});
    case OptionType::string:
    case OptionType::path:
      return std::string(kText);
  }
  return "{}";
}

std::string option_schema(const OptionSpec& spec) {
  JsonArray either;
  either.add(type_of(spec));
  either.add(kVariable);
  JsonObject schema;
  std::string text = spec.summary;
  if (!spec.unit.empty()) {
    text += fmt::format(" In {}.", spec.unit);
  }
  if (spec.default_text) {
    text += fmt::format(" Default: {}.", spec.default_text->empty() ? "\"\"" : *spec.default_text);
  }
  schema.text("description", text).raw("anyOf", either.finish());
  if (spec.deprecated) {
    schema.boolean("deprecated", true);
  }
  return schema.finish();
}

// The members of one type of component.
class Members {
 public:
  void add(std::string_view name, std::string_view schema) { members_.raw(name, schema); }
  void add(std::span<const OptionSpec> specs) {
    for (const OptionSpec& spec : specs) {
      if (!names_.contains(spec.name)) {  // the host's come first and hide the component's
        names_.insert(spec.name);
        add(spec.name, option_schema(spec));
      }
    }
  }
  [[nodiscard]] JsonObject object() const {
    JsonObject object;
    object.text("type", "object").raw("properties", members_.finish());
    object.boolean("additionalProperties", false);
    return object;
  }

 private:
  JsonObject members_;
  std::set<std::string, std::less<>> names_;
};

std::string required_json(std::span<const OptionSpec> specs) {
  JsonArray required;
  required.add("\"type\"");
  for (const OptionSpec& spec : specs) {
    if (spec.required) {
      required.add(json_string(spec.name));
    }
  }
  return required.finish();
}

// Builds the definitions of all components.
//
// Threads: confined.
class SchemaWriter {
 public:
  explicit SchemaWriter(config::ComponentCatalog& catalog) : catalog_(catalog) {}

  Result<std::string> write() {
    const std::pair<ComponentKind, std::span<const OptionSpec>> kinds[] = {
        {ComponentKind::source, config::source_host_options()},
        {ComponentKind::framing, config::framing_host_options()},
        {ComponentKind::sink, config::sink_host_options()},
        {ComponentKind::formatter, {}}};
    for (const auto& [kind, host] : kinds) {
      KIFA_TRY(add_kind(kind, host));
    }
    KIFA_TRY(add_store());
    definitions_.raw("filter",
                     R"({"type":"object","additionalProperties":false,"minProperties":1,)"
                     R"("properties":{"keep":{"type":"string","minLength":1,"description":)"
                     R"("Only records that match this regular expression go on."},"drop":)"
                     R"({"type":"string","minLength":1,"description":)"
                     R"("Records that match this regular expression do not go on."}}})");
    add_pipeline();
    return root();
  }

 private:
  Status add_kind(ComponentKind kind, std::span<const OptionSpec> host);
  Status add_store();
  void add_pipeline();
  [[nodiscard]] static std::string named(std::string_view what);
  [[nodiscard]] std::string root() const;

  config::ComponentCatalog& catalog_;
  JsonObject definitions_;
};

// One definition for each type, and one that chooses by `type`.
Status SchemaWriter::add_kind(ComponentKind kind, std::span<const OptionSpec> host) {
  const std::string word(config::to_string(kind));
  JsonArray types;
  JsonArray cases;
  for (const std::string& type : catalog_.types(kind)) {
    const auto facts = catalog_.facts(kind, type, "");
    if (!facts) {
      return facts.status();
    }
    Members members;
    const std::string name = json_string(type);
    members.add("type", JsonObject().raw("const", name).finish());
    members.add("plugin", R"({"type":"string"})");
    if (facts->takes_framing) {
      members.add("framing", reference("framing"));
    }
    if (facts->takes_format) {
      members.add("format", reference("formatter"));
    }
    members.add(host);
    members.add(facts->options);
    JsonObject object = members.object();
    // What a sink of type kifa lacks, `store:` may have.
    const bool is_store = kind == ComponentKind::sink && type == "kifa";
    object.raw("required", is_store ? "[\"type\"]" : required_json(facts->options));
    const std::string definition = fmt::format("{}-{}", word, type);
    definitions_.raw(definition, object.finish());
    types.add(name);
    cases.add(JsonObject()
                  .raw("if", fmt::format(R"({{"properties":{{"type":{{"const":{}}}}}}})", name))
                  .raw("then", reference(definition))
                  .finish());
  }
  JsonObject mapping;
  mapping.text("type", "object")
      .raw("required", "[\"type\"]")
      .raw("properties", fmt::format(R"({{"type":{{"enum":{}}}}})", types.finish()))
      .raw("allOf", cases.finish());
  const bool has_short_form = kind == ComponentKind::framing || kind == ComponentKind::formatter;
  definitions_.raw(word, has_short_form ? any_of({fmt::format(R"({{"enum":{}}})", types.finish()),
                                                  mapping.finish()})
                                        : mapping.finish());
  return {};
}

Status SchemaWriter::add_store() {
  const auto facts = catalog_.facts(ComponentKind::sink, "kifa", "");
  if (!facts) {
    return facts.status();
  }
  Members members;
  members.add(facts->options);
  definitions_.raw(
      "store",
      members.object().text("description", "What all sinks of type kifa have in common.").finish());
  return {};
}

// A mapping of names to `what`.
std::string SchemaWriter::named(std::string_view what) {
  return JsonObject()
      .text("type", "object")
      .number("minProperties", 1)
      .raw("propertyNames",
           fmt::format(R"({{"pattern":"^[A-Za-z0-9_-]{{1,{}}}$"}})", limits::kNameBytesMax))
      .raw("additionalProperties", reference(what))
      .finish();
}

void SchemaWriter::add_pipeline() {
  Members members;
  members.add("sources", named("source"));
  members.add("transforms",
              array_of(R"({"type":"object","additionalProperties":false,"required":["filter"],)"
                       R"("properties":{"filter":{"$ref":"#/definitions/filter"}}})"));
  members.add("sinks", named("sink"));
  definitions_.raw("pipeline", members.object().raw("required", R"(["sources","sinks"])").finish());
}

std::string SchemaWriter::root() const {
  Members plugins;
  plugins.add("path", any_of({R"({"type":"string"})", array_of(R"({"type":"string"})")}));
  Members members;
  members.add("version", R"({"const":1})");
  members.add("plugins", plugins.object().finish());
  members.add("store", reference("store"));
  members.add("pipelines", named("pipeline"));
  return members.object()
      .text("$schema", "http://json-schema.org/draft-07/schema#")
      .text("title", "Configuration of kifa")
      .raw("required", R"(["version","pipelines"])")
      .raw("definitions", definitions_.finish())
      .finish();
}

}  // namespace

int run(const SchemaCommand& command) {
  const auto registry = open_registry(command.plugin_paths);
  if (!registry) {
    complain(registry.status().message());
    return configuration_exit_code(registry.status().code());
  }
  plugin::RegistryCatalog catalog(**registry);
  const Result<std::string> schema = SchemaWriter(catalog).write();
  if (!schema) {
    complain(schema.status().message());
    return configuration_exit_code(schema.status().code());
  }
  return print(*schema + "\n");
}

}  // namespace kifa::cli
