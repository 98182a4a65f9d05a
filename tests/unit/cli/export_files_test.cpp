#include "core/cli/export_files.hpp"

#include <string>
#include <vector>

#include "core/cli/export_manifest.hpp"
#include "core/io/memory_file_system.hpp"
#include "tests/support/catch.hpp"

namespace kifa::cli {
namespace {

constexpr const char* kTarget = "/out/sales.json";
constexpr const char* kManifest = "/out/sales.json.manifest.json";

// "" for a file that is not there.
std::string text_of(io::MemoryFileSystem& files, const std::string& path) {
  const auto content = files.content(path);
  return content ? std::string(as_text(*content)) : "";
}

std::vector<std::string> names_in(io::MemoryFileSystem& files) {
  std::vector<std::string> names;
  const auto entries = files.list("/out");
  REQUIRE(entries.has_value());
  for (const io::DirectoryEntry& entry : *entries) {
    names.push_back(entry.name);
  }
  return names;
}

std::string manifest_of(const std::string& data) {
  ExportManifest manifest;
  manifest.content_sha256 = data.substr(0, 3);
  return manifest_json(manifest, {});
}

Status publish(io::FileSystem& files, const std::string& data, bool may_replace = false) {
  auto made = ExportFiles::create(files, kTarget, may_replace);
  KIFA_TRY(made.status());
  KIFA_TRY((*made)->data().append(data.substr(0, data.size() / 2)));
  KIFA_TRY((*made)->data().append(data.substr(data.size() / 2)));
  return (*made)->publish(manifest_of(data));
}

// A file system with the folder, and perhaps an older export, all of it on the disk.
struct Disk {
  explicit Disk(const std::string& older) {
    REQUIRE(files.make_directory("/out", 0700).is_ok());
    REQUIRE(files.sync_directory("/").is_ok());
    if (!older.empty()) {
      REQUIRE(publish(files, older).is_ok());
    }
  }
  io::MemoryFileSystem files;
};

// What may be seen: nothing, the old one or the new one, each whole; a manifest beside a file is
// its own; hidden names only besides.
void check_visible(io::MemoryFileSystem& files, const std::string& older,
                   const std::string& newer) {
  const std::string data = text_of(files, kTarget);
  const std::string manifest = text_of(files, kManifest);
  CHECK((data == older || data == newer));
  if (!data.empty() && !manifest.empty()) {
    CHECK(manifest == manifest_of(data));
  }
  for (const std::string& name : names_in(files)) {
    CHECK((name.starts_with(".") || name == "sales.json" || name == "sales.json.manifest.json"));
  }
}

TEST_CASE("an export appears with its manifest, and leaves nothing else", "[cli][export]") {
  Disk disk("");
  const std::string data(1'000'000, 'x');  // more than is gathered at once
  REQUIRE(publish(disk.files, data).is_ok());
  CHECK(text_of(disk.files, kTarget) == data);
  CHECK(text_of(disk.files, kManifest) == manifest_of(data));
  CHECK(names_in(disk.files).size() == 2);
  const auto info = disk.files.info(kTarget);
  REQUIRE(info.has_value());
  CHECK((info->mode & 0777U) == 0600);
  CHECK(publish(disk.files, "more").message() ==
        "/out/sales.json is there already: give --force to replace it");
  CHECK(text_of(disk.files, kTarget) == data);
  REQUIRE(publish(disk.files, "new", true).is_ok());
  CHECK(text_of(disk.files, kTarget) == "new");
  CHECK(text_of(disk.files, kManifest) == manifest_of("new"));
}

TEST_CASE("what is not published is gone with its object", "[cli][export]") {
  Disk disk("");
  {
    const auto made = ExportFiles::create(disk.files, kTarget, false);
    REQUIRE(made.has_value());
    REQUIRE((*made)->data().append("half").is_ok());
    REQUIRE((*made)->data().flush().is_ok());
    CHECK(names_in(disk.files) == std::vector<std::string>{".sales.json.kifa-partial"});
    const auto second = ExportFiles::create(disk.files, kTarget, true);
    REQUIRE_FALSE(second.has_value());
    CHECK(second.error().code() == Code::locked);
    CHECK(second.error().message() ==
          "another process is writing /out/sales.json; wait until it has ended");
  }
  CHECK(names_in(disk.files).empty());
}

TEST_CASE("a target that is no file, and a folder that is not there, are refused",
          "[cli][export]") {
  Disk disk("");
  REQUIRE(disk.files.make_directory("/out/folder", 0700).is_ok());
  const auto refusal = [&disk](const std::string& target) {
    return ExportFiles::create(disk.files, target, true).status();
  };
  CHECK(refusal("/out/folder").code() == Code::invalid);
  CHECK(refusal("/out/").message() == "`/out/` names a folder: name a file in it");
  CHECK(refusal("/nowhere/sales.json").code() == Code::not_found);
  CHECK(refusal("/nowhere/sales.json").message() ==
        "there is no folder /nowhere to write sales.json into");
}

TEST_CASE("after a kill at any moment nothing partial is visible, and the next export clears up",
          "[cli][export]") {
  for (const std::string& older : {std::string(), std::string("old export")}) {
    const std::string newer = "new export";
    Disk disk(older);
    disk.files.restart_trace();
    REQUIRE(publish(disk.files, newer, true).is_ok());
    const io::Trace trace = disk.files.trace();
    REQUIRE(trace.events.size() > 5);
    for (std::size_t at = 0; at < trace.events.size(); ++at) {
      INFO("after event " << at << " of " << trace.events.size() << ", older: " << older);
      const io::CrashImage killed = io::kill_after(trace, at, 1);
      check_visible(*killed, older, newer);
      const bool may_replace = !text_of(*killed, kTarget).empty();
      REQUIRE(publish(*killed, "next export", may_replace).is_ok());
      CHECK(names_in(*killed).size() == 2);
      CHECK(text_of(*killed, kManifest) == manifest_of("next export"));
    }
  }
}

TEST_CASE("after a power cut at any moment nothing partial is visible", "[cli][export]") {
  for (const std::string& older : {std::string(), std::string("old export")}) {
    const std::string newer = "new export";
    Disk disk(older);
    disk.files.restart_trace();
    REQUIRE(publish(disk.files, newer, true).is_ok());
    const io::Trace trace = disk.files.trace();
    for (std::size_t at = 0; at < trace.events.size(); ++at) {
      for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        INFO("after event " << at << " of " << trace.events.size() << ", seed " << seed);
        check_visible(*io::crash_after(trace, at, seed), older, newer);
      }
    }
    const io::CrashImage after = io::crash_after(trace, trace.events.size() - 1, 1);
    CHECK(text_of(*after, kTarget) == newer);
    CHECK(text_of(*after, kManifest) == manifest_of(newer));
  }
}

TEST_CASE("an export that fails at any call says so and leaves what was there", "[cli][export]") {
  for (const std::string& older : {std::string(), std::string("old export")}) {
    const std::string newer = "new export";
    Disk counted(older);
    const std::uint64_t before = counted.files.call_count();
    REQUIRE(publish(counted.files, newer, true).is_ok());
    const std::uint64_t calls = counted.files.call_count() - before;
    for (std::uint64_t n = 0; n < 2 * calls; ++n) {
      Disk disk(older);
      io::Fault fault;
      fault.index = n / 2;
      fault.is_lasting = n % 2 == 1;
      disk.files.add_fault(fault);
      const Status status = publish(disk.files, newer, true);
      disk.files.clear_faults();
      INFO("call " << n / 2 << " of " << calls << ": " << status.message());
      check_visible(disk.files, older, newer);
      if (status) {
        CHECK(text_of(disk.files, kTarget) == newer);  // only clearing up had failed
      }
      REQUIRE(publish(disk.files, "next export", true).is_ok());
      CHECK(names_in(disk.files).size() == 2);
    }
  }
}

TEST_CASE("a stale file of another export in the folder is removed, one in use is not",
          "[cli][export]") {
  Disk disk("");
  const auto in_use = ExportFiles::create(disk.files, "/out/other.json", false);
  REQUIRE(in_use.has_value());
  REQUIRE(disk.files.open("/out/.stale.csv.kifa-partial",
                          {.access = io::Access::read_write, .create = true}));
  REQUIRE(disk.files.open("/out/.mine", {.access = io::Access::read_write, .create = true}));
  REQUIRE(publish(disk.files, "new export").is_ok());
  CHECK(names_in(disk.files) == std::vector<std::string>{".mine", ".other.json.kifa-partial",
                                                         "sales.json", "sales.json.manifest.json"});
}

}  // namespace
}  // namespace kifa::cli
