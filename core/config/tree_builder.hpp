#pragma once

#include <yaml-cpp/anchor.h>
#include <yaml-cpp/emitterstyle.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/mark.h>

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/config/document.hpp"
#include "core/config/expansion.hpp"

namespace kifa::config {

// Thrown through the parser when going on would be harmful or pointless; never leaves parse_yaml.
struct Refusal {
  Mark mark;
  std::string message;
  std::string hint;
};

// Builds the tree from yaml-cpp's events: the parser's own YAML::Node would take duplicate keys and
// alias bombs without a word. Internal: the only header that shows yaml-cpp.
//
// Threads: confined.
// Errors:  diagnostics for what one can go on after, a thrown Refusal for the rest.
class TreeBuilder final : public YAML::EventHandler {
 public:
  // `expander` null: text stays as it is written.
  TreeBuilder(Expander* expander, Diagnostics& diagnostics)
      : expander_(expander), diagnostics_(diagnostics) {}

  void OnDocumentStart(const YAML::Mark& mark) override;
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override;
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override;
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override;
  void OnMapEnd() override { close(); }

  // The document, once; nothing when there was none.
  [[nodiscard]] std::optional<Node> take();

 private:
  struct Frame {
    Node node;
    bool expects_key = true;
    bool skips_value = false;  // its key is wrong: the value is read and dropped
    std::string key;
    Mark key_mark;
    std::map<std::string, Mark, std::less<>> seen;
  };

  void count(Mark mark);
  void check_anchor(Mark mark, YAML::anchor_t anchor);
  void open(Node::Kind kind, Mark mark, const std::string& tag, YAML::anchor_t anchor);
  void close();
  void add(Node node);
  void add_key(const Node& node);
  [[nodiscard]] bool expects_key() const;

  Expander* expander_;
  Diagnostics& diagnostics_;
  std::vector<Frame> frames_;
  std::optional<Node> root_;
  std::size_t nodes_ = 0;
  bool has_document_ = false;
};

}  // namespace kifa::config
