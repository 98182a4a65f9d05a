#include "core/io/memory_faults.hpp"

namespace kifa::io {

std::string_view to_string(CallKind kind) {
  static constexpr std::array<std::string_view, kCallKindCount> kNames = {
      "open",           "write",  "read", "sync_data", "sync_all",       "resize", "info", "lock",
      "make_directory", "rename", "link", "remove",    "sync_directory", "list",   "facts"};
  return kNames.at(static_cast<std::size_t>(kind));
}

std::optional<Fault> FaultPlan::next(const CallInfo& call) {
  std::optional<Fault> struck;
  for (Armed& armed : faults_) {
    const Fault& fault = armed.fault;
    const bool is_kind = fault.effect == FaultEffect::short_write
                             ? call.kind == CallKind::write
                             : !fault.kind || *fault.kind == call.kind;
    if (!is_kind || call.path.find(fault.path_contains) == std::string::npos ||
        (fault.matches && !fault.matches(call))) {
      continue;
    }
    const std::uint64_t index = armed.matches++;
    if (!struck && (index == fault.index || (fault.is_lasting && index > fault.index))) {
      struck = fault;
    }
  }
  fired_ += struck ? 1U : 0U;
  return struck;
}

void CallGate::wait_until_held() {
  MutexLock lock(mutex_);
  while (!is_held_) {
    changed_.wait(lock);
  }
}

bool CallGate::is_held() {
  const MutexLock lock(mutex_);
  return is_held_;
}

void CallGate::release() {
  const MutexLock lock(mutex_);
  is_released_ = true;
  changed_.notify_all();
}

bool CallGate::takes(const CallInfo& call) {
  const MutexLock lock(mutex_);
  if (is_taken_ || is_released_ || !matches_(call)) {
    return false;
  }
  is_taken_ = true;
  return true;
}

void CallGate::hold() {
  MutexLock lock(mutex_);
  is_held_ = true;
  changed_.notify_all();
  while (!is_released_) {
    changed_.wait(lock);
  }
  is_held_ = false;
}

}  // namespace kifa::io
