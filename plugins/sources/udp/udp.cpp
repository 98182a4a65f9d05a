// Source `udp`: what devices send as datagrams, over UDP or to unix sockets.
//
// One stream a socket; every datagram is a message of its own, with the attribute `peer`. It cannot
// be resumed, and nobody is told what was stored: what the kernel holds when kifa is killed is
// lost.
//
// What is lost while kifa runs is not lost silently. The kernel counts the datagrams that it drops
// at a socket; every poll ends by telling the new ones as a gap. A datagram that was cut is told so
// too. Drops behind the last datagram are asked for whenever a socket has run dry, and a socket
// that drops has not run dry, so nothing needs to be looked at by timer.
//
// Back-pressure is not to read: the kernel's buffer fills and then drops, counted; the sender at a
// unix socket waits.
//
// On a stop the doors are closed first, then what the kernel had accepted is taken in: what was
// received and what was told as lost is together what was sent.

#include <poll.h>
#include <unistd.h>
#include <kifa/sdk.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugins/sources/shared/address_file.hpp"
#include "plugins/sources/shared/notices.hpp"
#include "plugins/sources/udp/datagram_batch.hpp"
#include "plugins/sources/udp/receiver.hpp"
#include "plugins/sources/udp/senders.hpp"
#include "plugins/sources/udp/settings.hpp"

namespace {

namespace sdk = kifa::sdk;
using kifa::plugins::Address;
using kifa::plugins::Notices;
using kifa::plugins::write_address_file;
using kifa::plugins::udp_source::Datagram;
using kifa::plugins::udp_source::DatagramBatch;
using kifa::plugins::udp_source::kOptions;
using kifa::plugins::udp_source::read_settings;
using kifa::plugins::udp_source::Receiver;
using kifa::plugins::udp_source::Senders;
using kifa::plugins::udp_source::size_text;
using kifa::plugins::udp_source::UdpSettings;

enum class Notice : std::uint8_t { lost, truncated, not_allowed, count };

class Udp final : public sdk::Source {
 public:
  explicit Udp(sdk::Host host) : Source(host), warnings_(host) {}

  sdk::Status configure(const sdk::Settings& settings) override {
    if (sdk::Status read = read_settings(settings, settings_); read.failed()) {
      return read;
    }
    senders_.set_allowed(settings_.allow);
    received_ = host().counter("datagrams", "", "Datagrams that were taken in.");
    lost_ = host().counter("datagrams_lost", "", "Datagrams that the kernel dropped.");
    truncated_ = host().counter("datagrams_truncated", "", "Datagrams that were cut.");
    refused_ = host().counter("datagrams_refused", "", "Datagrams that `allow` turned away.");
    return {};
  }

  sdk::Status start() override {
    for (const Receiver::Options& options : settings_.receivers) {
      Port& port = ports_.emplace_back();
      if (sdk::Status opened = Receiver::open(options, port.receiver); opened.failed()) {
        ports_.clear();
        return opened;
      }
    }
    if (sdk::Status written = write_addresses(); written.failed()) {
      ports_.clear();
      return written;
    }
    for (const Port& port : ports_) {
      announce(*port.receiver);
    }
    batch_.open(settings_.datagram_bytes_max);
    turn_ = 0;
    is_draining_ = false;
    return {};
  }

  sdk::Status stop(std::int64_t /*deadline_mono_ns*/) override {
    close();
    if (std::exchange(address_file_written_, false)) {
      ::unlink(settings_.address_file.c_str());
    }
    return {};
  }

  sdk::Status poll(sdk::Emitter out, std::int64_t deadline_mono_ns) override {
    sdk::Status status = work(out, deadline_mono_ns);
    if (sdk::Status told = tell_losses(out); !told.is_ok()) {
      return not_taken_is_more(told, out);
    }
    if (status.code() == KIFA_END) {
      close();  // now: who sends from here on hears that nobody listens
    }
    return not_taken_is_more(status, out);
  }

  void descriptors(sdk::Descriptors& out) override {
    for (const Port& port : ports_) {
      out.add(port.receiver->fd(), POLLIN, KIFA_FD_INPUT);
    }
  }

 private:
  // A socket and its stream.
  struct Port {
    std::unique_ptr<Receiver> receiver;
    std::uint64_t stream = 0;  // 0: not open
    std::uint64_t position = 0;
    std::uint64_t cut_bytes = 0;  // of datagrams that were too long, not told yet
  };

  // ---- start and stop ----

  sdk::Status write_addresses() {
    if (settings_.address_file.empty()) {
      return {};
    }
    std::vector<Address> addresses;
    for (const Port& port : ports_) {
      addresses.push_back(port.receiver->address());
    }
    sdk::Status written = write_address_file(settings_.address_file, addresses);
    address_file_written_ = !written.failed();
    return written;
  }

