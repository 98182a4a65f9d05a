#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/config/document.hpp"

namespace kifa::cli {

// Tells the service manager that started this process how it is (sd_notify(3)): by a datagram to
// NOTIFY_SOCKET. Without one it tells nobody.
//
// Threads: confined.
// Errors:  none: a manager that does not hear is no reason not to work.
class ServiceManager final {
 public:
  explicit ServiceManager(const config::Environment& environment);
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;
  ~ServiceManager();

  void ready(std::string_view status) const;
  void reloading() const;
  // It may take so long.
  void stopping(std::int64_t timeout_ns) const;
  void alive() const;

  // How often alive() is to be called; 0: nobody watches.
  [[nodiscard]] std::int64_t alive_every_ns() const { return alive_every_ns_; }

 private:
  void send(std::string_view text) const;

  int descriptor_ = -1;  // -1: nobody listens
  std::string address_;  // as sun_path has it
  std::int64_t alive_every_ns_ = 0;
};

}  // namespace kifa::cli
