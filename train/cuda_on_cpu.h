// Enough of CUDA to run wkv7_cuda.cu on a CPU, for its test.
//
// The threads of a block are fibers.  Each runs on alone until it reaches __syncthreads, then the next one does:
// a barrier that is missing lets some thread read what is not there yet or no longer is.  A barrier
// that only some threads reach is an error.  Blocks run one after another.
#pragma once
#include <torch/extension.h>
#include <ucontext.h>

#include <functional>
#include <vector>

#define __global__
#define __device__
#define __forceinline__ inline
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __launch_bounds__(threads)
#define __shared__ static
#define C10_CUDA_KERNEL_LAUNCH_CHECK()
#define is_cuda is_cpu

struct dim3 {
  unsigned x, y = 1, z = 1;
};
inline dim3 blockIdx{0, 0, 0}, threadIdx{0, 0, 0};

struct float4 {
  float x, y, z, w;
};

namespace c10::cuda {
using CUDAGuard = Device;
inline int getCurrentCUDAStream() { return 0; }
}  // namespace c10::cuda

namespace fibers {

inline ucontext_t scheduler;
inline std::vector<ucontext_t> contexts;
inline std::function<void()> kernel;
inline unsigned finished;

inline void body() {
  kernel();
  finished++;
}

inline void run_block(unsigned threads) {
  std::vector<char> stacks(threads << 16);
  contexts.resize(threads);
  for (unsigned i = 0; i < threads; i++) {
    getcontext(&contexts[i]);
    contexts[i].uc_stack = {.ss_sp = &stacks[i << 16], .ss_size = 1 << 16};
    contexts[i].uc_link = &scheduler;
    makecontext(&contexts[i], body, 0);
  }
  for (finished = 0; finished == 0;) {
    for (threadIdx.x = 0; threadIdx.x < threads; threadIdx.x++) swapcontext(&scheduler, &contexts[threadIdx.x]);
    TORCH_CHECK(finished == 0 || finished == threads, "some threads wait at a barrier that others never reach");
  }
}

// kernel<<<grid, threads, shared, stream>>>(...) is launch(kernel, grid, threads, shared, stream)(...).
template <typename... P>
auto launch(void (*f)(P...), dim3 grid, unsigned threads, int, int) {
  return [=](P... p) {
    kernel = [=] { f(p...); };
    for (blockIdx.y = 0; blockIdx.y < grid.y; blockIdx.y++)
      for (blockIdx.x = 0; blockIdx.x < grid.x; blockIdx.x++) run_block(threads);
  };
}

}  // namespace fibers

inline void __syncthreads() { swapcontext(&fibers::contexts[threadIdx.x], &fibers::scheduler); }

// Through memory, with barriers for the whole block: stricter than a warp's own exchange.
inline float __shfl_xor_sync(unsigned, float value, unsigned mask) {
  static float values[1024];
  values[threadIdx.x] = value;
  __syncthreads();
  const float other = values[threadIdx.x ^ mask];
  __syncthreads();
  return other;
}
