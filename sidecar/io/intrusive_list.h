// A doubly linked list whose links live in its elements: no allocation, O(1) removal. An element is in at
// most one list.
//
// Does not own its elements.
#pragma once

#include <cstddef>

namespace sidestep::sidecar {

template <typename T>
class IntrusiveList;

template <typename T>
class ListHook {
 public:
  bool linked() const { return list_ != nullptr; }
  // Idempotent.
  void unlink() {
    if (list_ != nullptr) list_->remove(static_cast<T&>(*this));
  }

 private:
  friend class IntrusiveList<T>;
  T* previous_ = nullptr;
  T* next_ = nullptr;
  IntrusiveList<T>* list_ = nullptr;
};

template <typename T>
class IntrusiveList {
 public:
  IntrusiveList() = default;
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;

  bool empty() const { return first_ == nullptr; }
  std::size_t size() const { return size_; }
  T* front() const { return first_; }
  T* back() const { return last_; }
  static T* next(const T& element) { return element.ListHook<T>::next_; }

  // REQUIRES: in no list.
  void push_back(T& element) {
    ListHook<T>& hook = element;
    hook.list_ = this;
    hook.previous_ = last_;
    hook.next_ = nullptr;
    if (last_ != nullptr)
      static_cast<ListHook<T>&>(*last_).next_ = &element;
    else
      first_ = &element;
    last_ = &element;
    ++size_;
  }

  T* pop_front() {
    T* element = first_;
    if (element != nullptr) remove(*element);
    return element;
  }

  T* pop_back() {
    T* element = last_;
    if (element != nullptr) remove(*element);
    return element;
  }

  // REQUIRES: in this list.
  void remove(T& element) {
    ListHook<T>& hook = element;
    if (hook.previous_ != nullptr)
      static_cast<ListHook<T>&>(*hook.previous_).next_ = hook.next_;
    else
      first_ = hook.next_;
    if (hook.next_ != nullptr)
      static_cast<ListHook<T>&>(*hook.next_).previous_ = hook.previous_;
    else
      last_ = hook.previous_;
    hook.list_ = nullptr;
    --size_;
  }

 private:
  T* first_ = nullptr;
  T* last_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace sidestep::sidecar
