#pragma once

#include <kifa/sdk.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "plugins/sources/file/catalog.hpp"
#include "plugins/sources/file/contents.hpp"

namespace kifa::plugins::file_source {

// Reads contents, and notices when a file has lost the one that was read: it was cut short, or
// somebody has written it anew.
//
// Threads: confined.
// Errors:  what cannot be read is told, at most once a minute.
class Reader final {
 public:
  static constexpr std::size_t kReadBytes = std::size_t{256} << 10U;

  Reader(sdk::Host host, Contents& contents, FileNotices& notices)
      : host_(host), contents_(contents), notices_(notices) {}

  void start() { buffer_.resize(kReadBytes); }
  void stop() { buffer_ = {}; }

  enum class Outcome : std::uint8_t {
    bytes,
    none,       // for now
    vanished,   // it is not where it was
    displaced,  // another content is in its file
    failed,     // to be tried again
    damaged     // for good
  };
  struct Reading {
    Outcome outcome = Outcome::none;
    sdk::Bytes bytes;      // valid until the next call
    bool is_last = false;  // nothing stands behind them now
  };
  // Notes how far an open file goes that still has its content.
  static void observe(Content& content);
  // At most `most` bytes at the content's offset.
  Reading read(Content& content, std::uint64_t most);

  // Moves the offset behind the last line end of its file: no record begins in the middle of a
  // line. False: it cannot be read.
  bool begin_at_end(Content& content);

 private:
  Outcome prepare(Content& content);
  Outcome read_failed(const Content& content);
  bool load_trail(Content& content);

  sdk::Host host_;
  Contents& contents_;
  FileNotices& notices_;
  std::vector<std::uint8_t> buffer_;
};

}  // namespace kifa::plugins::file_source
