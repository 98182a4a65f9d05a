#include <kifa/sdk/settings.hpp>
#include <kifa/sdk/status.hpp>

#include <cerrno>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"

namespace kifa::sdk {
namespace {

kifa_error empty_error() {
  kifa_error error{};
  error.struct_size = sizeof error;
  return error;
}

kifa_setting setting(const char* name, std::uint32_t type) {
  kifa_setting made{};
  made.struct_size = sizeof made;
  made.type = type;
  made.name = name;
  return made;
}

std::string failure_of(const Settings& settings, void (*call)(const Settings&)) {
  try {
    call(settings);
  } catch (const Failure& failure) {
    CHECK(failure.status().code() == KIFA_INTERNAL);
    return failure.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a status says what happened", "[sdk][status]") {
  CHECK(Status().is_ok());
  CHECK_FALSE(Status::again().is_ok());
  CHECK_FALSE(Status::again().failed());
  CHECK_FALSE(Status::end().failed());
  CHECK(Status::invalid("x").failed());
  const Status full = Status::from_errno(ENOSPC, "cannot write /dev/lp0");
  CHECK(full.code() == KIFA_NO_SPACE);
  CHECK(full.sys_errno() == ENOSPC);
  CHECK(full.message() == "cannot write /dev/lp0: No space left on device");
  CHECK(Status::from_errno(ENODEV, "x").code() == KIFA_UNAVAILABLE);
  CHECK(Status::from_errno(EIO, "x").code() == KIFA_IO);
}

TEST_CASE("what a component throws becomes a status with a sentence", "[sdk][status]") {
  kifa_error error = empty_error();
  CHECK(detail::guarded(&error, [] { return Status::unavailable("the port is away"); }) ==
        KIFA_UNAVAILABLE);
  CHECK(std::string(error.message) == "the port is away");
  CHECK(detail::guarded(&error, []() -> Status { throw std::bad_alloc(); }) == KIFA_NO_MEMORY);
  CHECK(std::string(error.message) == "out of memory");
  CHECK(detail::guarded(&error, []() -> Status { throw std::runtime_error("boo"); }) ==
        KIFA_INTERNAL);
  CHECK(std::string(error.message) == "boo");
  CHECK(detail::guarded(&error, []() -> Status { throw 1; }) == KIFA_INTERNAL);
  CHECK(std::string(error.message) == "an exception of unknown type");
  CHECK(detail::guarded(
            &error, []() -> Status { throw Failure(Status(KIFA_IO, "broken", EIO)); }) == KIFA_IO);
  CHECK(error.sys_errno == EIO);
  CHECK(detail::guarded(&error, []() -> Status { throw Failure(Status::again()); }) ==
        KIFA_INTERNAL);
}

TEST_CASE("success leaves the error alone", "[sdk][status]") {
  kifa_error error = empty_error();
  CHECK(detail::guarded(&error, [] { return Status::again(); }) == KIFA_AGAIN);
  CHECK(error.code == KIFA_OK);
  CHECK(error.message[0] == '\0');
  CHECK(detail::guarded(nullptr, [] { return Status::invalid("nobody listens"); }) == KIFA_INVALID);
}

TEST_CASE("a long sentence is cut between characters", "[sdk][status]") {
  kifa_error error = empty_error();
  std::string sentence(510, 'x');
  sentence += "\xE2\x82\xA6\xE2\x82\xA6";  // two signs of three bytes; the first begins at 510
  CHECK(detail::report(&error, KIFA_IO, 0, sentence) == KIFA_IO);
  CHECK(std::string(error.message) == std::string(510, 'x'));
  CHECK(detail::report(&error, KIFA_IO, 0, std::string(600, 'y')) == KIFA_IO);
  CHECK(std::string(error.message) == std::string(511, 'y'));
  CHECK(detail::report(&error, KIFA_IO, 0, "") == KIFA_IO);
  CHECK(std::string(error.message) == "the component gave no reason");
}

TEST_CASE("structs that grew are walked by their stride", "[sdk][status]") {
  struct Grown {
    kifa_gap gap;
    std::uint64_t added;
  };
  std::vector<Grown> grown(3);
  for (std::size_t i = 0; i < grown.size(); ++i) {
    grown[i].gap.bytes = i + 1;
  }
  const Strided<kifa_gap> gaps(&grown[0].gap, 3, sizeof(Grown));
  std::uint64_t sum = 0;
  for (const kifa_gap& gap : gaps) {
    sum = sum * 10 + gap.bytes;
  }
  CHECK(sum == 123);
  CHECK(gaps[2].bytes == 3);
  CHECK(Strided<kifa_gap>().empty());
  CHECK(Strided<kifa_gap>(nullptr, 0, 0).begin() == Strided<kifa_gap>(nullptr, 0, 0).end());
}

TEST_CASE("settings are looked up by name and type", "[sdk][settings]") {
  const kifa_str list[] = {to_abi("a"), to_abi("b")};
  std::vector<kifa_setting> raw = {
      setting("flag", KIFA_TYPE_BOOL),        setting("count", KIFA_TYPE_INT),
      setting("ratio", KIFA_TYPE_DOUBLE),     setting("name", KIFA_TYPE_STRING),
      setting("wait", KIFA_TYPE_DURATION),    setting("room", KIFA_TYPE_SIZE),
      setting("names", KIFA_TYPE_STRING_LIST)};
  raw[0].integer = 1;
  raw[0].flags = KIFA_SETTING_DEFAULTED;
  raw[1].integer = -5;
  raw[2].number = 0.5;
  raw[3].text = to_abi("till");
  raw[4].integer = 250'000'000;
  raw[5].integer = 4096;
  raw[6].list = list;
  raw[6].list_count = 2;
  const Settings settings(raw.data(), static_cast<std::uint32_t>(raw.size()), sizeof(kifa_setting));
  CHECK(settings.boolean("flag"));
  CHECK_FALSE(settings.is_explicit("flag"));
  CHECK(settings.integer("count") == -5);
  CHECK(settings.is_explicit("count"));
  CHECK(settings.number("ratio") == Approx(0.5));
  CHECK(settings.text("name") == "till");
  CHECK(settings.duration_ns("wait") == 250'000'000);
  CHECK(settings.size_bytes("room") == 4096);
  CHECK(settings.list("names") == std::vector<std::string>{"a", "b"});
  CHECK(settings.has("name"));
  CHECK_FALSE(settings.has("nam"));
  CHECK(failure_of(settings, [](const Settings& s) { static_cast<void>(s.integer("gone")); }) ==
        "the setting 'gone' that the component asks for has no value");
  CHECK(failure_of(settings, [](const Settings& s) { static_cast<void>(s.integer("name")); }) ==
        "the setting 'name' that the component asks for has another type");
  CHECK(failure_of(settings, [](const Settings& s) { static_cast<void>(s.text("count")); }) ==
        "the setting 'count' that the component asks for has another type");
}

}  // namespace kifa::sdk
