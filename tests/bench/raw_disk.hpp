#pragma once

#include <cstdint>
#include <string>

#include "core/base/status.hpp"
#include "tests/bench/statistics.hpp"

namespace kifa::bench {

// What the disk gives a program that does nothing but write: the yardstick of every other figure.
//
// One file, filled with zeros and synced before each measurement, opened O_DIRECT; every write is
// one pwritev2 with RWF_DSYNC, the next begins when it has returned. Plain system calls, none of
// kifa's own code.
//
// Threads: confined to one.
class RawDisk final {
 public:
  // Makes a file of `bytes` (a multiple of 1 MiB) in `directory`; it goes with the object.
  static Result<RawDisk> create(const std::string& directory, std::uint64_t bytes);
  RawDisk(RawDisk&& other) noexcept;
  RawDisk& operator=(RawDisk&&) = delete;
  RawDisk(const RawDisk&) = delete;
  RawDisk& operator=(const RawDisk&) = delete;
  ~RawDisk();

  // Where the written bytes stand: in the small pages that programs usually have (dd, fio), or in a
  // huge page, which many disks are given faster.
  enum class Memory : std::uint8_t { small_pages, huge_page };
  // Bytes a second of writes of 1 MiB over the whole file.
  Result<double> bandwidth(Memory memory = Memory::small_pages);
  // The time that one write of 4 KiB takes, over `count` of them.
  Result<Latency> latency(std::uint32_t count);

 private:
  RawDisk(std::string path, int fd, std::uint64_t bytes);
  Status fill_with_zeros(std::uint64_t bytes);

  std::string path_;
  int fd_;
  std::uint64_t bytes_;
};

}  // namespace kifa::bench
