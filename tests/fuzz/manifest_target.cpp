#include "core/store/manifest.hpp"

#include <string>

#include "core/base/crc32c.hpp"
#include "core/io/memory_file_system.hpp"
#include "core/store/manifest_files.hpp"
#include "core/store/manifest_format.hpp"
#include "tests/fuzz/fuzz_target.hpp"

// MANIFEST: the list of what makes up a store.
namespace kifa::fuzz {
namespace {

using namespace kifa::store;  // NOLINT: a test

const std::string kDirectory = "/store";

TableInfo table(std::uint64_t number) {
  TableInfo made;
  made.number = number;
  made.first = {10 * number - 9};
  made.last = {10 * number};
  made.records = 10;
  made.payload_bytes = 1000;
  made.bytes = 1300;
  made.first_event = 1;
  made.min_unix_ns = 1000;
  made.max_unix_ns = 2000;
  made.pieces = 1;
  made.footer_crc = 77;
  return made;
}

std::vector<Bytes> seeds() {
  std::vector<Bytes> all;
  for (std::uint64_t tables = 0; tables < 4; ++tables) {
    Manifest manifest;
    manifest.store_id = {1, 2, 3};
    manifest.next_file_number = tables + 1;
    for (std::uint64_t number = 1; number <= tables; ++number) {
      manifest.tables.push_back(table(number));
    }
    if (tables != 0) {
      manifest.flushed.epoch = 4711;
      manifest.flushed.mark.at = {1, 8192};
      manifest.flushed.mark.next_lsn = {10 * tables + 1};
      manifest.flushed.mark.totals.records = 10 * tables;
      manifest.flushed.mark.totals.payload_bytes = 1000 * tables;
      manifest.flushed.mark.totals.min_unix_ns = 1000;
      manifest.flushed.mark.totals.max_unix_ns = 2000;
    }
    const Status status = check_manifest(manifest);
    expect(status.is_ok(), status.message());
    add_seeds(all, encode_manifest(manifest));
  }
  return all;
}

void reseal(Bytes& bytes) {
  ManifestHeader header;
  if (!take(bytes, 0, header)) {
    return;
  }
  header.magic = kManifestMagic;
  header.format_major = kFormatMajor;
  header.file_bytes = bytes.size();
  put(bytes, 0, header);
  header.prefix_crc = crc32c(0, part(bytes, 0, offsetof(ManifestHeader, prefix_crc)));
  put(bytes, 0, header);
  const std::uint64_t trailer_at = bytes.size() - sizeof(FileTrailer);
  FileTrailer trailer;
  put(bytes, trailer_at, trailer);
  trailer.crc = crc32c(0, part(bytes, 0, trailer_at + offsetof(FileTrailer, crc)));
  put(bytes, trailer_at, trailer);
}

void run(ByteView input) {
  ForgedFile forged = forged_file(input);
  if (forged.reseals) {
    reseal(forged.bytes);
  }
  const auto decoded = decode_manifest(forged.bytes);
  if (!decoded) {
    expect(!decoded.error().message().empty(), "a refusal without a reason");
    return;
  }
  const Status sound = check_manifest(*decoded);
  expect(sound.is_ok(), "a manifest that contradicts itself was believed: " + sound.message());
  const auto again = decode_manifest(encode_manifest(*decoded));
  Manifest expected = *decoded;
  if (again) {
    expected.flags_read_only = again->flags_read_only;
  }
  expect(again && *again == expected, "a manifest is another one when it is written again");
  if (decoded->version != 0 && decoded->version <= kFileNumberMax) {
    io::MemoryFileSystem files;
    expect(files.make_directory(kDirectory, 0700).is_ok(), "no directory");
    const std::string path = kDirectory + "/" + manifest_file_name(decoded->version);
    auto file = files.open(path, {.access = io::Access::read_write, .create = true});
    expect(file && (*file)->write_at(forged.bytes, 0, io::WriteMode::buffered), "no file");
    const auto loaded = load_manifest(files, kDirectory);
    expect(loaded && loaded->manifest == *decoded, "a manifest that is believed is not loaded");
  }
}

const Registration kRegistration(
    {.name = "manifest", .seeds = seeds, .run = run, .input_bytes_max = 8192, .rounds = 20000});

}  // namespace
}  // namespace kifa::fuzz
