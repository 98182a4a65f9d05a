#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace kifa::plugins::testing {

// A JSON value; numbers as they are written.
struct Json {
  enum class Type : std::uint8_t { null, boolean, number, string, array, object };
  Type type = Type::null;
  std::string text = {};  // string: decoded to UTF-8; number: its digits; boolean: true or false
  std::vector<Json> items = {};
  std::map<std::string, Json> members = {};

  [[nodiscard]] const Json& at(const std::string& name) const { return members.at(name); }
  [[nodiscard]] bool has(const std::string& name) const { return members.contains(name); }
};

// Reads one JSON text to the letter of RFC 8259 and beyond: a repeated member, a lone surrogate and
// a control byte inside a string are refused. Throws std::runtime_error.
class StrictJsonParser final {
 public:
  static Json parse(std::string_view text) {
    StrictJsonParser parser(text);
    Json value = parser.value();
    parser.expect_end();
    return value;
  }

 private:
  explicit StrictJsonParser(std::string_view text) : text_(text) {}

  [[noreturn]] void fail(const std::string& why) const {
    throw std::runtime_error(why + " at byte " + std::to_string(at_) + " of " + std::string(text_));
  }
  void expect_end() const {
    if (at_ != text_.size()) {
      fail("something behind the value");
    }
  }
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  char next() {
    if (at_ == text_.size()) {
      fail("the text ends early");
    }
    return text_[at_++];
  }
  void expect(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) {
      fail("expected " + std::string(word));
    }
    at_ += word.size();
  }

  Json value() {
    switch (peek()) {
      case '{':
        return object();
      case '[':
        return array();
      case '"':
        return {.type = Json::Type::string, .text = string()};
      case 't':
        expect("true");
        return {.type = Json::Type::boolean, .text = "true"};
      case 'f':
        expect("false");
        return {.type = Json::Type::boolean, .text = "false"};
      case 'n':
        expect("null");
        return {};
      default:
        return number();
    }
  }

  Json object() {
    Json made{.type = Json::Type::object};
    expect("{");
    if (peek() == '}') {
      ++at_;
      return made;
    }
    while (true) {
      const std::string name = string();
      expect(":");
      if (!made.members.emplace(name, value()).second) {
        fail("the member " + name + " is repeated");
      }
      const char separator = next();
      if (separator == '}') {
        return made;
      }
      if (separator != ',') {
        fail("expected , or }");
      }
    }
  }

  Json array() {
    Json made{.type = Json::Type::array};
    expect("[");
    if (peek() == ']') {
      ++at_;
      return made;
    }
    while (true) {
      made.items.push_back(value());
      const char separator = next();
      if (separator == ']') {
        return made;
      }
      if (separator != ',') {
        fail("expected , or ]");
      }
    }
  }

  Json number() {  // integers are all that is ever written
    Json made{.type = Json::Type::number};
    if (peek() == '-') {
      made.text += next();
    }
    if (peek() == '0') {
      made.text += next();
      return made;
    }
    if (peek() < '1' || peek() > '9') {
      fail("expected a value");
    }
    while (peek() >= '0' && peek() <= '9') {
      made.text += next();
    }
    return made;
  }

  std::uint32_t hex4() {
    std::uint32_t unit = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = next();
      const bool is_digit = c >= '0' && c <= '9';
      if (!is_digit && !(c >= 'a' && c <= 'f') && !(c >= 'A' && c <= 'F')) {
        fail("expected four hexadecimal digits");
      }
      unit = unit * 16 + static_cast<std::uint32_t>(is_digit ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return unit;
  }

  void append_utf8(std::string& out, std::uint32_t unit) const {
    if (unit >= 0xD800 && unit <= 0xDFFF) {
      fail("a surrogate");  // never written: what is above U+FFFF comes as it is
    }
    if (unit < 0x80) {
      out += static_cast<char>(unit);
    } else if (unit < 0x800) {
      out += static_cast<char>(0xC0U | unit >> 6U);
      out += static_cast<char>(0x80U | (unit & 0x3FU));
    } else {
      out += static_cast<char>(0xE0U | unit >> 12U);
      out += static_cast<char>(0x80U | (unit >> 6U & 0x3FU));
      out += static_cast<char>(0x80U | (unit & 0x3FU));
    }
  }

  std::string string() {
    std::string out;
    expect("\"");
    for (char c = next(); c != '"'; c = next()) {
      if (static_cast<unsigned char>(c) < 0x20) {
        fail("a control byte in a string");
      }
      if (c != '\\') {
        out += c;
        continue;
      }
      constexpr std::string_view kLetters = "\"\\/bfnrt";
      constexpr std::string_view kBytes = "\"\\/\b\f\n\r\t";
      const char letter = next();
      if (letter == 'u') {
        append_utf8(out, hex4());
      } else if (const std::size_t found = kLetters.find(letter); found != std::string_view::npos) {
        out += kBytes[found];
      } else {
        fail("an unknown escape");
      }
    }
    return out;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// Base64 with padding, back to bytes; throws on anything else.
[[nodiscard]] inline std::string decode_base64(std::string_view text) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.size() % 4 != 0) {
    throw std::runtime_error("base64: not a multiple of four characters");
  }
  const std::size_t padding = text.ends_with("==") ? 2 : (text.ends_with("=") ? 1 : 0);
  std::string bytes;
  std::uint32_t bits = 0;
  std::uint32_t bit_count = 0;
  for (const char c : text.substr(0, text.size() - padding)) {
    const std::size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) {
      throw std::runtime_error("base64: a strange character");
    }
    bits = bits << 6U | static_cast<std::uint32_t>(value);
    bit_count += 6;
    if (bit_count >= 8) {
      bit_count -= 8;
      bytes += static_cast<char>(bits >> bit_count & 0xFFU);
    }
  }
  if ((bits & ((1U << bit_count) - 1)) != 0) {
    throw std::runtime_error("base64: stray bits");
  }
  return bytes;
}

}  // namespace kifa::plugins::testing
