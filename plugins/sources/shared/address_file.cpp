#include "plugins/sources/shared/address_file.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <string_view>

#include "plugins/sources/shared/descriptor.hpp"

namespace kifa::plugins {

sdk::Status write_address_file(const std::string& path, const std::vector<Address>& addresses) {
  std::string text;
  for (const Address& address : addresses) {
    text += address.text() + "\n";
  }
  const std::string fresh = path + ".new";
  const std::string what = "cannot write listen_address_file " + path;
  const auto refuse = [&](int error) {
    ::unlink(fresh.c_str());
    return sdk::Status(KIFA_IO, sdk::Status::from_errno(error, what).message(), error);
  };
  Descriptor file(
      ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!file.is_open()) {
    return refuse(errno);
  }
  std::string_view left = text;
  while (!left.empty()) {
    const ssize_t written = ::write(file.get(), left.data(), left.size());
    if (written < 0 && errno != EINTR) {
      return refuse(errno);
    }
    left.remove_prefix(static_cast<std::size_t>(written < 0 ? 0 : written));
  }
  file.close();
  return ::rename(fresh.c_str(), path.c_str()) == 0 ? sdk::Status() : refuse(errno);
}

}  // namespace kifa::plugins
