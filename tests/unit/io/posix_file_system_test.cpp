#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/io/file_system.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

namespace io = kifa::io;
using kifa::as_byte_view;
using kifa::Code;
using kifa::Result;
using kifa::test::TemporaryDirectory;

namespace {

constexpr io::OpenOptions kCreate = {.access = io::Access::read_write, .create = true};

std::unique_ptr<io::File> open_file(const std::string& path, io::OpenOptions options = kCreate) {
  Result<std::unique_ptr<io::File>> file = io::posix_file_system().open(path, options);
  INFO(file.status().message());
  REQUIRE(file.has_value());
  return *std::move(file);
}

std::string read_text(io::File& file, std::uint64_t offset, std::size_t bytes) {
  std::string text(bytes, '\0');
  const Result<std::size_t> count =
      file.read_at(std::as_writable_bytes(std::span(text.data(), text.size())), offset);
  REQUIRE(count.has_value());
  text.resize(*count);
  return text;
}

// Occupies descriptor 0, 1 or 2 being closed for a scope.
class ClosedDescriptor final {
 public:
  explicit ClosedDescriptor(int number) : number_(number), saved_(::dup(number)) {
    ::close(number);
  }
  ClosedDescriptor(const ClosedDescriptor&) = delete;
  ClosedDescriptor& operator=(const ClosedDescriptor&) = delete;
  ~ClosedDescriptor() {
    ::dup2(saved_, number_);
    ::close(saved_);
  }

 private:
  int number_;
  int saved_;
};

}  // namespace

TEST_CASE("what is written can be read, also after the end of the file", "[io][posix]") {
  const TemporaryDirectory directory;
  const auto file = open_file(directory.file("a"));
  CHECK(file->write_at(as_byte_view("hello"), 3, io::WriteMode::buffered).value() == 5);
  CHECK(read_text(*file, 0, 100) == std::string("\0\0\0hello", 8));
  CHECK(read_text(*file, 8, 100).empty());
  CHECK(file->sync_data().is_ok());
  CHECK(file->sync_all().is_ok());
  CHECK(file->resize(4).is_ok());
  CHECK(read_text(*file, 0, 100) == std::string("\0\0\0h", 4));
  CHECK(file->info()->bytes == 4);
}

TEST_CASE("a created file is readable by its owner alone", "[io][posix]") {
  const TemporaryDirectory directory;
  const auto file = open_file(directory.file("a"));
  CHECK(file->info()->mode == 0600);
  CHECK(file->info()->type == io::FileType::regular);
  CHECK(io::posix_file_system().info(directory.file("a"))->id == file->info()->id);
}

