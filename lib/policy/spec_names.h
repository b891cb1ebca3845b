// The words of the ReloadPolicy spec for each enum: one table per enum, used by the reader and the writer
// alike.
#pragma once

#include <array>
#include <string_view>

#include "lib/policy/fields.h"
#include "lib/policy/spec.h"

namespace sidestep::policy {

inline constexpr std::array<Named<ListenKind>, 2> kListenKinds{
    {{"port", ListenKind::kPort}, {"socket", ListenKind::kSocket}}};
inline constexpr std::array<Named<StrategyType>, 2> kStrategyTypes{
    {{"Overlap", StrategyType::kOverlap}, {"Hold", StrategyType::kHold}}};
inline constexpr std::array<Named<OnMemoryPressure>, 3> kMemoryPressures{
    {{"Refuse", OnMemoryPressure::kRefuse},
     {"Hold", OnMemoryPressure::kHold},
     {"Ignore", OnMemoryPressure::kIgnore}}};
inline constexpr std::array<Named<WebSocketDrain>, 2> kWebSocketDrains{
    {{"KeepUntilClosed", WebSocketDrain::kKeepUntilClosed}, {"CloseWith", WebSocketDrain::kCloseWith}}};
inline constexpr std::array<Named<OnNoTraffic>, 2> kOnNoTraffics{
    {{"Hold", OnNoTraffic::kHold}, {"Pass", OnNoTraffic::kPass}}};
inline constexpr std::array<Named<OnNoData>, 3> kOnNoDatas{
    {{"Hold", OnNoData::kHold}, {"Fail", OnNoData::kFail}, {"Pass", OnNoData::kPass}}};
inline constexpr std::array<Named<WebhookTime>, 3> kWebhookTimes{{{"BeforeStart", WebhookTime::kBeforeStart},
                                                                  {"EachStep", WebhookTime::kEachStep},
                                                                  {"Promote", WebhookTime::kPromote}}};
inline constexpr std::array<Named<SnapshotMode>, 2> kSnapshotModes{
    {{"Pinned", SnapshotMode::kPinned}, {"Live", SnapshotMode::kLive}}};

// REQUIRES: `value` stands in the table.
template <typename E, std::size_t N>
std::string_view name_of(E value, const std::array<Named<E>, N>& table) {
  for (const Named<E>& each : table) {
    if (each.value == value) return each.name;
  }
  return {};
}

}  // namespace sidestep::policy
