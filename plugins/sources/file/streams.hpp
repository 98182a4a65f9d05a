#pragma once

#include <kifa/sdk.hpp>

#include <cstdint>
#include <string>

#include "plugins/sources/file/catalog.hpp"
#include "plugins/sources/file/contents.hpp"

namespace kifa::plugins::file_source {

// The host's side of contents: streams, the state beside their positions, and their end. A content
// has a stream only while it is being written or read; its position outlives it.
//
// Threads: confined.
// Errors:  what the emitter said, when it was not OK.
class Streams final {
 public:
  // A stream that the host could not go on with is read again after this.
  static constexpr std::int64_t kRestNs = 60'000'000'000;

  Streams(sdk::Host host, Contents& contents, Catalog& catalog, FileNotices& notices)
      : host_(host), contents_(contents), catalog_(catalog), notices_(notices) {}

  // Records get the attribute `offset`.
  void give_offsets(bool wanted) { gives_offsets_ = wanted; }

  // Opens a stream for a content that has none. NO_MEMORY: not now.
  kifa_status open(Content& content, sdk::Emitter out);
  // Hands over what was read at the content's offset, which moves on. NO_MEMORY: not now.
  kifa_status give(Content& content, sdk::Bytes bytes, sdk::Emitter out);
  // Ends the stream: what is left of a record becomes a partial one.
  kifa_status end(Content& content, sdk::Emitter out);
  // Whether the host holds nothing of the stream that is not stored.
  [[nodiscard]] static bool is_settled(const Content& content) {
    return !content.is_given_up && content.settled_offset == content.offset;
  }
  // Tells that bytes were lost, if any are known to be.
  static kifa_status tell_loss(const Content& content, const std::string& why, sdk::Emitter out);

  // What has changed since the last time: states, keys that are forgotten, the source's own
  // checkpoint.
  kifa_status tell_changes(sdk::Emitter out);

  void acknowledge(std::uint64_t stream, std::uint64_t position);
  void release(std::uint64_t stream);

 private:
  kifa_status announce(const Content& content, std::uint64_t stream, sdk::Emitter out) const;

  sdk::Host host_;
  Contents& contents_;
  Catalog& catalog_;
  FileNotices& notices_;
  bool gives_offsets_ = false;
  std::uint64_t last_stream_ = 0;
};

}  // namespace kifa::plugins::file_source
