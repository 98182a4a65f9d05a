#include "plugins/sinks/kifa/store_pool.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "core/base/size_text.hpp"

namespace kifa::plugins::kifa_sink {

namespace {

// One option in which two users of a store may differ.
struct Difference {
  std::string_view option;
  std::string first;
  std::string second;
};

constexpr std::int64_t kWarnAgainNs = 60'000'000'000;

std::string yes_no(bool value) { return value ? "true" : "false"; }

// The first option in which `a` and `b` differ; an empty name when there is none.
Difference first_difference(const store::StoreOptions& a, const store::StoreOptions& b) {
  const Difference all[] = {
      {"flush_mode", std::string(to_string(a.flush_mode)), std::string(to_string(b.flush_mode))},
      {"segment_size_mib", std::to_string(a.segment_bytes >> 20U),
       std::to_string(b.segment_bytes >> 20U)},
      {"disk_budget", exact_size(a.disk_budget_bytes), exact_size(b.disk_budget_bytes)},
      {"memtable_flush_threshold_mib", std::to_string(a.memtable_flush_bytes >> 20U),
       std::to_string(b.memtable_flush_bytes >> 20U)},
      {"compaction_enabled", yes_no(a.compaction_enabled), yes_no(b.compaction_enabled)},
      {"compaction_threshold", std::to_string(a.compaction_threshold),
       std::to_string(b.compaction_threshold)},
      {"wal_backlog_max", exact_size(a.log_backlog_bytes_max), exact_size(b.log_backlog_bytes_max)},
      {"spare_segments", std::to_string(a.spare_segments), std::to_string(b.spare_segments)},
      {"retention_age", std::to_string(a.retention_age.count()) + "ns",
       std::to_string(b.retention_age.count()) + "ns"},
      {"retention_bytes", exact_size(a.retention_bytes), exact_size(b.retention_bytes)},
      {"retention_records", std::to_string(a.retention_records),
       std::to_string(b.retention_records)},
      {"trust_clock", yes_no(a.trust_clock), yes_no(b.trust_clock)},
      {"sync_records", std::to_string(a.sync_records), std::to_string(b.sync_records)},
      {"sync_bytes", exact_size(a.sync_bytes), exact_size(b.sync_bytes)},
      {"sync_interval", std::to_string(a.sync_interval.count()) + "ms",
       std::to_string(b.sync_interval.count()) + "ms"},
      {"commit_delay", std::to_string(a.commit_delay.count()) + "us",
       std::to_string(b.commit_delay.count()) + "us"},
      {"on_corruption", a.refuse_corruption ? "refuse" : "continue",
       b.refuse_corruption ? "refuse" : "continue"},
      {"allow_network_fs", yes_no(a.allow_network), yes_no(b.allow_network)},
  };
  const auto* const found = std::find_if(std::begin(all), std::end(all), [](const Difference& one) {
    return one.first != one.second;
  });
  return found == std::end(all) ? Difference{} : *found;
}

std::int32_t level_of(store::Severity severity) {
  switch (severity) {
    case store::Severity::info:
      return KIFA_LOG_INFO;
    case store::Severity::warning:
      return KIFA_LOG_WARN;
    default:
      return KIFA_LOG_ERROR;
  }
}

}  // namespace

kifa_status code_of(Code code) {
  switch (code) {
    case Code::ok:
      return KIFA_OK;
    case Code::invalid:
      return KIFA_INVALID;
    case Code::unavailable:
      return KIFA_UNAVAILABLE;
    case Code::locked:
      return KIFA_LOCKED;
    case Code::no_space:
      return KIFA_NO_SPACE;
    case Code::not_found:
    case Code::io:
      return KIFA_IO;
    case Code::corrupt:
      return KIFA_CORRUPT;
    case Code::unsupported:
      return KIFA_UNSUPPORTED;
    case Code::no_memory:
      return KIFA_NO_MEMORY;
    case Code::closed:
    case Code::internal:
      break;
  }
  return KIFA_INTERNAL;
}

sdk::Status to_sdk(const Status& status) {
  return status.is_ok() ? sdk::Status()
                        : sdk::Status(code_of(status.code()), status.message(), status.sys_errno());
}

void StoreUser::settle(std::uint64_t ticket, const store::Receipt& receipt) {
  const MutexLock lock(mutex_);
  if (!is_attached_) {
    return;
  }
  if (!receipt.status.is_ok() && !told_failure_) {
    told_failure_ = true;  // the batches behind fail for the same reason
    if (receipt.status.message() != last_error_) {
      host_.error(receipt.status.message());
    }
  }
  host_.settle(ticket, receipt.first_lsn.value, code_of(receipt.status.code()));
}

bool StoreUser::log(store::Severity severity, const std::string& message) {
  const MutexLock lock(mutex_);
  if (is_attached_) {
    host_.log(level_of(severity), message);
    if (severity == store::Severity::error) {
      last_error_ = message;
    }
  }
  return is_attached_;
}

void StoreUser::detach() {
  const MutexLock lock(mutex_);
  is_attached_ = false;
}

// Once, through whichever sink is still there: it is the store that speaks.
void SharedStore::report(store::Severity severity, const std::string& message) {
  const MutexLock lock(mutex_);
  for (const std::unique_ptr<StoreUser>& user : users_) {
    if (user->log(severity, message)) {
      return;
    }
  }
}

// In a burst against a small budget a store has no space for a moment again and again.
void SharedStore::hear(store::Severity severity, const std::string& message,
                       std::int64_t now_mono_ns) {
  if (severity == store::Severity::warning) {
    const MutexLock lock(mutex_);
    if (message == warned_ && now_mono_ns - warned_at_ns_ < kWarnAgainNs) {
      return;
    }
    warned_ = message;
    warned_at_ns_ = now_mono_ns;
  }
  report(severity, message);
}

Status SharedStore::shift_mode(std::int32_t step, std::uint64_t request) {
  const MutexLock lock(shift_mutex_);
  if (request == last_shift_) {
    return {};
  }
  last_shift_ = request;
  constexpr store::FlushMode kModes[] = {store::FlushMode::normal, store::FlushMode::cautious,
                                         store::FlushMode::emergency};
  const int now = static_cast<int>(store_->flush_mode());
  const int next = std::clamp(now + step, 0, 2);
  if (next == now) {
    report(store::Severity::info, "the flush mode stays " + std::string(to_string(kModes[now])) +
                                      ": there is no " + (step > 0 ? "safer" : "faster") + " one");
    return {};
  }
  KIFA_TRY(store_->set_flush_mode(kModes[next]));
  report(store::Severity::info, "flush mode " + std::string(to_string(kModes[now])) + " to " +
                                    std::string(to_string(kModes[next])));
  return {};
}

Result<StorePool::Lease> StorePool::acquire(sdk::Host host, const store::StoreOptions& options) {
  const MutexLock lock(mutex_);
  if (const Result<io::FileInfo> there = files_.info(options.directory); there) {
    for (const std::unique_ptr<SharedStore>& shared : stores_) {
      if (shared->id_ == there->id) {
        return join(*shared, host, options);
      }
    }
  }
  return open(host, options);
}

Result<StorePool::Lease> StorePool::join(SharedStore& shared, sdk::Host host,
                                         const store::StoreOptions& options) {
  const MutexLock lock(shared.mutex_);
  const StoreUser& opener = *shared.users_.front();
  const Difference difference = first_difference(opener.options(), options);
  if (!difference.option.empty()) {
    std::string message = "the sinks ";
    message += opener.name();
    message += " and ";
    message += host.instance_name();
    message += " both write to ";
    message += options.directory;
    message += " but differ in ";
    message += difference.option;
    message += " (" + difference.first + " and " + difference.second +
               "); give them the same value, or different directories";
    return Status(Code::invalid, std::move(message));
  }
  shared.users_.push_back(std::make_unique<StoreUser>(host, options));
  ++shared.attached_;
  return Lease{.store = &shared, .user = shared.users_.back().get()};
}

Result<StorePool::Lease> StorePool::open(sdk::Host host, const store::StoreOptions& options) {
  auto shared = std::make_unique<SharedStore>();
  Lease lease{.store = shared.get()};
  {
    const MutexLock lock(shared->mutex_);
    shared->users_.push_back(std::make_unique<StoreUser>(host, options));
    lease.user = shared->users_.back().get();
  }
  Result<std::unique_ptr<store::Store>> opened =
      opener_(options, {.files = files_,
                        .clock = clock_,
                        .report = [store = lease.store, &clock = clock_](
                                      store::Severity severity, const std::string& message) {
                          store->hear(severity, message, clock.now_mono_ns());
                        }});
  if (!opened) {
    return opened.error();
  }
  shared->store_ = std::move(*opened);
  const Result<io::FileInfo> facts = files_.info(options.directory);
  if (!facts) {
    ignore(shared->store_->close(), "the failure to look at the directory is the one to tell");
    return facts.error();
  }
  shared->id_ = facts->id;
  shared->attached_ = 1;
  stores_.push_back(std::move(shared));
  return lease;
}

Status StorePool::release(Lease lease) {
  const MutexLock lock(mutex_);
  if (--lease.store->attached_ > 0) {
    lease.user->detach();
    return {};
  }
  const Status closed = lease.store->store_->close();
  lease.user->detach();  // afterwards: what close() has to say is still heard
  std::erase_if(stores_, [&lease](const std::unique_ptr<SharedStore>& shared) {
    return shared.get() == lease.store;
  });
  return closed;
}

StorePool& process_stores() {
  static const SystemClock clock;
  static StorePool pool(&store::Store::open, io::posix_file_system(), clock);
  return pool;
}

}  // namespace kifa::plugins::kifa_sink
