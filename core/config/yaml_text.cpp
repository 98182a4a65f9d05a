#include "core/config/yaml_text.hpp"

#include <yaml-cpp/emitter.h>
#include <yaml-cpp/emittermanip.h>

#include <string_view>

namespace kifa::config {
namespace {

constexpr std::string_view kPlainCharacters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./";

std::string without_variables(const std::string& text) {
  std::string doubled;
  for (const char c : text) {
    doubled.append(c == '$' ? 2 : 1, c);
  }
  return doubled;
}

// Quotes make no difference to a value, except that what would be null is a text in them.
bool is_plain(const Node& node, const std::string& text) {
  return !node.quoted && !text.empty() && text.front() != '-' &&
         text.find_first_not_of(kPlainCharacters) == std::string::npos;
}

void emit(const Node& node, const std::map<Mark, std::string>& instead, YAML::Emitter& out) {
  switch (node.kind) {
    case Node::Kind::null:
      out << YAML::Null;
      return;
    case Node::Kind::scalar: {
      // What begins with a variable means the same wherever the file is.
      const auto other = node.mark.line == 0 || node.text.starts_with("${")
                             ? instead.end()
                             : instead.find(node.mark);
      const bool is_ours = node.mark.line == 0 || other != instead.end();
      const std::string& text = other == instead.end() ? node.text : other->second;
      if (is_plain(node, text)) {
        out << text;
      } else {
        out << YAML::DoubleQuoted << (is_ours ? without_variables(text) : text);
      }
      return;
    }
    case Node::Kind::sequence:
      out << YAML::BeginSeq;
      for (const Node& item : node.items) {
        emit(item, instead, out);
      }
      out << YAML::EndSeq;
      return;
    case Node::Kind::mapping:
      out << YAML::BeginMap;
      for (const Entry& entry : node.entries) {
        out << YAML::Key;
        Node key;
        key.kind = Node::Kind::scalar;
        key.text = entry.key;
        emit(key, {}, out);
        out << YAML::Value;
        emit(entry.value, instead, out);
      }
      out << YAML::EndMap;
      return;
  }
}

}  // namespace

std::string yaml_text(const Node& root, const std::map<Mark, std::string>& instead) {
  YAML::Emitter out;
  emit(root, instead, out);
  return std::string(out.c_str(), out.size()) + "\n";
}

}  // namespace kifa::config
