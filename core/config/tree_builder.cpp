#include "core/config/tree_builder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>
#include <utility>

#include "core/base/text.hpp"

namespace kifa::config {
namespace {

constexpr std::string_view kPlainTag = "?";
constexpr std::string_view kQuotedTag = "!";
constexpr std::string_view kStringTag = "tag:yaml.org,2002:str";
constexpr std::string_view kAliasHint =
    "repeat the value; text that begins with & or * needs quotes";

[[nodiscard]] Mark mark_from(const YAML::Mark& mark) {
  return mark.is_null() ? Mark{} : Mark{mark.line + 1, mark.column + 1};
}

// Whether the text in quotes that `source` begins with has its closing quote. yaml-cpp takes the
// end of the file for one when a line end stands before it.
[[nodiscard]] bool is_closed(std::string_view source) {
  if (source.starts_with('!')) {  // a tag in front
    source.remove_prefix(std::min(source.find_first_of("'\""), source.size()));
  }
  if (!source.starts_with('\'') && !source.starts_with('"')) {
    return true;  // a block
  }
  const char quote = source.front();
  for (std::size_t at = 1; at < source.size(); ++at) {
    if (quote == '"' && source[at] == '\\') {
      ++at;
    } else if (source[at] == quote) {
      if (quote == '"' || !source.substr(at + 1).starts_with('\'')) {
        return true;
      }
      ++at;
    }
  }
  return false;
}

// Gives every node the place where the next key or value begins, from the back to the front.
void assign_ends(Node& node, Mark& next) {
  node.end = next;
  for (Node& item : std::views::reverse(node.items)) {
    assign_ends(item, next);
  }
  for (Entry& entry : std::views::reverse(node.entries)) {
    assign_ends(entry.value, next);
    next = entry.key_mark;
  }
  if (node.kind != Node::Kind::null) {
    next = node.mark;
  }
}

}  // namespace

void TreeBuilder::OnDocumentStart(const YAML::Mark& yaml_mark) {
  const Mark mark = mark_from(yaml_mark);
  if (has_document_) {
    if (diagnostics_.line(mark.line).starts_with("---")) {
      throw Refusal{mark, "a second document begins here; a configuration is one document",
                    "put the pipelines of both under one `pipelines:`"};
    }
    throw Refusal{mark, "this does not belong to anything above it",
                  "check the indentation of this line and the one before"};
  }
  has_document_ = true;
}

void TreeBuilder::count(Mark mark) {
  if (++nodes_ > kNodesMax) {
    throw Refusal{mark, fmt::format("there are more than {} keys and values", kNodesMax), {}};
  }
}

bool TreeBuilder::expects_key() const {
  return !frames_.empty() && frames_.back().node.kind == Node::Kind::mapping &&
         frames_.back().expects_key;
}

void TreeBuilder::check_anchor(Mark mark, YAML::anchor_t anchor) {
  if (anchor != 0) {
    diagnostics_.error(mark, "anchors (`&name`) are not supported", std::string(kAliasHint));
  }
}

void TreeBuilder::OnNull(const YAML::Mark& yaml_mark, YAML::anchor_t anchor) {
  const Mark mark = mark_from(yaml_mark);
  count(mark);
  check_anchor(mark, anchor);
  Node node;
  node.mark = mark;
  add(std::move(node));
}

void TreeBuilder::OnAlias(const YAML::Mark& yaml_mark, YAML::anchor_t /*anchor*/) {
  const Mark mark = mark_from(yaml_mark);
  count(mark);
  diagnostics_.error(mark, "aliases (`*name`) are not supported", std::string(kAliasHint));
  Node node;
  node.mark = mark;
  node.broken = true;
  add(std::move(node));
}

void TreeBuilder::OnScalar(const YAML::Mark& yaml_mark, const std::string& tag,
                           YAML::anchor_t anchor, const std::string& value) {
  Node node;
  node.kind = Node::Kind::scalar;
  node.mark = mark_from(yaml_mark);
  count(node.mark);
  check_anchor(node.mark, anchor);
  node.quoted = tag != kPlainTag;
  if (node.quoted && !is_closed(diagnostics_.text_from(node.mark))) {
    throw Refusal{node.mark, "the text in quotes is never closed", "add the closing quote"};
  }
  if (tag != kPlainTag && tag != kQuotedTag && tag != kStringTag) {
    diagnostics_.error(node.mark, fmt::format("the tag {} is not supported", backquoted(tag)),
                       "leave the tag out: each option knows its type");
    node.broken = true;
  }
  if (value.size() > kScalarBytesMax) {
    diagnostics_.error(node.mark, fmt::format("the value is {} bytes long, at most {} are allowed",
                                              value.size(), kScalarBytesMax));
    node.broken = true;
  }
  if (!node.broken) {
    node.text = value;
  }
  if (!expects_key() && !node.broken && expander_ != nullptr) {
    expander_->expand(node);
    const bool is_null = node.text.empty() || node.text == "~" || node.text == "null";
    if (!node.quoted && !node.broken && is_null) {
      node.kind = Node::Kind::null;
    }
  }
  add(std::move(node));
}

void TreeBuilder::OnSequenceStart(const YAML::Mark& mark, const std::string& tag,
                                  YAML::anchor_t anchor, YAML::EmitterStyle::value /*style*/) {
  open(Node::Kind::sequence, mark_from(mark), tag, anchor);
}

void TreeBuilder::OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                             YAML::EmitterStyle::value /*style*/) {
  open(Node::Kind::mapping, mark_from(mark), tag, anchor);
}

