#include "sidecar/core/record.h"

#include <charconv>

namespace sidestep::sidecar {

namespace {

constexpr std::string_view kMagic = "sidestep-record 1";

// ---- lines of fields ----

void escape(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '\\')
      out += "\\\\";
    else if (c == '\t')
      out += "\\t";
    else if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
}

class LineWriter {
 public:
  explicit LineWriter(std::string_view key) : line_(key) {}
  LineWriter& text(std::string_view value) {
    line_ += '\t';
    escape(line_, value);
    return *this;
  }
  LineWriter& num(std::int64_t value) { return text(std::to_string(value)); }
  LineWriter& time(WallTime value) {
    return num(std::chrono::duration_cast<Millis>(value.time_since_epoch()).count());
  }
  std::string end() { return line_ + "\n"; }

 private:
  std::string line_;
};

// Fields that are missing read as empty, and as 0.
class LineReader {
 public:
  explicit LineReader(std::string_view line) {
    std::string field;
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (line[i] == '\t') {
        fields_.push_back(std::move(field));
        field.clear();
      } else if (line[i] == '\\' && i + 1 < line.size()) {
        ++i;
        field += line[i] == 't' ? '\t' : line[i] == 'n' ? '\n' : line[i];
      } else {
        field += line[i];
      }
    }
    fields_.push_back(std::move(field));
  }
  std::string text() { return next_ < fields_.size() ? fields_[next_++] : std::string(); }
  std::int64_t num() {
    const std::string field = text();
    std::int64_t value = 0;
    std::from_chars(field.data(), field.data() + field.size(), value);
    return value;
  }
  std::size_t count() {  // of things that follow: never more than there are fields
    const std::int64_t n = num();
    return n < 0 || static_cast<std::size_t>(n) > fields_.size() ? 0 : static_cast<std::size_t>(n);
  }
  Generation generation() { return Generation{static_cast<std::uint32_t>(num())}; }
  WallTime time() { return WallTime(Millis(num())); }

 private:
  std::vector<std::string> fields_;
  std::size_t next_ = 0;
};

// ---- things ----

void write(LineWriter& line, const AppAddress& address) { line.num(address.port).text(address.socket_path); }

AppAddress read_address(LineReader& line) {
  AppAddress address;
  address.port = static_cast<std::uint16_t>(line.num());
  address.socket_path = line.text();
  return address;
}

void write(LineWriter& line, const Recipe& recipe) {
  line.num(recipe.attach ? 1 : 0);
  if (recipe.attach) write(line, *recipe.attach);
  line.num(static_cast<std::int64_t>(recipe.command.size()));
  for (const std::string& word : recipe.command) line.text(word);
  line.num(static_cast<std::int64_t>(recipe.env.size()));
  for (const auto& [name, value] : recipe.env) line.text(name).text(value);
}

Recipe read_recipe(LineReader& line) {
  Recipe recipe;
  if (line.num() != 0) recipe.attach = read_address(line);
  for (std::size_t n = line.count(); n > 0; --n) recipe.command.push_back(line.text());
  for (std::size_t n = line.count(); n > 0; --n) {
    std::string name = line.text();
    recipe.env.emplace_back(std::move(name), line.text());
  }
  return recipe;
}

std::string encode(const RecordedGeneration& g) {
  LineWriter line("generation");
  line.num(static_cast<int>(g.role)).num(number(g.member.generation)).num(number(g.member.snapshot_of));
  line.num(g.member.restarts)
      .time(g.started_at)
      .num(g.warm_until ? 1 : 0)
      .time(g.warm_until.value_or(WallTime{}));
  write(line, g.address);
  write(line, g.member.recipe);
  return line.end();
}

