#include "core/cli/human.hpp"

#include <cstdint>

#include "tests/support/catch.hpp"

namespace kifa::cli {
namespace {

TEST_CASE("numbers for people have separators and units", "[cli]") {
  CHECK(with_separators(0) == "0");
  CHECK(with_separators(999) == "999");
  CHECK(with_separators(1000) == "1,000");
  CHECK(with_separators(1'000'000) == "1,000,000");
  CHECK(with_separators(UINT64_MAX) == "18,446,744,073,709,551,615");
  CHECK(bytes_for_people(1023) == "1023 B");
  CHECK(bytes_for_people(1024) == "1.0 KiB");
  CHECK(bytes_for_people(200'000'000) == "190.7 MiB");
  CHECK(bytes_for_people(UINT64_MAX) == "16.0 EiB");
  CHECK(counted(1, "gap") == "1 gap");
  CHECK(counted(0, "gap") == "0 gaps");
  CHECK(counted(1000, "record") == "1,000 records");
}

TEST_CASE("times are UTC, before 1970 and far ahead too", "[cli]") {
  CHECK(utc_text(0) == "1970-01-01 00:00:00.000 UTC");
  CHECK(utc_text(-1) == "1969-12-31 23:59:59.999 UTC");
  CHECK(utc_text(1'769'884'200'123'456'789) == "2026-01-31 18:30:00.123 UTC");
  CHECK(iso_text(1'769'884'200'123'456'789) == "2026-01-31T18:30:00.123456789Z");
  CHECK(iso_text(-1) == "1969-12-31T23:59:59.999999999Z");
  CHECK(iso_text(INT64_MAX) == "2262-04-11T23:47:16.854775807Z");
  CHECK(iso_text(1'709'164'800'000'000'000) == "2024-02-29T00:00:00.000000000Z");
}

}  // namespace
}  // namespace kifa::cli
