#include "core/pipeline/acks.hpp"

#include <array>
#include <charconv>

namespace kifa::pipeline {

AckOptions line_acks() { return {.ok = "OK {lsn}\n", .error = "ERR {reason}\n"}; }

Acks::Acks(const AckOptions& options)
    : wanted_(options.wanted()),
      ok_(cut(options.ok, "{lsn}")),
      error_(cut(options.error, "{reason}")) {}

Acks::Pieces Acks::cut(std::string_view text, std::string_view placeholder) {
  Pieces pieces;
  std::size_t begin = 0;
  for (std::size_t at = text.find(placeholder); at != std::string_view::npos;
       at = text.find(placeholder, begin)) {
    pieces.emplace_back(text.substr(begin, at - begin));
    begin = at + placeholder.size();
  }
  pieces.emplace_back(text.substr(begin));
  return pieces;
}

void Acks::join(const Pieces& pieces, std::string_view value, std::string& answers) {
  answers += pieces.front();
  for (std::size_t i = 1; i < pieces.size(); ++i) {
    answers += value;
    answers += pieces[i];
  }
}

void Acks::add_ok(std::uint64_t lsn, std::string& answers) const {
  std::array<char, 20> digits{};
  const char* end = std::to_chars(digits.data(), digits.data() + digits.size(), lsn).ptr;
  join(ok_, {digits.data(), end}, answers);
}

void Acks::add_error(std::string_view reason, std::string& answers) const {
  join(error_, reason, answers);
}

std::string_view refusal_of(kifa_status status) {
  switch (status) {
    case KIFA_NO_SPACE:
      return "the disk is full";
    case KIFA_IO:
      return "the disk does not take it";
    case KIFA_CORRUPT:
      return "the store is damaged";
    case KIFA_LOCKED:
    case KIFA_UNAVAILABLE:
      return "the store is away";
    default:
      return "it was not stored";
  }
}

}  // namespace kifa::pipeline