  void announce(const Receiver& receiver) const {
    const std::string where = receiver.address().text();
    const std::uint64_t granted = receiver.receive_buffer_bytes();
    if (granted == 0) {
      host().info("listening on " + where);
      return;
    }
    host().info("listening on " + where + " with a receive buffer of " + size_text(granted));
    const auto asked = static_cast<std::uint64_t>(settings_.receive_buffer_bytes);
    if (granted < asked) {
      host().warn("the kernel grants a receive buffer of " + size_text(granted) + " at " + where +
                  " instead of the " + size_text(asked) +
                  " of receive_buffer, so bursts may be lost; raise the limit (sysctl -w "
                  "net.core.rmem_max=" +
                  std::to_string(asked) + ") or give kifa CAP_NET_ADMIN");
    }
  }

  void close() {
    ports_.clear();
    batch_.close();
    next_ = 0;
    senders_.clear();
  }

  // ---- receiving ----

  sdk::Status work(sdk::Emitter out, std::int64_t deadline_mono_ns) {
    sdk::Status status = open_streams(out);
    if (status.is_ok()) {
      status = give_batch(out);
    }
    if (status.is_ok() && out.draining() && !is_draining_) {
      status = begin_drain(out);
    }
    return status.is_ok() ? take(out, deadline_mono_ns) : status;
  }

  sdk::Status open_streams(sdk::Emitter out) {
    for (Port& port : ports_) {
      if (port.stream != 0) {
        continue;
      }
      const kifa_status status =
          out.open({.stream = last_stream_ + 1, .flags = KIFA_STREAM_DATAGRAM});
      if (status == KIFA_NO_MEMORY) {
        return sdk::Status::unavailable("there is no room for the stream of " +
                                        port.receiver->address().text());
      }
      if (status != KIFA_OK) {
        return status;
      }
      port.stream = ++last_stream_;
      port.position = 0;
    }
    return {};
  }

  // Gives each socket its turn, until all have run dry one after the other.
  sdk::Status take(sdk::Emitter out, std::int64_t deadline_mono_ns) {
    for (std::size_t dry = 0; dry < ports_.size();) {
      if (out.room() == 0) {
        return {};
      }
      const std::size_t asked = std::clamp<std::uint64_t>(out.room() / settings_.datagram_bytes_max,
                                                          1, batch_.capacity());
      if (sdk::Status received = receive(asked, out); !received.is_ok()) {
        return received;
      }
      // While draining a socket is empty only when it says so: nothing will wake us for the rest.
      const bool is_dry = is_draining_ ? batch_.size() == 0 : batch_.size() < asked;
      dry = is_dry ? dry + 1 : 0;
      if (dry < ports_.size() && host().now_mono_ns() >= deadline_mono_ns) {
        return {};
      }
    }
    ask_drops();
    return is_draining_ ? sdk::Status::end() : sdk::Status::again();
  }

  // From the socket whose turn it is.
  sdk::Status receive(std::size_t most, sdk::Emitter out) {
    const Receiver& receiver = *ports_[turn_].receiver;
    const int error = batch_.receive(receiver.fd(), most, receiver.address().is_unix());
    next_ = 0;
    batch_port_ = turn_;
    turn_ = (turn_ + 1) % ports_.size();
    if (error != 0 && error != EAGAIN && error != EINTR) {
      return {KIFA_UNAVAILABLE,
              sdk::Status::from_errno(error, "cannot receive at " + receiver.address().text())
                  .message(),
              error};
    }
    batch_unix_ns_ = host().now_unix_ns();
    received_.add(static_cast<double>(batch_.size()));
    return give_batch(out);
  }

  // Hands over what was received; AGAIN: the rest was not taken and waits.
  sdk::Status give_batch(sdk::Emitter out) {
    for (; next_ < batch_.size(); ++next_) {
      Port& port = ports_[batch_port_];
      const Datagram datagram = batch_.at(next_);
      if (sdk::Status given = give(datagram, port, out); !given.is_ok()) {
        return given;
      }
      if (datagram.drops) {
        port.receiver->note_drops(*datagram.drops);
      }
    }
    return {};
  }

  sdk::Status give(const Datagram& datagram, Port& port, sdk::Emitter out) {
    const Senders::Sender& sender = senders_.find(datagram);
    if (!sender.is_allowed) {
      refused_.add();
      warnings_.tell(Notice::not_allowed, "a datagram of " + sender.name +
                                              " is dropped: `allow` does not name its address");
      return {};
    }
    const std::uint64_t cut = datagram.sent_bytes - datagram.bytes.size();
    const std::string sent = cut == 0 ? std::string() : std::to_string(datagram.sent_bytes);
    const std::array<kifa_attr, 2> attrs = {
        {{sdk::to_abi(std::string_view("peer")), sdk::to_abi(std::string_view(sender.name))},
         {sdk::to_abi(std::string_view("datagram_bytes")), sdk::to_abi(std::string_view(sent))}}};
    const kifa_status status = out.chunk({.stream = port.stream,
                                          .data = datagram.bytes,
                                          .position = port.position,
                                          .observed_unix_ns = batch_unix_ns_,
                                          .attrs = std::span(attrs).first(cut == 0 ? 1 : 2)});
    if (status == KIFA_NO_MEMORY) {
      port.stream = 0;  // the host has ended it; the socket goes on with another one
      return open_streams(out);
    }
    if (status == KIFA_OK) {
      port.position += datagram.bytes.size();
      port.cut_bytes += cut;
      if (cut != 0) {
        truncated_.add();
      }
    }
    return status;
  }

