// Pinned sources: volumes of the copies that the operator keeps, mounted optional, so that a pod starts also
// where there is none yet; SIDESTEP_PINS tells the launcher which mount they stand for.
#include <algorithm>

#include "lib/policy/pins.h"
#include "lib/policy/pod_inject_parts.h"

namespace sidestep::policy {
namespace {

// The volume that shows the source, showing the copy in its place.
Value volume_of_copy(const Value& original, const Source& source, const std::string& copy,
                     const std::string& name) {
  Value volume = original;
  const bool is_secret = source.kind == SourceKind::kSecret;
  member_of(volume, "name") = plain(name);
  Value& what = member_of(volume, is_secret ? "secret" : "configMap");
  member_of(what, is_secret ? "secretName" : "name") = plain(copy);
  member_of(what, "optional") = plain(std::string("true"));
  return volume;
}

Value mount_of_copy(const std::string& volume, const std::string& folder) {
  return map_of({{"name", plain(volume)},
                 {"mountPath", plain(folder)},
                 {"readOnly", plain(std::string("true"))}});
}

// Whole mounts alone: of others the content stays Live.
std::vector<std::string> whole_mounts(InjectRun& run, const Source& source) {
  std::vector<std::string> paths;
  for (const PinnedMount& mount : mounts_of(run.spec(), run.container(), source))
    if (text_at(*mount.where, "subPath").empty() && text_at(*mount.where, "subPathExpr").empty() &&
        mount.path.find_first_of("=,") == std::string::npos)
      paths.push_back(mount.path);
  return paths;
}

const Value* volume_of(const Value& spec, const Source& source) {
  const char* path = source.kind == SourceKind::kSecret ? "secret.secretName" : "configMap.name";
  for (const Value& volume : items_of(spec, "volumes"))
    if (text_at(volume, path) == source.name) return &volume;
  return nullptr;
}

// Adds the volumes of one source. Returns the name of the staged one.
std::string add_copies(InjectRun& run, const Source& source, std::size_t number) {
  const Value original = *volume_of(run.spec(), source);
  std::string staged;
  for (const Copy copy : {Copy::kKept, Copy::kStaged}) {
    const std::string name = "sidestep-" + std::string(to_string(copy)) + "-" + std::to_string(number);
    list_in(run.spec(), "volumes")
        .push_back(volume_of_copy(original, source, copy_name(run.settings.policy_name, source, copy), name));
    list_in(run.container(), "volumeMounts").push_back(mount_of_copy(name, copy_folder(source, copy)));
    staged = name;
  }
  return staged;
}

}  // namespace

void judge_pins(InjectRun& run) {
  if (run.settings.policy == nullptr) return;
  auto found = judge_pinned(run.spec(), run.container(), run.settings.place + run.container_place(),
                            *run.settings.policy);
  for (Finding& each : found) {
    each.is_warning = run.settings.admits_unpinned;
    (each.is_warning ? run.result.warnings : run.result.refusals).push_back(std::move(each));
  }
}

std::string add_pins(InjectRun& run, std::vector<Value>& mounts) {
  std::string pins;
  std::string told;
  if (run.settings.policy == nullptr || run.settings.policy_name.empty()) return told;
  const auto& sources = run.settings.policy->triggers.sources;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const Source& source = sources[i];
    const auto paths = whole_mounts(run, source);
    if (!source.is_pinned() || paths.empty()) continue;
    const std::string staged = add_copies(run, source, i);
    for (const std::string& path : paths)
      pins += (pins.empty() ? "" : ",") + path + "=" + copy_folder(source, Copy::kKept) + "=" +
              copy_folder(source, Copy::kStaged);
    const std::string folder = copy_folder(source, Copy::kStaged);
    mounts.push_back(mount_of_copy(staged, folder));
    told += (told.empty() ? "" : ",") + staged_text(run.settings.policy_name, source) + "=" + folder;
  }
  if (!pins.empty())
    list_in(run.container(), "env")
        .push_back(map_of({{"name", plain(std::string("SIDESTEP_PINS"))}, {"value", text_value(pins)}}));
  return told;
}

}  // namespace sidestep::policy
