#include <cerrno>
#include <initializer_list>
#include <string>
#include <vector>

#include "core/io/memory_file_system.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/io/memory_support.hpp"

namespace io = kifa::io;
using kifa::as_byte_view;
using kifa::Code;
using kifa::test::content;
using kifa::test::kCreate;
using kifa::test::open_file;
using kifa::test::read;
using kifa::test::write;
using namespace kifa::literals;

TEST_CASE("memory files hold what is written, at any offset and length", "[io][memory]") {
  io::MemoryFileSystem files;
  const auto file = open_file(files, "/a");
  std::string expected;
  std::uint64_t offset = 1;
  for (const std::size_t length :
       std::initializer_list<std::size_t>{1, 511, 512, 4095, 4096, 4097, 300'000}) {
    const std::string text(length, static_cast<char>('a' + length % 26));
    write(*file, offset, text);
    expected.resize(static_cast<std::size_t>(offset) + length, '\0');
    expected.replace(static_cast<std::size_t>(offset), length, text);
    offset += length / 2 + 1;  // each overwrites the end of the one before
  }
  CHECK(read(*file, 0, 1'000'000) == expected);
  CHECK(content(files, "a") == expected);
  CHECK(read(*file, 5000, 10) == expected.substr(5000, 10));
  CHECK(file->info()->bytes == expected.size());
}

TEST_CASE("a shortened memory file forgets what was behind its end", "[io][memory]") {
  io::MemoryFileSystem files;
  const auto file = open_file(files, "/a");
  write(*file, 0, std::string(10'000, 'x'));
  REQUIRE(file->resize(5000).is_ok());
  REQUIRE(file->resize(10'000).is_ok());
  CHECK(read(*file, 0, 20'000) == std::string(5000, 'x') + std::string(5000, '\0'));
  CHECK(file->info()->allocated_bytes == 8192);
}

TEST_CASE("zeros share one page but count as space", "[io][memory]") {
  io::MemoryFileSystem files({.capacity_bytes = 1_MiB, .facts = {}});
  const auto file = open_file(files, "/a");
  write(*file, 0, std::string(256 << 10U, '\0'));
  CHECK(file->info()->allocated_bytes == 256_KiB);
  CHECK(files.facts("/")->free_bytes == 768_KiB);
  REQUIRE(file->resize(10_MiB).is_ok());  // a hole takes no space
  CHECK(files.facts("/")->free_bytes == 768_KiB);
}

TEST_CASE("a full memory disk writes what fits, then refuses", "[io][memory]") {
  io::MemoryFileSystem files({.capacity_bytes = 16_KiB, .facts = {.block_bytes = 4096}});
  auto file = open_file(files, "/a");
  const std::string text(20 << 10U, 'x');
  CHECK(file->write_at(as_byte_view(text), 0, io::WriteMode::buffered).value() == 16_KiB);
  const auto refused = file->write_at(as_byte_view(text), 16_KiB, io::WriteMode::buffered);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code() == Code::no_space);
  write(*file, 0, text.substr(0, 4096));  // overwriting needs none
  CHECK(files.facts("/")->free_bytes == 0);
  REQUIRE(files.remove("/a").is_ok());
  CHECK(files.facts("/")->free_bytes == 0);  // still open
  file.reset();
  CHECK(files.facts("/")->free_bytes == 16_KiB);
}

TEST_CASE("memory names follow the rules of the real file system", "[io][memory]") {
  io::MemoryFileSystem files;
  CHECK(files.open("/a", {}).error().message() == "cannot open /a: No such file or directory");
  const io::FileId id = open_file(files, "/a")->info()->id;
  CHECK(files.info("/a")->mode == 0600);
  CHECK(files.make_directory("/d", 0700).is_ok());
  CHECK(files.make_directory("/d", 0700).sys_errno() == EEXIST);
  CHECK(files.open("/a", {.access = io::Access::read_write, .create = true, .exclusive = true})
            .error()
            .sys_errno() == EEXIST);
  CHECK(files.link("/a", "/d/b").is_ok());
  CHECK(files.link("/a", "/d/b").sys_errno() == EEXIST);
  CHECK(files.info("/d/b")->id == id);
  open_file(files, "/c");
  CHECK(files.rename("/c", "/a").is_ok());
  CHECK(files.info("/a")->id != id);
  CHECK(files.info("/d/b")->id == id);
  CHECK(files.rename("/c", "/a").sys_errno() == ENOENT);
  CHECK(files.rename("/a", "/d").sys_errno() == EISDIR);
  CHECK(files.remove("/d").sys_errno() == EISDIR);
  CHECK(files.open("/d", kCreate).error().sys_errno() == EISDIR);
  CHECK(files.info("/a/x").error().sys_errno() == ENOTDIR);
  CHECK(files.list("/a").error().sys_errno() == ENOTDIR);
  const auto entries = files.list("/");
  REQUIRE(entries->size() == 2);
  CHECK((*entries)[0].name == "a");
  CHECK((*entries)[0].type == io::FileType::regular);
  CHECK((*entries)[1].name == "d");
  CHECK((*entries)[1].type == io::FileType::directory);
  CHECK(files.sync_directory("/d").is_ok());
  CHECK(files.sync_directory("/a").sys_errno() == ENOTDIR);
}

TEST_CASE("a removed memory file lives on while it is open", "[io][memory]") {
  io::MemoryFileSystem files;
  const auto file = open_file(files, "/a");
  write(*file, 0, "kept");
  REQUIRE(files.remove("/a").is_ok());
  CHECK(read(*file, 0, 10) == "kept");
  CHECK(files.info("/a").error().sys_errno() == ENOENT);
}

TEST_CASE("memory files obey permissions and a read-only mount", "[io][memory]") {
  io::MemoryFileSystem files;
  REQUIRE(files.make_directory("/d", 0700).is_ok());
  open_file(files, "/d/a");
  REQUIRE(files.set_mode("/d/a", 0400).is_ok());
  CHECK(files.open("/d/a", kCreate).error().sys_errno() == EACCES);
  CHECK(files.open("/d/a", {}).has_value());
  CHECK(open_file(files, "/d/a", {})
            ->write_at(as_byte_view("x"), 0, io::WriteMode::buffered)
            .error()
            .sys_errno() == EBADF);
  REQUIRE(files.set_mode("/d", 0500).is_ok());
  CHECK(files.open("/d/b", kCreate).error().sys_errno() == EACCES);
  CHECK(files.remove("/d/a").sys_errno() == EACCES);
  REQUIRE(files.set_mode("/d", 0).is_ok());
  CHECK(files.open("/d/a", {}).error().sys_errno() == EACCES);
  files.set_options({.facts = {.is_read_only = true, .type_name = "iso9660"}});
  CHECK(files.make_directory("/e", 0700).sys_errno() == EROFS);
  CHECK(files.facts("/")->is_read_only);
}

TEST_CASE("memory locks belong to one open file", "[io][memory]") {
  io::MemoryFileSystem files;
  auto holder = open_file(files, "/lock");
  const auto other = open_file(files, "/lock");
  const auto reader = open_file(files, "/lock", {});
  CHECK(holder->try_lock_exclusive().value());
  CHECK(holder->try_lock_exclusive().value());
  CHECK_FALSE(holder->is_locked().value());
  CHECK_FALSE(other->try_lock_exclusive().value());
  CHECK(reader->is_locked().value());
  CHECK(reader->try_lock_exclusive().error().sys_errno() == EBADF);
  holder.reset();
  CHECK_FALSE(reader->is_locked().value());
  CHECK(other->try_lock_exclusive().value());
}

TEST_CASE("direct memory files insist on whole blocks", "[io][memory]") {
  io::MemoryFileSystem files;
  const auto file =
      open_file(files, "/a", {.access = io::Access::read_write, .create = true, .direct = true});
  const io::AlignedBuffer block(8192);
  std::fill_n(block.data(), 8192, std::byte{'x'});
  const auto error_of = [&](std::size_t from, std::size_t bytes, std::uint64_t offset) {
    return file->write_at(block.span().subspan(from, bytes), offset, io::WriteMode::buffered)
        .status()
        .sys_errno();
  };
  CHECK(error_of(0, 4096, 4096) == 0);
  CHECK(error_of(0, 4095, 0) == EINVAL);
  CHECK(error_of(0, 4096, 512) == EINVAL);
  CHECK(error_of(512, 4096, 0) == EINVAL);
  CHECK(file->read_at(block.span(), 0).value() == 8192);
  CHECK(file->read_at(block.span().subspan(0, 100), 0).error().code() == Code::unsupported);
}

TEST_CASE("a memory disk can refuse direct files and durable writes", "[io][memory]") {
  io::MemoryFileSystem files({.accepts_direct = false, .accepts_durable_flag = false, .facts = {}});
  const auto refused =
      files.open("/a", {.access = io::Access::read_write, .create = true, .direct = true});
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code() == Code::unsupported);
  CHECK(files.info("/a").error().sys_errno() == ENOENT);
  const auto written =
      open_file(files, "/a")->write_at(as_byte_view("x"), 0, io::WriteMode::durable);
  REQUIRE_FALSE(written.has_value());
  CHECK(written.error().code() == Code::unsupported);
  CHECK(content(files, "/a").empty());
}

TEST_CASE("the facts of a memory disk are the test's", "[io][memory]") {
  io::MemoryFileSystem files({.facts = {.free_bytes = 7,
                                        .total_bytes = 9,
                                        .block_bytes = 512,
                                        .is_memory = true,
                                        .is_network = true,
                                        .type_name = "odd"}});
  const auto facts = files.facts("/");
  REQUIRE(facts.has_value());
  CHECK(facts->free_bytes == 7);
  CHECK(facts->total_bytes == 9);
  CHECK(facts->block_bytes == 512);
  CHECK(facts->is_memory);
  CHECK(facts->is_network);
  CHECK(facts->type_name == "odd");
}

TEST_CASE("reading leaves no change in the trace", "[io][memory]") {
  io::MemoryFileSystem files;
  write(*open_file(files, "/a"), 0, "x");
  CHECK(files.is_changed());
  files.restart_trace();
  const auto file = open_file(files, "/a", {});
  CHECK(read(*file, 0, 10) == "x");
  CHECK(file->sync_data().is_ok());
  CHECK(files.list("/").has_value());
  CHECK_FALSE(files.is_changed());
}

TEST_CASE("one bit of a memory file can be flipped", "[io][memory]") {
  io::MemoryFileSystem files;
  write(*open_file(files, "/a"), 5000, "a");
  REQUIRE(files.flip_bit("/a", 5000 * 8 + 1).is_ok());
  CHECK(content(files, "/a").substr(5000) == "c");
  REQUIRE(files.flip_bit("/a", 0).is_ok());
  CHECK(content(files, "/a").front() == '\1');
  CHECK(files.flip_bit("/a", 5001 * 8).sys_errno() == EINVAL);
  CHECK(files.flip_bit("/b", 0).sys_errno() == ENOENT);
  REQUIRE(files.damage("/a", 4999, as_byte_view("zz")).is_ok());
  CHECK(content(files, "/a").substr(4998) == std::string("\0zz", 3));
}
