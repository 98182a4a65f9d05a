#pragma once

#include <cstdint>
#include <string>

namespace crash {

// The payload of record `number`, from 1: it tells its number and the seed, and no two are alike,
// so that what comes back can be checked without keeping what was sent. Up to 700 bytes.
[[nodiscard]] std::string payload_of(std::uint64_t number, std::uint64_t seed);

}  // namespace crash