void TreeBuilder::open(Node::Kind kind, Mark mark, const std::string& tag, YAML::anchor_t anchor) {
  count(mark);
  check_anchor(mark, anchor);
  if (expects_key()) {
    throw Refusal{mark, "a list or a mapping cannot be a key",
                  "close every { and [; a variable between them needs quotes: \"${NAME}\""};
  }
  if (frames_.size() >= kDepthMax) {
    throw Refusal{mark, fmt::format("values are nested more than {} deep", kDepthMax), {}};
  }
  Frame frame;
  frame.node.kind = kind;
  frame.node.mark = mark;
  if (!tag.empty() && tag != kPlainTag && tag != kQuotedTag) {
    diagnostics_.error(mark, fmt::format("the tag {} is not supported", backquoted(tag)),
                       "leave the tag out: each option knows its type");
    frame.node.broken = true;
  }
  frames_.push_back(std::move(frame));
}

void TreeBuilder::close() {
  Node node = std::move(frames_.back().node);
  frames_.pop_back();
  add(std::move(node));
}

void TreeBuilder::add(Node node) {
  if (frames_.empty()) {
    root_ = std::move(node);
    return;
  }
  Frame& frame = frames_.back();
  if (frame.node.kind == Node::Kind::sequence) {
    frame.node.items.push_back(std::move(node));
    return;
  }
  if (frame.expects_key) {
    add_key(node);
    return;
  }
  frame.expects_key = true;
  if (!frame.skips_value) {
    frame.node.entries.push_back({std::move(frame.key), frame.key_mark, std::move(node)});
  }
}

void TreeBuilder::add_key(const Node& node) {
  Frame& frame = frames_.back();
  frame.expects_key = false;
  frame.skips_value = true;
  frame.key = node.text;
  frame.key_mark = node.mark;
  if (node.broken) {
    return;
  }
  if (node.kind != Node::Kind::scalar || node.text.empty()) {
    diagnostics_.error(node.mark, "a key is missing here");
    return;
  }
  if (node.text == "<<" && !node.quoted) {
    diagnostics_.error(node.mark, "merge keys (`<<`) are not supported", std::string(kAliasHint));
    return;
  }
  const auto [first, is_new] = frame.seen.emplace(node.text, node.mark);
  if (!is_new) {
    diagnostics_.error(node.mark, fmt::format("the key {} is given twice", backquoted(node.text)),
                       {}, first->second, "it is already given here");
    return;
  }
  frame.skips_value = false;
}

std::optional<Node> TreeBuilder::take() {
  if (root_) {
    Mark next;
    assign_ends(*root_, next);
  }
  return std::exchange(root_, std::nullopt);
}

}  // namespace kifa::config
