#include "plugins/sources/file/reader.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <system_error>

namespace kifa::plugins::file_source {

namespace {

bool is_cut_short(Content& content) {
  const Mark& mark = content.trail.mark();
  return match(content.file, {.tail_offset = mark.tail_offset, .tail_hash = mark.tail_hash},
               content.offset) == Match::different;
}

// Only of a file that has its content: of another one they would tell a loss that was none.
void note_facts(Content& content) {
  if (const std::optional<Facts> facts = content.file.facts()) {
    content.modified_ns = facts->modified_ns;
    content.size = content.file.is_gzip() ? 0 : facts->size;
  }
}

}  // namespace

void Reader::observe(Content& content) {
  if (content.trail.has_tail() && !content.file.is_gzip() && !is_cut_short(content)) {
    note_facts(content);
  }
}

Reader::Reading Reader::read(Content& content, std::uint64_t most) {
  Reading reading;
  reading.outcome = prepare(content);
  if (reading.outcome != Outcome::bytes) {
    return reading;
  }
  const auto asked = static_cast<std::size_t>(std::min<std::uint64_t>(most, buffer_.size()));
  const std::ptrdiff_t got = content.file.read(content.offset, std::span(buffer_).first(asked));
  if (got < 0) {
    reading.outcome = read_failed(content);
    return reading;
  }
  // Looked at behind the read: then what was read stood behind the same bytes as before.
  if (!content.file.is_gzip() && is_cut_short(content)) {
    reading.outcome = Outcome::displaced;
    return reading;
  }
  note_facts(content);
  reading.outcome = got == 0 ? Outcome::none : Outcome::bytes;
  reading.bytes = sdk::Bytes(buffer_).first(static_cast<std::size_t>(got));
  reading.is_last = static_cast<std::size_t>(got) < asked && !content.file.is_gzip();
  return reading;
}

Reader::Outcome Reader::read_failed(const Content& content) {
  const int error = errno;
  notices_.tell(Notice::damaged, content.path + " cannot be read any further than byte " +
                                     std::to_string(content.offset) + ": " +
                                     (error == EBADMSG ? "it is not gzip, or damaged"
                                                       : std::generic_category().message(error)));
  return error == EBADMSG ? Outcome::damaged : Outcome::failed;
}

// Opens the file, and makes sure that what was read before stands in front of the offset.
Reader::Outcome Reader::prepare(Content& content) {
  if (!contents_.open(content)) {
    if (errno == ENOENT || errno == ESTALE) {
      return Outcome::vanished;
    }
    notices_.tell(Notice::unreadable,
                  content.path + " cannot be read: " + std::generic_category().message(errno) +
                      "; it is tried again");
    return Outcome::failed;
  }
  if (content.trail.has_tail() && content.trail.mark().tail_offset == content.offset) {
    return Outcome::bytes;
  }
  switch (match(content.file, content.trail.mark(), content.offset)) {
    case Match::same:
      return load_trail(content) ? Outcome::bytes : Outcome::failed;
    case Match::different:
      return Outcome::displaced;
    case Match::unknown:
      break;
  }
  return Outcome::failed;
}

bool Reader::load_trail(Content& content) {
  std::array<std::uint8_t, kHeadBytes> bytes;
  const auto load = [&](std::uint64_t from, std::uint64_t size) {
    const auto wanted = std::span(bytes).first(static_cast<std::size_t>(size));
    return content.file.read(from, wanted) == static_cast<std::ptrdiff_t>(size);
  };
  const auto head = static_cast<std::size_t>(std::min<std::uint64_t>(content.offset, kHeadBytes));
  const auto tail = static_cast<std::size_t>(std::min<std::uint64_t>(content.offset, kTailBytes));
  if (!load(0, head)) {
    return false;
  }
  content.trail.set_head(sdk::Bytes(bytes).first(head));
  if (!load(content.offset - tail, tail)) {
    return false;
  }
  content.trail.set_tail(content.offset, sdk::Bytes(bytes).first(tail));
  return true;
}

bool Reader::begin_at_end(Content& content) {
  if (!contents_.open(content)) {
    return false;
  }
  const std::uint64_t size = content.file.facts().value_or(Facts()).size;
  const std::uint64_t from = size - std::min<std::uint64_t>(size, buffer_.size());
  const std::ptrdiff_t got = content.file.read(from, buffer_);
  if (got < 0) {
    return false;
  }
  const sdk::Bytes end = sdk::Bytes(buffer_).first(static_cast<std::size_t>(got));
  const auto line_end = std::find(end.rbegin(), end.rend(), std::uint8_t{'\n'});
  const auto behind = line_end == end.rend() ? 0 : line_end - end.rbegin();
  content.offset = from + end.size() - static_cast<std::size_t>(behind);
  content.settled_offset = content.offset;
  return load_trail(content);
}

}  // namespace kifa::plugins::file_source
