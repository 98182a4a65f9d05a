#include "examples/crash-test/cycle.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <new>

namespace crash {

using kifa::Status;

namespace {

constexpr useconds_t kLookUs = 500;
constexpr int kPatienceLooks = 60'000;         // half a minute for the first acknowledgement
constexpr std::uint64_t kWorkUsMax = 300'000;  // from the first acknowledgement to the crash
constexpr std::uint64_t kStartUsMax = 10'000;  // from the start to a kill that nobody counts
constexpr std::uint64_t kRecheck = 1'000;      // records of earlier cycles that each one looks at

void end(pid_t writer) {
  ::kill(writer, SIGKILL);
  while (::waitpid(writer, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

Cycles::Cycles(WriterOptions options, LoopDisk* disk)
    : options_(std::move(options)), disk_(disk), random_(options_.seed) {
  void* memory =
      ::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory != MAP_FAILED) {
    progress_ = new (memory) Progress;
  }
}

Cycles::~Cycles() {
  if (progress_ != nullptr) {
    ::munmap(progress_, sizeof(Progress));
  }
}

pid_t Cycles::start_writer() {
  std::fflush(nullptr);
  const pid_t writer = ::fork();
  if (writer == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const Status status = write_until_killed(options_, *progress_);
    if (disk_ == nullptr || progress_->opened_at == 0) {  // a cut is meant to make it fail
      std::fprintf(stderr, "crash-test: the writer ended: %s\n", status.message().c_str());
    }
    ::_exit(1);
  }
  return writer;
}

bool Cycles::wait_for_acknowledgement(pid_t writer) const {
  for (int looks = 0; looks < kPatienceLooks && progress_->acknowledged <= records_; ++looks) {
    siginfo_t ended{};
    ended.si_pid = 0;
    if (::waitid(P_PID, static_cast<id_t>(writer), &ended, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        ended.si_pid != 0) {
      break;
    }
    ::usleep(kLookUs);
  }
  return progress_->acknowledged > records_;
}

// Opening a store is work too, which a crash may interrupt.
Status Cycles::kill_in_start_up() {
  const pid_t writer = start_writer();
  if (writer < 0) {
    return Status::from_errno(errno, "cannot fork");
  }
  ::usleep(static_cast<useconds_t>(random_() % kStartUsMax));
  end(writer);
  return {};
}

Status Cycles::crash_writer() {
  const pid_t writer = start_writer();
  if (writer < 0) {
    return Status::from_errno(errno, "cannot fork");
  }
  if (wait_for_acknowledgement(writer)) {
    ::usleep(static_cast<useconds_t>(random_() % kWorkUsMax));
  }
  const Status cut = disk_ != nullptr ? disk_->cut_power() : Status();
  end(writer);
  KIFA_TRY(cut);
  return disk_ != nullptr ? disk_->restore_power() : Status();
}

Cycles::Outcome Cycles::run(bool checks_all) {
  Outcome outcome;
  if (progress_ == nullptr) {
    outcome.obstacle = Status(kifa::Code::no_memory, "cannot share memory with the writer");
    return outcome;
  }
  progress_->opened_at = 0;
  progress_->acknowledged = 0;
  progress_->attempted = 0;
  if (random_() % 4 == 0) {
    outcome.obstacle = kill_in_start_up();
  }
  if (outcome.obstacle) {
    outcome.obstacle = crash_writer();
  }
  if (!outcome.obstacle) {
    return outcome;
  }
  // Numbers of the writer go on from cycle to cycle; what was there before must be there still.
  const std::uint64_t acknowledged = std::max(progress_->acknowledged.load(), records_);
  outcome.acknowledged = acknowledged - records_;
  const std::uint64_t recheck = records_ - std::min(records_, kRecheck) + 1;
  const Finding finding =
      check_store(options_.directory, {.seed = options_.seed,
                                       .acknowledged = acknowledged,
                                       .attempted = std::max(progress_->attempted.load(), records_),
                                       .check_from = checks_all ? 1 : recheck});
  outcome.records = finding.records;
  outcome.violation = finding.violation;
  const std::uint64_t opened_at = progress_->opened_at;
  if (outcome.violation.empty() && opened_at != 0 && opened_at <= records_) {
    outcome.violation = "the writer found " + std::to_string(opened_at - 1) + " records where " +
                        std::to_string(records_) + " had been read";
  }
  records_ = finding.records;
  return outcome;
}

}  // namespace crash
