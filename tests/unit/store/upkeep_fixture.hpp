#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "core/store/manifest_files.hpp"
#include "core/store/table_format.hpp"
#include "tests/unit/store/store_fixture.hpp"

namespace kifa::store::testing {

// A store that has tables: every 18 records of 60,000 bytes become one.
struct UpkeepFixture : StoreFixture {
  UpkeepFixture() { options.memtable_flush_bytes = 1_MiB; }

  static std::string payload_of(std::uint64_t n) {
    std::string payload = "record " + std::to_string(n) + " ";
    payload.resize(60'000, static_cast<char>('a' + n % 26));
    return payload;
  }
  // Appends records up to LSN `last`.
  static void append_up_to(Store& store, std::uint64_t last) {
    while (store.durable_lsn() < Lsn{last}) {
      REQUIRE(append_text(store, payload_of(store.durable_lsn().value + 1)));
    }
  }
  // A closed store with LSN 1 to `last`.
  void fill(std::uint64_t last) {
    auto store = open();
    append_up_to(*store, last);
    REQUIRE(store->close().is_ok());
  }
  LoadedManifest loaded() {
    auto manifest = load_manifest(files, options.directory);
    REQUIRE(manifest.has_value());
    return std::move(*manifest);
  }
  Manifest manifest() {
    const auto newest = loaded().manifest;
    REQUIRE(newest.has_value());
    return *newest;
  }
  [[nodiscard]] std::string path(const std::string& name) const {
    return options.directory + "/" + name;
  }
  bool is_there(const std::string& name) { return files.info(path(name)).has_value(); }
  std::vector<std::string> names() {
    std::vector<std::string> found;
    const auto entries = files.list(options.directory);
    REQUIRE(entries.has_value());
    for (const io::DirectoryEntry& entry : *entries) {
      found.push_back(entry.name);
    }
    return found;
  }
  void spoil(const std::string& name, std::uint64_t offset) {
    const std::string junk(16, '#');
    REQUIRE(files.damage(path(name), offset, as_byte_view(junk)).is_ok());
  }
  void cut(const std::string& name, std::uint64_t bytes) {
    auto file = files.open(path(name), {.access = io::Access::read_write});
    REQUIRE(file.has_value());
    REQUIRE((*file)->resize(bytes).is_ok());
  }
  [[nodiscard]] bool has_reported(std::string_view words) const {
    return std::ranges::any_of(reports, [words](const std::string& report) {
      return report.find(words) != std::string::npos;
    });
  }
  // All of 1 to `last` can be read, in order and with their contents.
  void check_all(std::uint64_t last) {
    const Contents contents = read_all(*read());
    REQUIRE(contents.lsns.size() == last);
    for (std::uint64_t n = 1; n <= last; ++n) {
      REQUIRE(contents.lsns[n - 1] == Lsn{n});
      REQUIRE(contents.payloads[n - 1] == payload_of(n));
    }
  }
};

}  // namespace kifa::store::testing
