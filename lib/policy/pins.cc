#include "lib/policy/pins.h"

#include <algorithm>

#include "lib/policy/signature.h"

namespace sidestep::policy {
namespace {

constexpr std::size_t kMostOfName = 63;
constexpr std::size_t kDigestDigits = 8;

// A piece of a name that another piece follows.
std::string piece(std::string_view name) {
  std::string text(name.substr(0, kMostOfName));
  while (!text.empty() && (text.back() == '.' || text.back() == '-')) text.pop_back();
  return text;
}

bool is_secret(const Source& source) { return source.kind == SourceKind::kSecret; }

bool is_volume_of(const Value& volume, const Source& source) {
  return text_at(volume, is_secret(source) ? "secret.secretName" : "configMap.name") == source.name;
}

bool projects(const Value& volume, const Source& source) {
  const Value* projected = field(&volume, "projected");
  if (projected == nullptr) return false;
  const auto& parts = items_of(*projected, "sources");
  return std::any_of(parts.begin(), parts.end(), [&](const Value& part) {
    return text_at(part, is_secret(source) ? "secret.name" : "configMap.name") == source.name;
  });
}

bool is_inside(std::string_view path, const std::string& folder) {
  return path == folder || path.starts_with(folder + "/");
}

std::string without_last_slashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

// One container and one source on the way through the rules.
class PinJudge {
 public:
  PinJudge(const Value& spec, const Value& container, const std::string& place, const Source& source,
           const PolicySpec& policy, std::vector<Finding>& findings)
      : spec_(spec),
        container_(container),
        place_(place),
        source_(source),
        policy_(policy),
        findings_(findings) {}

  void judge() {
    judge_environment();
    bool is_mounted = false;
    for (const Value& mount : items_of(container_, "volumeMounts"))
      is_mounted = judge_mount(mount) || is_mounted;
    if (!is_mounted && !has_complained_)
      complain(container_, "volumeMounts", "",
               "shows " + source_.text() +
                   " nowhere, so that it cannot be pinned; mount it as a volume, or write mode: Live");
  }

 private:
  void complain(const Value& where, const std::string& field, std::string value, std::string wrong_and_fix) {
    findings_.push_back(
        {where.line, place_ + "." + field, std::move(value), std::move(wrong_and_fix)});
    has_complained_ = true;
  }

  void judge_environment() {
    const std::string cannot =
        " is read anew whenever the container starts, so it cannot be pinned; mount it as a volume, or write "
        "mode: Live";
    for (const Value& each : items_of(container_, "envFrom"))
      if (text_at(each, is_secret(source_) ? "secretRef.name" : "configMapRef.name") == source_.name)
        complain(each, "envFrom", source_.name, source_.text() + cannot);
    for (const Value& each : items_of(container_, "env"))
      if (text_at(each, is_secret(source_) ? "valueFrom.secretKeyRef.name"
                                           : "valueFrom.configMapKeyRef.name") == source_.name)
        complain(each, "env[" + text_at(each, "name") + "].valueFrom", source_.name, source_.text() + cannot);
  }

  // True: it shows the source.
  bool judge_mount(const Value& mount) {
    for (const Value& volume : items_of(spec_, "volumes")) {
      if (text_at(volume, "name") != text_at(mount, "name")) continue;
      if (projects(volume, source_)) {
        complain(mount, "volumeMounts", text_at(mount, "name"),
                 "shows " + source_.text() +
                     " in a projected volume, where it cannot be pinned; give it a volume of its own");
        return true;
      }
      if (is_volume_of(volume, source_)) {
        judge_whole(mount, volume);
        return true;
      }
    }
    return false;
  }

