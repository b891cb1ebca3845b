#include "lib/policy/document.h"

#include <yaml-cpp/yaml.h>

namespace sidestep::policy {
namespace {

constexpr std::size_t kMostBytes = std::size_t{256} << 10;
constexpr int kMostValues = 20'000;
constexpr int kMostLevels = 64;

// Thrown and caught in this file only; yaml-cpp itself reports by exceptions.
struct TooLarge {
  std::string what;
  int line;
};

class Copier {
 public:
  Value copy(const YAML::Node& node, int level) {
    const int line = node.Mark().is_null() ? 0 : node.Mark().line + 1;
    if (level > kMostLevels) throw TooLarge{"nested deeper than 64 levels", line};
    if (++count_ > kMostValues) throw TooLarge{"more than 20000 values", line};
    Value value;
    value.line = line;
    switch (node.Type()) {
      case YAML::NodeType::Undefined:
      case YAML::NodeType::Null:
        break;
      case YAML::NodeType::Scalar:
        copy_scalar(node, value);
        break;
      case YAML::NodeType::Sequence:
        copy_list(node, level, value);
        break;
      case YAML::NodeType::Map:
        copy_map(node, level, value);
        break;
    }
    return value;
  }

 private:
  static void copy_scalar(const YAML::Node& node, Value& value) {
    value.kind = ValueKind::kScalar;
    value.quoted = node.Tag() == "!";
    value.text = node.Scalar();
  }
  void copy_list(const YAML::Node& node, int level, Value& value) {
    value.kind = ValueKind::kList;
    for (const YAML::Node& item : node) value.items.push_back(copy(item, level + 1));
  }
  void copy_map(const YAML::Node& node, int level, Value& value) {
    value.kind = ValueKind::kMap;
    for (const auto& member : node) {
      if (!member.first.IsScalar()) throw TooLarge{"a key that is not plain text", value.line};
      value.members.emplace_back(member.first.Scalar(), copy(member.second, level + 1));
    }
  }
  int count_ = 0;
};

Error at_line(std::string_view file_name, int line, const std::string& what) {
  return invalid(std::string(file_name) + ":" + std::to_string(line) + ": " + what);
}

}  // namespace

Result<Value> parse_document(std::string_view text, std::string_view file_name) {
  if (text.size() > kMostBytes) {
    return at_line(file_name, 1,
                   "the text has " + std::to_string(text.size()) + " bytes; at most 262144 are read");
  }
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(std::string(text));
    if (documents.size() > 1) {
      return at_line(file_name, documents[1].Mark().line + 1,
                     "a second document begins here; keep one ReloadPolicy per file");
    }
    if (documents.empty()) return Value{};
    return Copier().copy(documents[0], 0);
  } catch (const TooLarge& limit) {
    return at_line(file_name, limit.line, limit.what + "; a policy is smaller than that");
  } catch (const YAML::Exception& error) {
    return at_line(file_name, error.mark.is_null() ? 1 : error.mark.line + 1,
                   "not valid YAML or JSON: " + error.msg + "; mind indentation, quotes and brackets");
  }
}

}  // namespace sidestep::policy
