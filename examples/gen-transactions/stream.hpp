#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "examples/gen-transactions/random.hpp"
#include "examples/gen-transactions/render.hpp"

namespace gen {

enum class Format : std::uint8_t { json, receipt };

struct StreamOptions {
  Format format = Format::json;
  std::uint64_t seed = 1;
  std::size_t size = 0;  // exact bytes of every record; 0: as it comes
};

// The endless sequence of records that a seed stands for: record n is the same bytes on every
// machine, however they are fetched.
//
// Records are rendered once into a pool of a few MiB; when it is full it goes round again, and only
// number, time and reference are written anew. Numbers count from 1, time is simulated: a quarter
// of a second for every record from 2026-01-31 on.
//
// Threads: confined to one. Memory: the pool, kPoolBytes or one record, whichever is larger.
class RecordStream final {
 public:
  static constexpr std::size_t kPoolBytes = std::size_t{4} << 20U;
  static constexpr std::size_t kPoolRecordsMax = 65'536;

  explicit RecordStream(StreamOptions options);

  struct Piece {
    std::string_view bytes;     // whole records; valid until the next call
    std::uint64_t records = 0;  // at least 1
  };
  // The next 1 .. `records_max` records, at most about `bytes_max` bytes (but at least one record).
  Piece next(std::uint64_t records_max, std::size_t bytes_max);

 private:
  struct Rendered {
    std::size_t begin = 0;
    Slots slots;
  };

  void render_more(std::uint64_t records, std::size_t bytes);
  void write_changing_parts(const Rendered& record);
  void set_date(std::uint64_t day);

  StreamOptions options_;
  Random random_;
  std::string pool_;
  std::vector<Rendered> records_;
  bool pool_full_ = false;
  std::size_t next_record_ = 0;  // index in records_
  std::uint64_t number_ = 0;     // of the last record given out
  std::uint64_t day_ = ~std::uint64_t{0};
  char date_[11] = "";
};

}  // namespace gen
