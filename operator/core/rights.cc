#include "operator/core/rights.h"

#include <algorithm>

namespace sidestep::op {
namespace {

using Names = std::vector<std::string>;

bool has(const Names& list, const std::string& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// [a, "", b/c]: as YAML takes it.
std::string listed(const Names& values) {
  std::string text;
  for (const std::string& value : values)
    text += (text.empty() ? "" : ", ") + (value.empty() ? "\"\"" : value);
  return "[" + text + "]";
}

std::string text_of(const std::string& group, const Names& resources, const Names& names,
                    const Names& verbs) {
  return "{apiGroups: " + listed({group}) + ", resources: " + listed(resources) +
         (names.empty() ? "" : ", resourceNames: " + listed(names)) + ", verbs: " + listed(verbs) + "}";
}

// The text between `before` and the next quotation mark.
std::string_view quoted_after(std::string_view text, std::string_view before) {
  const auto at = text.find(before);
  if (at == text.npos) return {};
  text.remove_prefix(at + before.size());
  return text.substr(0, text.find('"'));
}

// The configuration belongs to no namespace, whichever is watched.
void add_webhook(const OwnNames& own, std::vector<RightsRule>& rules) {
  if (own.webhook_secret.empty()) return;
  rules.push_back({"",
                   {"secrets"},
                   {"get", "patch"},
                   {own.webhook_secret},
                   own.name_space,
                   "the webhook's certificate is kept"});
  rules.push_back({"admissionregistration.k8s.io",
                   {"mutatingwebhookconfigurations"},
                   {"get", "patch"},
                   {own.webhook_configuration},
                   "",
                   "API servers trust the webhook"});
}

}  // namespace

std::vector<RightsRule> rights_needed(const OwnNames& own) {
  const Names read{"get", "list", "watch"};
  const std::string ours = "sidestep.dev";
  std::vector<RightsRule> rules{
      {ours, {"reloadpolicies"}, read, {}, "", "policies are seen"},
      {ours,
       {"reloads"},
       {"get", "list", "watch", "create", "delete"},
       {},
       "",
       "reloads are made and old ones removed"},
      {ours, {"reloads", "reloadpolicies"}, {"patch"}, {}, "", "a running reload has its finalizer"},
      {ours, {"reloadpolicies/status", "reloads/status"}, {"patch"}, {}, "", "the outcome is recorded"},
      {"apps", {"deployments", "statefulsets", "daemonsets"}, read, {}, "", "targets are seen"},
      {"", {"pods"}, read, {}, "", "pods are seen"},
      {"", {"pods"}, {"patch"}, {}, "", "the kubelet refreshes a pod's volumes before its candidate starts"},
      {"policy",
       {"poddisruptionbudgets"},
       read,
       {},
       "",
       "no reload makes more pods unavailable than their budget lets it"},
      {"", {"namespaces"}, read, {}, "", "a namespace that ends is not held up"},
      {"", {"configmaps"}, {"create"}, {}, "", "sidecars get the public keys"},
      {"", {"configmaps"}, {"get", "patch"}, {"sidestep-trust"}, "", "sidecars get the public keys"},
      {"events.k8s.io", {"events"}, {"create", "patch"}, {}, "", "people are told"},
      {"coordination.k8s.io", {"leases"}, {"create"}, {}, own.name_space, "one operator leads"},
      {"coordination.k8s.io",
       {"leases"},
       {"get", "patch"},
       {own.lease},
       own.name_space,
       "one operator leads"},
      {"", {"secrets"}, {"create"}, {}, own.name_space, "the signing key is made"},
      {"", {"secrets"}, {"get", "patch"}, {own.secret}, own.name_space, "the signing key is read"},
  };
  if (!own.watched.empty()) {
    std::erase_if(rules, [](const RightsRule& rule) { return has(rule.resources, "namespaces"); });
    for (RightsRule& rule : rules)
      if (rule.name_space.empty()) rule.name_space = own.watched;
  }
  add_webhook(own, rules);
  return rules;
}

std::vector<RightsQuestion> questions_of(const RightsRule& rule) {
  std::vector<RightsQuestion> questions;
  const Names any{""};
  for (const std::string& resource : rule.resources) {
    const auto slash = resource.find('/');
    const std::string sub = slash == resource.npos ? "" : resource.substr(slash + 1);
    for (const std::string& verb : rule.verbs) {
      for (const std::string& name : rule.names.empty() ? any : rule.names)
        questions.push_back({rule.group, resource.substr(0, slash), sub, verb, name, rule.name_space});
    }
  }
  return questions;
}

std::string rule_text(const RightsRule& rule, const std::vector<RightsQuestion>& missing) {
  Names resources, verbs;
  for (const RightsQuestion& each : missing) {
    const std::string resource = each.resource + (each.subresource.empty() ? "" : "/" + each.subresource);
    if (!has(resources, resource)) resources.push_back(resource);
    if (!has(verbs, each.verb)) verbs.push_back(each.verb);
  }
  return text_of(rule.group, resources, rule.names, verbs);
}

std::optional<std::string> rule_of_refusal(std::string_view message) {
  const auto cannot = message.find(" cannot ");
  if (cannot == message.npos) return std::nullopt;
  const std::string_view rest = message.substr(cannot + 8);
  const std::string verb(rest.substr(0, rest.find(' ')));
  const std::string resource(quoted_after(rest, "resource \""));
  if (resource.empty() || verb.empty()) return std::nullopt;
  const std::string_view subject = message.substr(0, cannot);
  const std::string name(quoted_after(subject, " \""));
  const bool is_named = subject.find(" \"" + name + "\" is forbidden") != subject.npos && verb != "create";
  return text_of(std::string(quoted_after(rest, "API group \"")), {resource},
                 is_named ? Names{name} : Names{}, {verb});
}

}  // namespace sidestep::op