TEST_CASE("descriptors stay above standard error and close on exec", "[io][posix]") {
  const TemporaryDirectory directory;
  std::unique_ptr<io::File> file;
  {
    const ClosedDescriptor closed(STDIN_FILENO);
    file = open_file(directory.file("a"));
    CHECK(::fcntl(STDIN_FILENO, F_GETFD) == -1);
  }
  struct stat wanted{};
  REQUIRE(::stat(directory.file("a").c_str(), &wanted) == 0);
  int found = -1;
  for (int number = 0; number < 256 && found < 0; ++number) {
    struct stat status{};
    if (::fstat(number, &status) == 0 && status.st_ino == wanted.st_ino &&
        status.st_dev == wanted.st_dev) {
      found = number;
    }
  }
  REQUIRE(found > STDERR_FILENO);
  CHECK((::fcntl(found, F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("a failed call names itself, the path and the reason", "[io][posix]") {
  const TemporaryDirectory directory;
  io::FileSystem& files = io::posix_file_system();
  const std::string missing = directory.file("missing");
  const auto opened = files.open(missing, {});
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().code() == Code::not_found);
  CHECK(opened.error().sys_errno() == ENOENT);
  CHECK(opened.error().message() == "cannot open " + missing + ": No such file or directory");
  CHECK(files.rename(missing, missing + "2").message() ==
        "cannot rename " + missing + " to " + missing + "2: No such file or directory");
  CHECK(files.link(missing, missing + "2").sys_errno() == ENOENT);
  CHECK(files.remove(missing).message() ==
        "cannot remove " + missing + ": No such file or directory");
  CHECK(files.sync_directory(missing).sys_errno() == ENOENT);
  CHECK(files.list(missing).error().sys_errno() == ENOENT);
  CHECK(files.info(missing).error().sys_errno() == ENOENT);
  CHECK(files.facts(missing).error().sys_errno() == ENOENT);
  CHECK(files.make_directory(directory.path(), 0700).sys_errno() == EEXIST);
}

TEST_CASE("a file opened for reading cannot be written", "[io][posix]") {
  const TemporaryDirectory directory;
  open_file(directory.file("a"));
  const auto file = open_file(directory.file("a"), {});
  const auto written = file->write_at(as_byte_view("x"), 0, io::WriteMode::buffered);
  REQUIRE_FALSE(written.has_value());
  CHECK(written.error().sys_errno() == EBADF);
}

TEST_CASE("exclusive creation refuses a file that is there", "[io][posix]") {
  const TemporaryDirectory directory;
  const io::OpenOptions exclusive = {
      .access = io::Access::read_write, .create = true, .exclusive = true};
  open_file(directory.file("a"), exclusive);
  const auto second = io::posix_file_system().open(directory.file("a"), exclusive);
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().sys_errno() == EEXIST);
}

TEST_CASE("a directory lists its entries by name and type", "[io][posix]") {
  const TemporaryDirectory directory;
  io::FileSystem& files = io::posix_file_system();
  open_file(directory.file("b"));
  open_file(directory.file("a"));
  REQUIRE(files.make_directory(directory.file("d"), 0700).is_ok());
  REQUIRE(::symlink("a", directory.file("l").c_str()) == 0);
  const auto entries = files.list(directory.path());
  REQUIRE(entries.has_value());
  REQUIRE(entries->size() == 4);
  const std::array<std::pair<std::string, io::FileType>, 4> wanted = {
      {{"a", io::FileType::regular},
       {"b", io::FileType::regular},
       {"d", io::FileType::directory},
       {"l", io::FileType::other}}};
  CHECK(std::ranges::equal(*entries, wanted, [](const auto& entry, const auto& pair) {
    return entry.name == pair.first && entry.type == pair.second;
  }));
  CHECK(files.sync_directory(directory.path()).is_ok());
  CHECK(files.info(directory.file("d"))->mode == 0700);
  CHECK(files.list(directory.file("a")).error().sys_errno() == ENOTDIR);
}

TEST_CASE("rename replaces, link shares and remove keeps the other name", "[io][posix]") {
  const TemporaryDirectory directory;
  io::FileSystem& files = io::posix_file_system();
  const auto file = open_file(directory.file("a"));
  open_file(directory.file("b"));
  REQUIRE(files.rename(directory.file("a"), directory.file("b")).is_ok());
  REQUIRE(files.link(directory.file("b"), directory.file("c")).is_ok());
  REQUIRE(files.remove(directory.file("b")).is_ok());
  CHECK(files.info(directory.file("c"))->id == file->info()->id);
  CHECK(files.list(directory.path())->size() == 1);
}

TEST_CASE("a lock belongs to one open file and ends with it", "[io][posix]") {
  const TemporaryDirectory directory;
  auto holder = open_file(directory.file("lock"));
  const auto other = open_file(directory.file("lock"));
  const auto reader = open_file(directory.file("lock"), {});
  CHECK_FALSE(reader->is_locked().value());
  CHECK(holder->try_lock_exclusive().value());
  CHECK(holder->try_lock_exclusive().value());  // again by the holder
  CHECK_FALSE(holder->is_locked().value());     // by another
  CHECK(reader->is_locked().value());
  CHECK_FALSE(other->try_lock_exclusive().value());
  holder.reset();
  CHECK_FALSE(reader->is_locked().value());
  CHECK(other->try_lock_exclusive().value());
}

TEST_CASE("a durable direct write of whole blocks is read back directly", "[io][posix]") {
  const TemporaryDirectory directory;
  const auto opened = io::posix_file_system().open(
      directory.file("a"), {.access = io::Access::read_write, .create = true, .direct = true});
  if (!opened) {
    CHECK(opened.error().code() == Code::unsupported);  // the temporary directory cannot
    return;
  }
  io::File& file = **opened;
  io::AlignedBuffer out(8192);
  std::ranges::fill(out.span(), std::byte{0x5a});
  CHECK(file.write_at(out.span(), 4096, io::WriteMode::durable).value() == 8192);
  io::AlignedBuffer in(16384);
  CHECK(file.read_at(in.span(), 0).value() == 12288);
  CHECK(in.data()[4095] == std::byte{0});
  CHECK(in.data()[4096] == std::byte{0x5a});
  REQUIRE(file.resize(4096 + 100).is_ok());
  CHECK(file.read_at(in.span(), 0).value() == 4096 + 100);  // a file that ends inside a block
}

TEST_CASE("a watched file tells that it was written to, once", "[io][posix]") {
  using std::chrono::milliseconds;
  const TemporaryDirectory directory;
  CHECK(io::posix_file_system().watch(directory.file("a")).error().code() == Code::not_found);
  const auto file = open_file(directory.file("a"));
  const auto other = open_file(directory.file("b"));
  auto watch = io::posix_file_system().watch(directory.file("a"));
  REQUIRE(watch.has_value());
  CHECK_FALSE((*watch)->wait(milliseconds(0)).value());
  REQUIRE(other->write_at(as_byte_view("b"), 0, io::WriteMode::buffered).has_value());
  CHECK_FALSE((*watch)->wait(milliseconds(0)).value());
  REQUIRE(file->write_at(as_byte_view("a"), 0, io::WriteMode::buffered).has_value());
  REQUIRE(file->write_at(as_byte_view("a"), 0, io::WriteMode::buffered).has_value());
  CHECK((*watch)->wait(std::chrono::minutes(1)).value());
  CHECK_FALSE((*watch)->wait(milliseconds(0)).value());
}

TEST_CASE("the facts of a file system know what memory is", "[io][posix]") {
  io::FileSystem& files = io::posix_file_system();
  const TemporaryDirectory directory;
  const auto facts = files.facts(directory.path());
  REQUIRE(facts.has_value());
  CHECK(facts->total_bytes >= facts->free_bytes);
  CHECK(facts->block_bytes >= 512);
  CHECK((facts->block_bytes & (facts->block_bytes - 1)) == 0);
  CHECK_FALSE(facts->type_name.empty());
  const auto memory = files.facts("/dev/shm");
  if (memory) {
    CHECK(memory->is_memory == (memory->type_name == "tmpfs"));
    CHECK_FALSE(memory->is_network);
  }
}

TEST_CASE("an aligned buffer is aligned as asked and moves", "[io]") {
  io::AlignedBuffer buffer(10'000, 65'536);
  CHECK(reinterpret_cast<std::uintptr_t>(buffer.data()) % 65'536 == 0);
  CHECK(buffer.size() == 10'000);
  const std::byte* memory = buffer.data();
  io::AlignedBuffer moved(std::move(buffer));
  CHECK(moved.data() == memory);
  io::AlignedBuffer assigned(16);
  assigned = std::move(moved);
  CHECK(assigned.data() == memory);
  CHECK(io::AlignedBuffer(0).span().empty());
}
