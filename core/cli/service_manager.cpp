#include "core/cli/service_manager.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <optional>

namespace kifa::cli {
namespace {

constexpr std::int64_t kMicrosecondNs = 1000;
constexpr std::int64_t kStopReserveUs = 5'000'000;  // for what comes after the time to stop
constexpr std::int64_t kWatchdogUsMax = 86'400'000'000;

std::int64_t number_of(const std::optional<std::string>& text) {
  std::int64_t number = 0;
  if (text) {
    std::from_chars(text->data(), text->data() + text->size(), number);
  }
  return number;
}

std::int64_t monotonic_us() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / kMicrosecondNs;
}

}  // namespace

ServiceManager::ServiceManager(const config::Environment& environment)
    : address_(environment("NOTIFY_SOCKET").value_or("")) {
  const bool is_usable = (address_.starts_with('/') || address_.starts_with('@')) &&
                         address_.size() < sizeof(sockaddr_un::sun_path);
  if (!is_usable) {
    return;
  }
  if (address_.front() == '@') {
    address_.front() = '\0';  // a name that is in no file system
  }
  descriptor_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const std::int64_t process = number_of(environment("WATCHDOG_PID"));
  const std::int64_t watchdog_us = number_of(environment("WATCHDOG_USEC"));
  if ((process == 0 || process == getpid()) && watchdog_us > 0 && watchdog_us <= kWatchdogUsMax) {
    alive_every_ns_ = watchdog_us * kMicrosecondNs / 2;  // twice before it is given up
  }
}

ServiceManager::~ServiceManager() {
  if (descriptor_ >= 0) {
    close(descriptor_);
  }
}

void ServiceManager::ready(std::string_view status) const {
  send(fmt::format("READY=1\nSTATUS={}", status));
}

void ServiceManager::reloading() const {
  send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", monotonic_us()));
}

void ServiceManager::stopping(std::int64_t timeout_ns) const {
  send(fmt::format("STOPPING=1\nEXTEND_TIMEOUT_USEC={}",
                   timeout_ns / kMicrosecondNs + kStopReserveUs));
}

void ServiceManager::alive() const { send("WATCHDOG=1"); }

void ServiceManager::send(std::string_view text) const {
  if (descriptor_ < 0) {
    return;
  }
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, address_.data(), address_.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  // Nobody is told when it is not taken.
  static_cast<void>(sendto(descriptor_, text.data(), text.size(), MSG_NOSIGNAL,
                           reinterpret_cast<const sockaddr*>(&name), size));
}

}  // namespace kifa::cli
