#include "plugins/sources/tcp/entrance.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <utility>

namespace kifa::plugins::tcp_source {

namespace {

// Of one listener in one round: fewer than the connections that have their turn in it, so that ends
// are seen faster than places are taken.
constexpr int kAcceptsMax = 16;
constexpr int kDrainAcceptsMax = 4096;  // more than a queue of listen() holds
// Descriptors that are left to the rest of kifa: a store without one cannot go on.
constexpr std::size_t kDescriptorsForOthers = 64;
constexpr std::int64_t kRestNs = 1'000'000'000;  // after accept() found no memory
constexpr std::int64_t kNever = Connections::kNever;
// Events of listeners have their index behind this bit, those of connections their stream.
constexpr std::uint64_t kListenerBit = std::uint64_t{1} << 63U;

}  // namespace

Entrance::Entrance(sdk::Host host, PeerNotices& notices, Connections& connections)
    : host_(host),
      notices_(notices),
      connections_(connections),
      acceptor_(notices),
      handshakes_(host, notices, connections.input()) {}

void Entrance::register_metrics() {
  accepted_ = host_.counter("connections_accepted", "", "Connections that were let in.");
  refused_ = host_.counter("connections_refused", "", "Connections that were turned away.");
}

sdk::Status Entrance::open(const Options& options) {
  options_ = options;
  if (!options_.tls.certificate.empty()) {
    if (sdk::Status opened = TlsContext::open(options_.tls, host_, tls_); opened.failed()) {
      return opened;
    }
  }
  handshakes_.open(options_.handshakes);
  limit_connections();
  if (sdk::Status opened = acceptor_.open(options_.acceptor); opened.failed()) {
    return opened;
  }
  listen(EPOLLIN, true);
  return {};
}

void Entrance::close() {
  handshakes_.close();
  acceptor_.close();
  tls_.reset();
  rest_until_ns_ = kNever;
  waits_for_place_ = false;
}

void Entrance::limit_connections() {
  const std::size_t limit =
      raise_descriptor_limit(options_.connections_max + kDescriptorsForOthers);
  connections_max_ = std::min(options_.connections_max,
                              limit > kDescriptorsForOthers ? limit - kDescriptorsForOthers : 1);
  if (connections_max_ < options_.connections_max) {
    host_.warn("at most " + std::to_string(connections_max_) +
               " connections instead of max_connections " +
               std::to_string(options_.connections_max) + ": the process may have " +
               std::to_string(limit) + " open files; raise that limit (ulimit -n, LimitNOFILE)");
  }
}

// Waits for connections at every listener, or for none.
void Entrance::listen(std::uint32_t events, bool is_new) {
  std::uint64_t number = kListenerBit;
  for (const auto& listener : acceptor_.listeners()) {
    if (is_new) {
      connections_.input().add(listener->fd(), events, number);
    } else {
      connections_.input().change(listener->fd(), events, number);
    }
    ++number;
  }
}

bool Entrance::is_mine(std::uint64_t number) {
  return (number & (kListenerBit | Handshakes::kBit)) != 0;
}

sdk::Status Entrance::ready(std::uint64_t number, sdk::Emitter out) {
  if ((number & kListenerBit) != 0) {
    return let_in(*acceptor_.listeners()[number - kListenerBit], kAcceptsMax, out);
  }
  go_on(number, out);
  return {};
}

void Entrance::look_at_time() {
  if (rest_until_ns_ != kNever && host_.now_mono_ns() >= rest_until_ns_) {
    rest_until_ns_ = kNever;
    if (!waits_for_place_) {
      listen(EPOLLIN);
    }
  }
  refused_.add(static_cast<double>(handshakes_.end_overdue()));
}

void Entrance::look_for_place() {
  if (std::exchange(waits_for_place_, false) && rest_until_ns_ == kNever) {
    listen(EPOLLIN);
  }
}

std::int64_t Entrance::next_time() const {
  return std::min(rest_until_ns_, handshakes_.next_time());
}

void Entrance::let_in_last(sdk::Emitter out) {
  for (const auto& listener : acceptor_.listeners()) {
    // A listener that fails has nothing to drain.
    static_cast<void>(let_in(*listener, kDrainAcceptsMax, out));
  }
  // Whose handshake is not done has sent nothing yet that could be lost.
  handshakes_.close();
  acceptor_.close();
  rest_until_ns_ = kNever;
}

bool Entrance::is_full() const {
  return connections_.size() + handshakes_.size() >= connections_max_;
}

// At the end there is no waiting any more: who waits at the door comes in beside those that have
// ended, as far as descriptors are left.
bool Entrance::is_full_at_last() const {
  const std::size_t taken = connections_.size() + handshakes_.size();
  return taken - connections_.settling() >= connections_max_ ||
         taken >= connections_max_ + kDescriptorsForOthers / 2;
}

// The kernel keeps who comes meanwhile, and what they send.
void Entrance::wait_for_place() {
  notices_.tell(Notice::waits_for_store,
                "devices wait to be let in: " + std::to_string(connections_.settling()) +
                    " of the " + std::to_string(connections_max_) +
                    " places are kept by connections that have ended, until the store has their "
                    "records; when that lasts, the disk is too slow or max_connections too small");
  waits_for_place_ = true;
  listen(0);
}

sdk::Status Entrance::let_in(const Listener& listener, int most, sdk::Emitter out) {
  for (int i = 0; i < most; ++i) {
    if (is_full() && connections_.settling() > 0 && !out.draining()) {
      wait_for_place();
      return {};
    }
    Acceptor::Peer peer;
    switch (acceptor_.accept(listener, out.draining() ? is_full_at_last() : is_full(), peer)) {
      case Acceptor::Outcome::accepted:
        if (tls_ != nullptr && !listener.address().is_unix()) {
          refused_.add(static_cast<double>(handshakes_.begin(*tls_, std::move(peer))));
        } else {
          open_stream({.channel = Channel(std::move(peer.socket)),
                       .peer = std::move(peer.name),
                       .certificate = {}},
                      out);
        }
        break;
      case Acceptor::Outcome::turned_away:
        refused_.add();
        break;
      case Acceptor::Outcome::nobody:
        return {};
      case Acceptor::Outcome::starved:
        listen(0);
        rest_until_ns_ = host_.now_mono_ns() + kRestNs;
        return {};
      case Acceptor::Outcome::failed:
        return sdk::Status::unavailable("the socket at " + listener.address().text() +
                                        " does not accept connections any more");
    }
  }
  return {};
}

void Entrance::go_on(std::uint64_t number, sdk::Emitter out) {
  Handshakes::Proved proved;
  switch (handshakes_.advance(number, proved)) {
    case Handshakes::Outcome::done:
      open_stream(std::move(proved), out);
      break;
    case Handshakes::Outcome::failed:
      refused_.add();
      break;
    case Handshakes::Outcome::waits:
    case Handshakes::Outcome::unknown:
      break;
  }
}

void Entrance::open_stream(Handshakes::Proved proved, sdk::Emitter out) {
  const std::string name = proved.peer;
  const std::string certificate = proved.certificate;
  const std::array<kifa_attr, 2> attrs = {
      {{sdk::to_abi(std::string_view("peer")), sdk::to_abi(std::string_view(name))},
       {sdk::to_abi(std::string_view("certificate")), sdk::to_abi(std::string_view(certificate))}}};
  const std::uint64_t stream = ++last_stream_;
  if (connections_.add(stream, std::move(proved.channel), name) != nullptr) {
    const kifa_status opened =
        out.open({.stream = stream,
                  .flags = KIFA_STREAM_REPLY,
                  .attrs = std::span(attrs).first(certificate.empty() ? 1 : 2)});
    if (opened == KIFA_OK) {
      accepted_.add();
      return;
    }
    connections_.release(stream);
  }
  refused_.add();
  notices_.tell(Notice::no_room, name + " is turned away: there is no room for one stream more");
}

}  // namespace kifa::plugins::tcp_source
