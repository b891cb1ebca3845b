// Values as bytes and back, for the worker that replaces this one: the state that a process hands to the
// next.
//
// Every struct is its length and then its fields in order. A reader that knows fewer fields skips the rest,
// one that knows more leaves these at their default; so a field is only ever added at the end, and any other
// change takes another number of the handover's protocol. Not for storage, and not for strangers: both ends
// are ours.
//
// A type takes part through `template <typename A> void fields(A& a, T& value) { a(value.one, value.two); }`,
// found by argument-dependent lookup and used in both directions. Pure; REQUIRES nothing of the machine.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace sidestep::sidecar {

namespace archive {

template <typename T>
concept Word = std::is_integral_v<T> || std::is_enum_v<T>;
template <typename T>
concept Instant = requires {
  typename T::clock;
};
template <typename T>
concept Span = requires(T value) {
  value.count();
}
&&requires { typename T::period; };
template <typename T>
concept Maybe = requires(T value) {
  value.has_value();
  value.emplace();
  value.reset();
};
template <typename T>
concept Keyed = requires {
  typename T::key_type;
};
template <typename T>
concept Mapped = Keyed<T> && requires {
  typename T::mapped_type;
};
template <typename T>
concept Listed = requires(T value) {
  value.emplace_back();
};
template <typename T>
concept Fixed = requires {
  std::tuple_size<T>::value;
}
&&requires(T value) { value.fill(value[0]); };
template <typename T>
concept Pair = requires(T value) {
  value.first;
  value.second;
};
template <typename T>
concept Choice = requires(T value) {
  value.valueless_by_exception();
};

}  // namespace archive

class ArchiveWriter {
 public:
  static constexpr bool kReads = false;

  template <typename... T>
  void operator()(const T&... values) {
    (put(values), ...);
  }
  std::string take() { return std::move(bytes_); }

 private:
  void number(std::uint64_t value) {
    for (unsigned shift = 0; shift < 64; shift += 8) bytes_ += static_cast<char>(value >> shift & 0xffU);
  }

  template <typename T>
  void put(const T& value) {
    using namespace archive;
    if constexpr (Word<T>) {
      number(static_cast<std::uint64_t>(value));
    } else if constexpr (Span<T>) {
      number(static_cast<std::uint64_t>(value.count()));
    } else if constexpr (Instant<T>) {
      number(static_cast<std::uint64_t>(value.time_since_epoch().count()));
    } else if constexpr (std::is_same_v<T, std::string>) {
      number(value.size());
      bytes_ += value;
    } else if constexpr (Maybe<T>) {
      number(value.has_value() ? 1 : 0);
      if (value) put(*value);
    } else if constexpr (Choice<T>) {
      number(value.index());
      std::visit([this](const auto& one) { put(one); }, value);
    } else if constexpr (Keyed<T> || Listed<T> || Fixed<T>) {
      number(value.size());
      for (const auto& one : value) put(one);
    } else if constexpr (Pair<T>) {
      put(value.first);
      put(value.second);
    } else {
      put_struct(value);
    }
  }

  template <typename T>
  void put_struct(const T& value) {
    ArchiveWriter inner;
    fields(inner, const_cast<T&>(value));  // a writer changes nothing
    put(inner.bytes_);
  }

  std::string bytes_;
};

class ArchiveReader {
 public:
  static constexpr bool kReads = true;

  explicit ArchiveReader(std::string_view bytes) : rest_(bytes) {}

  template <typename... T>
  void operator()(T&... values) {
    (get(values), ...);
  }
  // False once something did not add up; nothing of what was read is to be used then.
  bool is_good() const { return is_good_; }

 private:
  std::uint64_t number() {
    if (rest_.size() < 8) {
      is_good_ = false;
      return 0;
    }
    std::uint64_t value = 0;
    for (unsigned i = 0; i < 8; ++i) value |= std::uint64_t{static_cast<unsigned char>(rest_[i])} << (8 * i);
    rest_.remove_prefix(8);
    return value;
  }
  std::string_view part(std::uint64_t size) {
    if (size > rest_.size()) {
      is_good_ = false;
      return {};
    }
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  template <typename T>
  void get(T& value) {
    using namespace archive;
    if (!is_good_ || rest_.empty()) return;  // a field that the writer did not know
    if constexpr (Word<T>) {
      value = static_cast<T>(number());
    } else if constexpr (Span<T>) {
      value = T(static_cast<typename T::rep>(number()));
    } else if constexpr (Instant<T>) {
      value = T(typename T::duration(static_cast<typename T::rep>(number())));
    } else if constexpr (std::is_same_v<T, std::string>) {
      value = std::string(part(number()));
    } else if constexpr (Maybe<T>) {
      value.reset();
      if (number() != 0) get(value.emplace());
    } else if constexpr (Choice<T>) {
      choose(value, number(), std::make_index_sequence<std::variant_size_v<T>>{});
    } else if constexpr (Keyed<T> || Listed<T>) {
      get_items(value);
    } else if constexpr (Fixed<T>) {
      get_fixed(value);
    } else if constexpr (Pair<T>) {
      get(value.first);
      get(value.second);
    } else {
      get_struct(value);
    }
  }

  template <typename T>
  void get_items(T& value) {
    value.clear();
    const std::uint64_t count = number();
    for (std::uint64_t i = 0; i < count && is_good_; ++i) {
      if (rest_.empty()) {
        is_good_ = false;
        return;
      }
      if constexpr (archive::Mapped<T>) {
        std::pair<typename T::key_type, typename T::mapped_type> item{};
        get(item);
        value.insert(std::move(item));
      } else if constexpr (archive::Keyed<T>) {
        typename T::key_type item{};
        get(item);
        value.insert(std::move(item));
      } else {
        get(value.emplace_back());
      }
    }
  }

  template <typename T>
  void get_fixed(T& value) {
    const std::uint64_t count = number();
    for (std::uint64_t i = 0; i < count && is_good_; ++i) {
      typename T::value_type item{};
      get(item);
      if (i < value.size()) value[i] = item;
    }
  }

  template <typename T, std::size_t... I>
  void choose(T& value, std::uint64_t index, std::index_sequence<I...>) {
    const bool known = ((index == I && (get_struct(value.template emplace<I>()), true)) || ...);
    if (!known) is_good_ = false;
  }

  template <typename T>
  void get_struct(T& value) {
    ArchiveReader inner(part(number()));
    if (!is_good_) return;
    fields(inner, value);
    is_good_ = inner.is_good_;
  }

  std::string_view rest_;
  bool is_good_ = true;
};

}  // namespace sidestep::sidecar