RecordedGeneration read_generation(LineReader& line) {
  RecordedGeneration g;
  const std::int64_t role = line.num();
  g.role = role == 0 ? Role::kActive : role == 1 ? Role::kCandidate : Role::kRetiring;
  g.member.generation = line.generation();
  g.member.snapshot_of = line.generation();
  g.member.restarts = static_cast<int>(line.num());
  g.started_at = line.time();
  const bool warm = line.num() != 0;
  const WallTime until = line.time();
  if (warm) g.warm_until = until;
  g.address = read_address(line);
  g.member.recipe = read_recipe(line);
  return g;
}

std::string encode(std::string_view key, const ReloadView& view) {
  LineWriter line(key);
  line.text(view.id).text(view.token).text(view.policy_uid).num(static_cast<int>(view.phase));
  line.num(static_cast<int>(view.reason)).text(view.message).text(view.requested_by).text(view.asked_reason);
  line.num(number(view.generation)).num(view.step).num(view.steps).num(view.weight_per_ten_thousand);
  line.num(view.managed ? 1 : 0).time(view.started_at).num(view.ended_at ? 1 : 0);
  line.time(view.ended_at.value_or(WallTime{}));
  return line.end();
}

ReloadView read_view(LineReader& line) {
  ReloadView view;
  view.id = line.text();
  view.token = line.text();
  view.policy_uid = line.text();
  const std::int64_t phase = line.num();
  const std::int64_t reason = line.num();
  const bool known = phase >= 0 && phase < static_cast<std::int64_t>(kReloadPhases);
  view.phase = known ? static_cast<ReloadPhase>(phase) : ReloadPhase::kInterrupted;
  const bool named = reason >= 0 && reason < static_cast<std::int64_t>(kReloadReasons);
  view.reason = named ? static_cast<ReloadReason>(reason) : ReloadReason::kNone;
  view.message = line.text();
  view.requested_by = line.text();
  view.asked_reason = line.text();
  view.generation = line.generation();
  view.step = static_cast<int>(line.num());
  view.steps = static_cast<int>(line.num());
  view.weight_per_ten_thousand = static_cast<int>(line.num());
  view.managed = line.num() != 0;
  view.started_at = line.time();
  const bool ended = line.num() != 0;
  const WallTime at = line.time();
  if (ended) view.ended_at = at;
  return view;
}

void read_line(Record& record, std::string_view text) {
  LineReader line(text);
  const std::string key = line.text();
  if (key == "serial")
    record.serial = static_cast<std::uint64_t>(line.num());
  else if (key == "last")
    record.last = line.generation();
  else if (key == "base")
    record.base = read_recipe(line);
  else if (key == "policy")
    record.policy_uid = line.text(), record.policy_text = line.text();
  else if (key == "generation")
    record.generations.push_back(read_generation(line));
  else if (key == "running")
    record.running = read_view(line);
  else if (key == "ended")
    record.ended.push_back(read_view(line));
}

}  // namespace

std::string encode(const Record& record) {
  std::string text(kMagic);
  text += '\n';
  text += LineWriter("serial").num(static_cast<std::int64_t>(record.serial)).end();
  text += LineWriter("last").num(number(record.last)).end();
  LineWriter base("base");
  write(base, record.base);
  text += base.end();
  text += LineWriter("policy").text(record.policy_uid).text(record.policy_text).end();
  for (const RecordedGeneration& generation : record.generations) text += encode(generation);
  if (record.running) text += encode("running", *record.running);
  for (const ReloadView& view : record.ended) text += encode("ended", view);
  return text;
}

Result<Record> decode(std::string_view text) {
  const std::size_t head = text.find('\n');
  if (head == std::string_view::npos || text.substr(0, head) != kMagic) {
    return invalid("record: does not begin with \"" + std::string(kMagic) + "\"; it is not used");
  }
  Record record;
  for (std::size_t at = head + 1; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    if (end == std::string_view::npos) return invalid("record: the last line is cut off; it is not used");
    read_line(record, text.substr(at, end - at));
    at = end + 1;
  }
  return record;
}

}  // namespace sidestep::sidecar
