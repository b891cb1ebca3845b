#include "sidecar/io/handover_peers.h"

#include <utility>

namespace sidestep::sidecar {

HandoverGiver::HandoverGiver(EventLoop& loop, UniqueFd socket, std::function<Result<Gift>()> make,
                             std::function<void(const std::string&)> failed)
    : make_(std::move(make)), failed_(std::move(failed)), peer_(loop, std::move(socket), *this) {}

void HandoverGiver::on_frame(FramePeer& peer, const launch::Frame& frame) {
  if (frame.type != HandoverHello::kType || !make_) return;
  const auto hello = launch::decode<HandoverHello>(frame);
  if (!hello) return fail("the new worker's hello cannot be read");
  if (hello->version != kHandoverVersion) {
    return fail("version " + hello->program_version + " reads state of kind " +
                std::to_string(hello->version) + ", this one writes " + std::to_string(kHandoverVersion) +
                ": restart the proxy instead (docs/upgrade.md)");
  }
  Result<Gift> gift = std::exchange(make_, nullptr)();
  if (!gift) return fail(gift.error().detail);
  HandoverState message{encode(gift->state), gift->descriptors.size()};
  if (message.bytes.size() > launch::kMaxFrameBytes / 2)
    return fail("the state has " + std::to_string(message.bytes.size()) + " bytes, more than a frame takes");
  peer.send(launch::encode(message), std::move(gift->descriptors));
}

// The parent sees its end, and knows why.
void HandoverGiver::on_closed(FramePeer& /*peer*/) { make_ = nullptr; }

void HandoverGiver::fail(const std::string& why) {
  make_ = nullptr;
  if (const auto failed = std::exchange(failed_, nullptr)) failed(why);
}

HandoverTaker::HandoverTaker(EventLoop& loop, UniqueFd socket,
                             std::function<void(WorkerState, std::vector<UniqueFd>)> taken,
                             std::function<void(const std::string&)> failed)
    : taken_(std::move(taken)), failed_(std::move(failed)), peer_(loop, std::move(socket), *this) {
  peer_.send(launch::encode(HandoverHello{kHandoverVersion, SIDESTEP_VERSION}));
}

void HandoverTaker::on_frame(FramePeer& peer, const launch::Frame& frame) {
  if (frame.type != HandoverState::kType || !taken_) return;
  const auto message = launch::decode<HandoverState>(frame);
  auto state = message ? decode_worker_state(message->bytes) : std::nullopt;
  if (!state) return fail("the state of the present worker cannot be read");
  auto descriptors = peer.take_fds(message->descriptors);
  if (descriptors.size() != message->descriptors) {
    return fail(std::to_string(descriptors.size()) + " of " + std::to_string(message->descriptors) +
                " descriptors came with the state; is the limit of open files (ulimit -n) reached?");
  }
  failed_ = nullptr;
  std::exchange(taken_, nullptr)(std::move(*state), std::move(descriptors));
}

void HandoverTaker::on_closed(FramePeer& /*peer*/) {
  fail("the present worker closed the connection before its state came");
}

void HandoverTaker::fail(const std::string& why) {
  taken_ = nullptr;
  if (const auto failed = std::exchange(failed_, nullptr)) failed(why);
}

}  // namespace sidestep::sidecar
