#include "lib/k8s/ca_bundle.h"

#include <fstream>
#include <sstream>

#include "lib/base/bounded_file.h"

namespace sidestep::k8s {

Result<std::string> read_ca_file(const std::string& path) {
  auto text = read_at_most(path, kMostCaBytes + 1);
  if (!text) return unavailable(path + " cannot be read");
  if (text->size() > kMostCaBytes)
    return invalid(path + " is longer than " + std::to_string(kMostCaBytes) + " bytes");
  if (text->find("-----BEGIN CERTIFICATE-----") == text->npos) return invalid(path + " holds no certificate");
  return *std::move(text);
}

std::shared_ptr<const std::string> CaBundle::text() {
  auto read = read_ca_file(file_);
  const std::lock_guard lock(mutex_);
  const bool is_news = read && *read != last_;
  if (both_ && !is_news) return both_;
  if (is_news) last_ = *std::move(read);
  std::ostringstream both;
  if (const std::ifstream known(system_, std::ios::binary); known.is_open()) both << known.rdbuf();
  both.clear();  // an empty one is a failure to iostreams
  both << "\n" << last_;
  return both_ = std::make_shared<const std::string>(std::move(both).str());
}

}  // namespace sidestep::k8s
