#include "core/cli/exit_code.hpp"

#include "tests/support/catch.hpp"

namespace kifa::cli {
namespace {

TEST_CASE("every kind of failure has its exit code", "[cli]") {
  CHECK(exit_code(Code::ok) == 0);
  CHECK(exit_code(Code::corrupt) == 65);
  CHECK(exit_code(Code::unsupported) == 65);
  CHECK(exit_code(Code::not_found) == 69);
  CHECK(exit_code(Code::unavailable) == 69);
  CHECK(exit_code(Code::locked) == 69);
  CHECK(exit_code(Code::io) == 74);
  CHECK(exit_code(Code::no_space) == 74);
  CHECK(exit_code(Code::no_memory) == 74);
  CHECK(exit_code(Code::closed) == 74);
  CHECK(exit_code(Code::internal) == 74);
  CHECK(exit_code(Code::invalid) == 78);
  CHECK(configuration_exit_code(Code::not_found) == 78);
  CHECK(configuration_exit_code(Code::unsupported) == 78);
  CHECK(configuration_exit_code(Code::corrupt) == 78);
  CHECK(configuration_exit_code(Code::io) == 74);
}

}  // namespace
}  // namespace kifa::cli