  void judge_whole(const Value& mount, const Value& volume) {
    const std::string sub_path = text_at(mount, "subPath") + text_at(mount, "subPathExpr");
    const std::string path = without_last_slashes(text_at(mount, "mountPath"));
    if (!sub_path.empty())
      return complain(mount, "volumeMounts", sub_path,
                      "a subPath of " + source_.text() + " cannot be pinned; mount the folder");
    if (at_path(volume, is_secret(source_) ? "secret.items" : "configMap.items") != nullptr)
      return complain(volume, "volumes[" + text_at(volume, "name") + "].items", source_.name,
                      "a part of " + source_.text() + " cannot be pinned; leave items out");
    if (path.find_first_of("=,") != std::string::npos)
      return complain(mount, "volumeMounts", path,
                      "holds '=' or ',', which a pinned source's path must not; mount it elsewhere");
    const bool is_copied =
        std::any_of(policy_.config.begin(), policy_.config.end(), [&](const ConfigSource& config) {
          const std::string copied = without_last_slashes(config.path);
          return config.mode == SnapshotMode::kPinned && (is_inside(copied, path) || is_inside(path, copied));
        });
    if (!is_copied)
      complain(mount, "volumeMounts", path,
               "is not copied for each generation, so " + source_.text() +
                   " cannot be pinned; add config: [{path: " + path +
                   "}] to the policy and let the app read {config} or $SIDESTEP_CONFIG");
    else
      judge_words(path);
  }

  // An app that is told of the mount itself reads what the source holds now.
  void judge_words(const std::string& path) {
    const auto names_path = [&](const std::string& text) {
      const auto at = text.find(path);
      const auto end = at == std::string::npos ? at : at + path.size();
      return at != std::string::npos && (end == text.size() || text[end] == '/' || text[end] == ' ');
    };
    const std::string fix = "is what " + source_.text() + " holds now, pinned or not; write {config} in its place";
    for (const char* list : {"command", "args"})
      for (const Value& word : items_of(container_, list))
        if (names_path(word.text)) complain(word, list, word.text, fix);
    for (const Value& each : items_of(container_, "env"))
      if (const std::string value = text_at(each, "value");
          text_at(each, "name") != "SIDESTEP_PINS" && names_path(value))
        complain(each, "env[" + text_at(each, "name") + "]", value, fix);
  }

  const Value& spec_;
  const Value& container_;
  const std::string& place_;
  const Source& source_;
  const PolicySpec& policy_;
  std::vector<Finding>& findings_;
  bool has_complained_ = false;
};

}  // namespace

std::string_view to_string(Copy copy) {
  switch (copy) {
    case Copy::kKept:
      return "kept";
    case Copy::kStaged:
      return "staged";
    case Copy::kPrevious:
      return "previous";
  }
  return "kept";
}

std::string copy_name(std::string_view policy, const Source& source, Copy copy) {
  const std::string digest = sha256_hex(std::string(policy) + "\n" + source.text()).substr(0, kDigestDigits);
  return "sidestep-" + std::string(to_string(copy)) + "-" + piece(policy) + "-" + piece(source.name) + "-" +
         digest;
}

bool is_copy_name(std::string_view name) {
  for (const char* prefix : {"sidestep-kept-", "sidestep-staged-", "sidestep-previous-"})
    if (name.starts_with(prefix)) return true;
  return false;
}

std::string staged_text(std::string_view policy, const Source& source) {
  return std::string(to_string(source.kind)) + "/" + copy_name(policy, source, Copy::kStaged);
}

std::string copy_folder(const Source& source, Copy copy) {
  return "/etc/sidestep/" + std::string(to_string(copy)) + "/" +
         (is_secret(source) ? "secret-" : "configmap-") + source.name;
}

std::vector<PinnedMount> mounts_of(const Value& pod_spec, const Value& container, const Source& source) {
  std::vector<PinnedMount> found;
  for (const Value& volume : items_of(pod_spec, "volumes")) {
    if (!is_volume_of(volume, source)) continue;
    for (const Value& mount : items_of(container, "volumeMounts"))
      if (text_at(mount, "name") == text_at(volume, "name"))
        found.push_back({without_last_slashes(text_at(mount, "mountPath")), &mount});
  }
  return found;
}

std::vector<Finding> judge_pinned(const Value& pod_spec, const Value& container, const std::string& place,
                                  const PolicySpec& policy) {
  std::vector<Finding> findings;
  for (const Source& source : policy.triggers.sources)
    if (source.is_pinned()) PinJudge(pod_spec, container, place, source, policy, findings).judge();
  return findings;
}

}  // namespace sidestep::policy
