#include "lib/policy/spec_triggers.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "lib/policy/cron.h"

namespace sidestep::policy {
namespace {

constexpr std::size_t kMostKeyBytes = 253;
constexpr std::array<Named<SourceMode>, 2> kSourceModes{
    {{"Live", SourceMode::kLive}, {"Pinned", SourceMode::kPinned}}};
constexpr std::array<Named<bool>, 2> kReloaderAnnotations{{{"Ignore", false}, {"Honor", true}}};

// `pattern` with '*' for any letters, as a shell reads it.
bool fits(std::string_view pattern, std::string_view text) {
  const auto star = pattern.find('*');
  if (star == pattern.npos) return pattern == text;
  if (!text.starts_with(pattern.substr(0, star))) return false;
  pattern.remove_prefix(star + 1);
  text.remove_prefix(star);
  if (pattern.empty()) return true;
  for (; !text.empty(); text.remove_prefix(1)) {
    if (fits(pattern, text)) return true;
  }
  return fits(pattern, text);
}

bool is_key_filter(std::string_view text) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '*';
  };
  // Each star may be tried at every letter: a few are all that anybody needs.
  return !text.empty() && text.size() <= kMostKeyBytes && std::all_of(text.begin(), text.end(), good) &&
         std::count(text.begin(), text.end(), '*') <= 3;
}

void read_keys(Fields& fields, std::string_view name, std::vector<std::string>& out) {
  for (const auto& [item, place] : fields.list(name, kMostKeyFilters)) {
    if (item->kind == ValueKind::kScalar && is_key_filter(item->text))
      out.push_back(item->text);
    else
      fields.complain(*item, name, "is no key; write letters, digits, '-', '_', '.', and at most three '*'");
  }
}

void read_sources(Fields& triggers, Mistakes& mistakes, SourceKind kind, std::vector<Source>& out) {
  const char* list = kind == SourceKind::kConfigMap ? "configMaps" : "secrets";
  for (const auto& [item, place] : triggers.list(list, kMostSources)) {
    Source source;
    source.kind = kind;
    Fields fields(*item, place, mistakes);
    fields.text("name", source.name, 253);
    read_keys(fields, "includeKeys", source.include_keys);
    read_keys(fields, "excludeKeys", source.exclude_keys);
    fields.one_of("mode", source.mode, kSourceModes);
    if (kind == SourceKind::kSecret) fields.boolean("copy", source.may_copy);
    fields.finish();
    if (kind == SourceKind::kSecret && source.is_pinned() && !source.may_copy)
      fields.complain("copy", "is needed for mode: Pinned, since copies of the Secret are kept beside it; write "
                              "copy: true, or mode: Live");
    if (!is_object_name(source.name))
      fields.complain("name", "is not an object's name; write lower-case letters, digits and '-'");
    fields.distinct("name", out, [&](const Source& other) { return other.text() == source.text(); });
    out.push_back(std::move(source));
  }
}

void read_schedule(Fields& triggers, std::optional<Schedule>& out) {
  if (triggers.find("schedule") == nullptr) return;
  Fields fields = triggers.child("schedule");
  Schedule schedule;
  fields.text("cron", schedule.cron, 128);
  fields.text("timeZone", schedule.time_zone, 64);
  fields.seconds("startingDeadlineSeconds", schedule.starting_deadline, {1, 86'400});
  fields.finish();
  if (const auto cron = parse_cron(schedule.cron); !cron) fields.complain("cron", cron.error().detail);
  out = std::move(schedule);
}

nlohmann::ordered_json sources_json(const Triggers& triggers, SourceKind kind) {
  auto list = nlohmann::ordered_json::array();
  for (const Source& source : triggers.sources) {
    if (source.kind != kind) continue;
    list.push_back({{"name", source.name}});
    if (!source.include_keys.empty()) list.back()["includeKeys"] = source.include_keys;
    if (!source.exclude_keys.empty()) list.back()["excludeKeys"] = source.exclude_keys;
    if (source.is_pinned()) list.back()["mode"] = "Pinned";  // else left out: older sidecars read the rest
    if (source.may_copy) list.back()["copy"] = true;
  }
  return list;
}

}  // namespace

std::string_view to_string(SourceKind kind) {
  return kind == SourceKind::kConfigMap ? "ConfigMap" : "Secret";
}

bool Source::counts(std::string_view key) const {
  const auto matches = [&](const std::string& pattern) { return fits(pattern, key); };
  if (std::any_of(exclude_keys.begin(), exclude_keys.end(), matches)) return false;
  return include_keys.empty() || std::any_of(include_keys.begin(), include_keys.end(), matches);
}

bool has_pinned(const Triggers& triggers) {
  return std::any_of(triggers.sources.begin(), triggers.sources.end(),
                     [](const Source& source) { return source.is_pinned(); });
}

bool is_object_name(std::string_view text) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  const auto inner = [&](char c) { return plain(c) || c == '-' || c == '.'; };
  return !text.empty() && plain(text.front()) && plain(text.back()) &&
         std::all_of(text.begin(), text.end(), inner);
}

void read_triggers(Fields& spec, Mistakes& mistakes, Triggers& out) {
  Fields fields = spec.child("triggers");
  read_sources(fields, mistakes, SourceKind::kConfigMap, out.sources);
  read_sources(fields, mistakes, SourceKind::kSecret, out.sources);
  fields.seconds("quietPeriodSeconds", out.quiet_period, {0, 3600});
  fields.seconds("maxWaitSeconds", out.max_wait, {1, 86'400});
  read_schedule(fields, out.schedule);
  fields.one_of("reloaderAnnotations", out.honors_reloader, kReloaderAnnotations);
  fields.finish();
  if (out.max_wait < out.quiet_period)
    fields.complain("maxWaitSeconds", "is less than quietPeriodSeconds; write at least " +
                                          std::to_string(out.quiet_period.count()));
}

nlohmann::ordered_json triggers_json(const Triggers& triggers) {
  nlohmann::ordered_json out{{"configMaps", sources_json(triggers, SourceKind::kConfigMap)},
                             {"secrets", sources_json(triggers, SourceKind::kSecret)},
                             {"quietPeriodSeconds", triggers.quiet_period.count()},
                             {"maxWaitSeconds", triggers.max_wait.count()}};
  if (triggers.schedule) {
    out["schedule"] = {{"cron", triggers.schedule->cron},
                       {"timeZone", triggers.schedule->time_zone},
                       {"startingDeadlineSeconds", triggers.schedule->starting_deadline.count()}};
  }
  if (triggers.honors_reloader) out["reloaderAnnotations"] = "Honor";
  return out;
}

}  // namespace sidestep::policy