  // To the host AGAIN means that only new input is worth another poll. Datagrams that wait are
  // worth one as soon as there is room: that is OK.
  sdk::Status not_taken_is_more(const sdk::Status& given, sdk::Emitter out) const {
    const bool waits = next_ < batch_.size() || out.draining();
    return given.code() == KIFA_AGAIN && waits ? sdk::Status::ok() : given;
  }

  // ---- losses ----

  void ask_drops() {
    for (Port& port : ports_) {
      port.receiver->ask_drops();
    }
  }

  // Once a poll and not at once: a gap ends its batch, and a flood drops after every datagram.
  sdk::Status tell_losses(sdk::Emitter out) {
    for (Port& port : ports_) {
      sdk::Status told = tell_lost(port, out);
      if (told.is_ok()) {
        told = tell_cut(port, out);
      }
      if (!told.is_ok()) {
        return told;
      }
    }
    return {};
  }

  sdk::Status tell_lost(Port& port, sdk::Emitter out) {
    const std::uint64_t lost = port.receiver->lost();
    if (lost == 0 || port.stream == 0) {
      return {};
    }
    const std::string where = port.receiver->address().text();
    const std::string detail = is_draining_
                                   ? "datagrams that came to " + where + " while kifa was stopping"
                                   : "datagrams that the kernel dropped at " + where;
    const kifa_status status = out.gap(
        {.stream = port.stream, .reason = KIFA_GAP_OVERFLOW, .records = lost, .detail = detail});
    if (status != KIFA_OK) {
      return status;
    }
    port.receiver->forget_lost();
    lost_.add(static_cast<double>(lost));
    if (!is_draining_) {
      warnings_.tell(Notice::lost,
                     "datagrams are lost: the kernel dropped " + std::to_string(lost) + " at " +
                         where + ", whose receive buffer of " +
                         size_text(port.receiver->receive_buffer_bytes()) +
                         " was full; raise receive_buffer, and net.core.rmem_max with it");
    }
    return {};
  }

  sdk::Status tell_cut(Port& port, sdk::Emitter out) {
    if (port.cut_bytes == 0 || port.stream == 0) {
      return {};
    }
    const std::string what = "datagrams at " + port.receiver->address().text() +
                             " were longer than datagram_bytes_max (" +
                             size_text(settings_.datagram_bytes_max) + ")";
    const kifa_status status = out.gap({.stream = port.stream,
                                        .reason = KIFA_GAP_TRUNCATED,
                                        .bytes = port.cut_bytes,
                                        .detail = what});
    if (status == KIFA_OK) {
      port.cut_bytes = 0;
      warnings_.tell(Notice::truncated, what + " and are cut; raise it");
    }
    return status;
  }

  // ---- the end ----

  // What has come by now is taken in and not a datagram more: a sender may never cease.
  sdk::Status begin_drain(sdk::Emitter out) {
    ask_drops();
    if (sdk::Status told = tell_losses(out); !told.is_ok()) {
      return told;
    }
    for (const Port& port : ports_) {
      port.receiver->stop_taking();
    }
    is_draining_ = true;
    return {};
  }

  UdpSettings settings_;
  bool address_file_written_ = false;
  sdk::Metric received_, lost_, truncated_, refused_;
  Notices<Notice> warnings_;

  std::vector<Port> ports_;
  std::uint64_t last_stream_ = 0;
  std::size_t turn_ = 0;  // of ports_: who is asked next
  Senders senders_;

  DatagramBatch batch_;
  std::size_t batch_port_ = 0;  // of ports_: where the batch came from
  std::int64_t batch_unix_ns_ = 0;
  std::size_t next_ = 0;  // of batch_: not handed over yet

  bool is_draining_ = false;
};

constexpr kifa_component kComponents[] = {
    sdk::source<Udp>("udp", "Receives datagrams over UDP and at unix sockets.", kOptions,
                     KIFA_SOURCE_BYTES | KIFA_SOURCE_LIVE)};

constexpr kifa_plugin kPlugin =
    sdk::plugin({"org.kifa.source.udp", "0.1.0", "kifa", "", "MIT OR Apache-2.0"}, kComponents);

}  // namespace

KIFA_PLUGIN(kPlugin);
