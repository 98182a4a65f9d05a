#include "core/base/status.hpp"

#include <cerrno>

#include "tests/support/catch.hpp"

using kifa::Code;
using kifa::Result;
using kifa::Status;

TEST_CASE("a status from errno names what failed and keeps the number", "[base]") {
  const Status status = Status::from_errno(ENOSPC, "cannot write wal-0000000000000001");
  CHECK_FALSE(status.is_ok());
  CHECK(status.code() == Code::no_space);
  CHECK(status.sys_errno() == ENOSPC);
  CHECK(status.message() == "cannot write wal-0000000000000001: No space left on device");
  CHECK(status.with_context("till-1").message() ==
        "till-1: cannot write wal-0000000000000001: No space left on device");
  CHECK(status.with_context("till-1").sys_errno() == ENOSPC);
}

TEST_CASE("a result holds a value or the reason why there is none", "[base]") {
  const Result<int> good = 7;
  CHECK(good.has_value());
  CHECK(good.status().is_ok());
  const Result<int> bad = Status(Code::corrupt, "the header is damaged");
  CHECK_FALSE(bad.has_value());
  CHECK(bad.status().code() == Code::corrupt);
}
