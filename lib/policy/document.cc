#include "lib/policy/document.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "lib/base/utf8.h"

namespace sidestep::policy {
namespace {

constexpr std::size_t kMostBytes = std::size_t{256} << 10;
constexpr int kMostValues = 20'000;
constexpr std::size_t kMostLevels = 64;

// Thrown and caught in this file only; yaml-cpp itself reports by exceptions.
struct Refusal {
  int line;
  std::string what;
};

int line_of(const YAML::Mark& mark) { return mark.is_null() ? 0 : mark.line + 1; }

int values_in(const Value& value) {
  int count = 1;
  for (const Value& item : value.items) count += values_in(item);
  for (const Member& member : value.members) count += values_in(member.value);
  return count;
}

// Builds the tree from the parser's events. yaml-cpp's own tree is not used: reading all documents with it
// never ends for some texts, and its aliases hide how large a document is once they are followed.
class TreeBuilder : public YAML::EventHandler {
 public:
  Value take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) {
      throw Refusal{line_of(mark), "a second document begins here; keep one ReloadPolicy per file"};
    }
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Value value;
    value.line = line_of(mark);
    add(std::move(value), anchor);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    if (!is_utf8(text)) throw Refusal{line_of(mark), "a value that is not UTF-8; save the file as UTF-8"};
    Value value;
    value.line = line_of(mark);
    value.kind = ValueKind::kScalar;
    value.quoted = tag == "!" || tag == "tag:yaml.org,2002:str";
    value.text = text;
    const bool is_null = !value.quoted && (text.empty() || text == "~" || text == "null");
    if (is_null) value.kind = ValueKind::kNull;
    add(std::move(value), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw Refusal{line_of(mark), "an alias to a value that contains it"};
    count_ += values_in(found->second) - 1;  // what the copy below is made of
    add(found->second, YAML::NullAnchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, ValueKind::kList, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, ValueKind::kMap, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    Value value;
    YAML::anchor_t anchor = YAML::NullAnchor;
    bool has_key = false;  // of a map: the last member waits for its value
  };

  void open(const YAML::Mark& mark, ValueKind kind, YAML::anchor_t anchor) {
    if (open_.size() >= kMostLevels) throw Refusal{line_of(mark), "nested deeper than 64 levels"};
    Open next;
    next.value.kind = kind;
    next.value.line = line_of(mark);
    next.anchor = anchor;
    open_.push_back(std::move(next));
  }
  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    add(std::move(done.value), done.anchor);
  }
  void add(Value value, YAML::anchor_t anchor) {
    if (++count_ > kMostValues) throw Refusal{value.line, "more than 20000 values"};
    if (anchor != YAML::NullAnchor) anchors_[anchor] = value;
    if (open_.empty()) {
      root_ = std::move(value);
      return;
    }
    Open& parent = open_.back();
    if (parent.value.kind == ValueKind::kList) {
      parent.value.items.push_back(std::move(value));
    } else if (parent.has_key) {
      parent.value.members.back().value = std::move(value);
      parent.has_key = false;
    } else {
      const bool is_text = value.kind == ValueKind::kScalar || value.kind == ValueKind::kNull;
      if (!is_text) throw Refusal{value.line, "a key that is not plain text"};
      parent.value.members.push_back({value.text, Value{}});
      parent.has_key = true;
    }
  }

  Value root_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Value> anchors_;
  int documents_ = 0;
  int count_ = 0;
};

Error at_line(std::string_view file_name, int line, const std::string& what) {
  return invalid(std::string(file_name) + ":" + std::to_string(std::max(line, 1)) + ": " + what);
}

}  // namespace

const Value* member(const Value& map, std::string_view key) {
  const auto found = std::find_if(map.members.begin(), map.members.end(),
                                  [key](const Member& each) { return each.key == key; });
  return found == map.members.end() ? nullptr : &found->value;
}

const Value* field(const Value* map, std::string_view key) {
  const Value* found = map == nullptr ? nullptr : member(*map, key);
  return found == nullptr || found->kind == ValueKind::kNull ? nullptr : found;
}

const Value* at_path(const Value& map, std::string_view path) {
  const Value* at = &map;
  while (at != nullptr && !path.empty()) {
    const auto dot = path.find('.');
    at = field(at, path.substr(0, dot));
    path = dot == path.npos ? std::string_view() : path.substr(dot + 1);
  }
  return at;
}

std::string text_at(const Value& map, std::string_view path) {
  const Value* value = at_path(map, path);
  return value != nullptr && value->kind == ValueKind::kScalar ? value->text : std::string();
}

const std::vector<Value>& items_of(const Value& map, std::string_view key) {
  static const std::vector<Value> kNone;
  const Value* list = field(&map, key);
  return list == nullptr ? kNone : list->items;
}

Result<Value> parse_document(std::string_view text, std::string_view file_name) {
  if (text.size() > kMostBytes) {
    return at_line(file_name, 1,
                   "the text has " + std::to_string(text.size()) + " bytes; at most 262144 are read");
  }
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    TreeBuilder builder;
    if (parser.HandleNextDocument(builder)) parser.HandleNextDocument(builder);
    return builder.take();
  } catch (const Refusal& refusal) {
    return at_line(file_name, refusal.line, refusal.what);
  } catch (const YAML::Exception& error) {
    return at_line(file_name, line_of(error.mark),
                   "not valid YAML or JSON: " + error.msg + "; mind indentation, quotes and brackets");
  }
}

}  // namespace sidestep::policy
