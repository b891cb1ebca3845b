#include "sidecar/admin/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace sidestep::sidecar {
namespace {

TEST(ThreadPool, HasNoThreadUntilThereIsWork) {
  ThreadPool pool(4);
  EXPECT_EQ(pool.threads(), 0U);
}

TEST(ThreadPool, JobsThatWaitForEachOtherRunAtTheSameTimeUpToTheBound) {
  ThreadPool pool(3);
  std::promise<void> go;
  const std::shared_future<void> gone(go.get_future());
  std::atomic<int> running{0};
  std::promise<void> all;
  for (int i = 0; i < 3; ++i) {
    pool.enqueue([&, gone] {
      if (++running == 3) all.set_value();
      gone.wait();
    });
  }
  all.get_future().wait();
  std::promise<void> later;
  pool.enqueue([&] { later.set_value(); });
  EXPECT_EQ(pool.threads(), 3U);
  go.set_value();
  later.get_future().wait();
}

TEST(ThreadPool, ShutdownRunsWhatIsQueued) {
  std::atomic<int> done{0};
  ThreadPool pool(1);
  for (int i = 0; i < 100; ++i) pool.enqueue([&] { ++done; });
  pool.shutdown();
  EXPECT_EQ(done, 100);
  EXPECT_EQ(pool.threads(), 0U);
}

}  // namespace
}  // namespace sidestep::sidecar
