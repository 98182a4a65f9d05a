#pragma once

#include <kifa/sdk.hpp>

#include <string>
#include <vector>

#include "plugins/sources/shared/address.hpp"

namespace kifa::plugins {

// Writes the addresses to `path`, one a line; who sees the file sees all of it.
//
// Errors:  IO, with the option listen_address_file and the path.
sdk::Status write_address_file(const std::string& path, const std::vector<Address>& addresses);

}  // namespace kifa::plugins
