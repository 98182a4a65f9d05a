#pragma once

#include <kifa/sdk.hpp>

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>

#include "plugins/sources/file/content_file.hpp"
#include "plugins/sources/file/facts.hpp"
#include "plugins/sources/file/mark.hpp"

namespace kifa::plugins::file_source {

// What was, is and will be written into one file, wherever it is kept: in the file itself under
// any name, in a copy, compressed. A file that is cut short begins a new content.
//
// Threads: confined.
struct Content {
  static constexpr std::int64_t kNever = INT64_MAX;
  // So that both paths fit into the state of a checkpoint.
  static constexpr std::size_t kPathBytesMax = 440;

  std::uint64_t number = 0;  // in order of discovery; never used again
  std::string base;          // the path by which it was found to be included
  std::string path;          // where it was last
  Place place;               // meaningless while it is lost
  Trail trail;
  std::uint64_t offset = 0;  // of the next byte to read
  std::int64_t modified_ns = 0;
  std::uint64_t size = 0;  // of the file, when it was looked at

  // Reading.
  ContentFile file;
  std::list<Content*>::iterator opened;  // its entry among the open files
  bool is_ready = false;                 // it may have more
  std::int64_t ready_ns = 0;             // its time among the ready ones
  bool is_read_out = false;              // for good: a compressed file at its end, or damaged
  std::int64_t rest_until_ns = 0;        // not to be read before
  std::uint32_t vanished_count = 0;      // how often it was not where it had just been found
  std::int64_t active_ns = 0;            // when it last had something new

  // Its stream with the host.
  std::uint64_t stream = 0;  // 0: none
  std::uint64_t settled_offset = 0;
  bool is_given_up = false;  // the host has ended the stream and will release it
  bool is_stored = false;    // the host has a position of it
  bool is_stale = false;     // what the host knows of it is not what is here

  // Whether it can be found.
  bool is_lost = false;  // its file has another content now
  bool is_seen = false;  // in the last look
  bool is_over = false;  // no more will come
  std::int64_t gone_since_ns = kNever;

  [[nodiscard]] std::string key() const;
};

// What is stored beside the position of a content.
[[nodiscard]] std::string encode_state(const Content& content);
// False: it is of another version, or damaged.
bool decode_state(std::string_view state, Content& content);
// The number that a key stands for; 0: it is not one.
[[nodiscard]] std::uint64_t number_of_key(std::string_view key);

}  // namespace kifa::plugins::file_source
