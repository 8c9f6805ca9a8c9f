// RWKV-7 state recurrence on a CUDA GPU, forward and backward, f32.  See wkv7_cpu.cpp for the formulas.
//
// One block per head and sequence, the state in registers, four threads to a row of 64: a step is short, so
// that long sequences, of which a batch has few, do not leave most of the GPU waiting.  Of a row, thread `part` owns the
// float4s part, part + 4, ...: what four neighbours read of a shared vector lies side by side.  What a step needs is
// asked for one step ahead and handed over through two buffers, so the next step may begin while some still read.
// Backward, sums over columns and over rows are both needed, so a thread owns its part of row i of the
// gradient and of column i of the state and of the gradient.
// The state is kept (transposed) after every 16 steps; inside a block the backward pass undoes one
// update at a time.  Dividing by the decay is safe there: it is at least e^-0.61, so sixteen steps
// magnify rounding by 2e4 at the very worst and hardly at all for the slow channels that matter.
// After BlinkDL's RWKV-LM wkv7_cuda.cu (Apache-2.0).
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/extension.h>

#include <vector>

namespace {

constexpr int N = 64;
constexpr int BLOCK = 16;
constexpr int PARTS = 4;
constexpr int THREADS = N * PARTS;
constexpr int OWN = N / PARTS;  // elements of a row that a thread owns

// Where a thread's elements 4m to 4m + 3 stand in its row, in float4s.
__device__ __forceinline__ int place(int m, int part) { return m * PARTS + part; }

__device__ __forceinline__ void gather(float* own, const float* row, int part) {
#pragma unroll
  for (int m = 0; m < OWN / 4; m++) {
    const float4 x = reinterpret_cast<const float4*>(row)[place(m, part)];
    own[4 * m] = x.x, own[4 * m + 1] = x.y, own[4 * m + 2] = x.z, own[4 * m + 3] = x.w;
  }
}

__device__ __forceinline__ float dot(const float* x, const float* y) {
  float s[4] = {0, 0, 0, 0};
#pragma unroll
  for (int j = 0; j < OWN; j++) s[j % 4] += x[j] * y[j];
  return (s[0] + s[1]) + (s[2] + s[3]);
}

// The sum over the four threads of a row; each gets it.
__device__ __forceinline__ float row_sum(float x) {
  x += __shfl_xor_sync(0xffffffff, x, 1);
  return x + __shfl_xor_sync(0xffffffff, x, 2);
}

// The address of step t's 64 floats.
__device__ __forceinline__ int64_t offset(int T, int H, int t) {
  return (((int64_t)blockIdx.y * T + t) * H + blockIdx.x) * N;
}

__global__ void __launch_bounds__(THREADS) forward_kernel(
    int T, int H, const float* __restrict__ r_, const float* __restrict__ w_, const float* __restrict__ k_,
    const float* __restrict__ v_, const float* __restrict__ a_, const float* __restrict__ b_,
    float* __restrict__ y_, float* __restrict__ kept, float* __restrict__ sa_) {
  const int i = threadIdx.x / PARTS, part = threadIdx.x % PARTS;
  const int quarter = threadIdx.x / N, column = threadIdx.x % N;  // what this thread loads for all
  const float* first[] = {r_, w_, k_, v_};
  const float* one = first[quarter];
  const float* two = quarter == 0 ? a_ : b_;
  __shared__ __align__(16) float in[2][6][N];  // r w k v a b
  float s[OWN] = {0}, next, next2 = 0;
  const auto fetch = [&](int t) {
    next = one[offset(T, H, t) + column];
    if (quarter < 2) next2 = two[offset(T, H, t) + column];
  };
  fetch(0);
  for (int t = 0; t < T; t++) {
    float(*now)[N] = in[t % 2];
    now[quarter][column] = next;
    if (quarter < 2) now[4 + quarter][column] = next2;
    __syncthreads();
    if (t + 1 < T) fetch(t + 1);
    float r[OWN], w[OWN], k[OWN], a[OWN], b[OWN];
    gather(r, now[0], part), gather(w, now[1], part), gather(k, now[2], part);
    gather(a, now[4], part), gather(b, now[5], part);
    const float v = now[3][i], sa = row_sum(dot(s, a));
#pragma unroll
    for (int j = 0; j < OWN; j++) s[j] = s[j] * w[j] + sa * b[j] + v * k[j];
    const float y = row_sum(dot(s, r));
    if (part == 0) y_[offset(T, H, t) + i] = y, sa_[offset(T, H, t) + i] = sa;
    if (t % BLOCK == BLOCK - 1) {
      float* keep = kept + (((int64_t)blockIdx.y * H + blockIdx.x) * (T / BLOCK) + t / BLOCK) * N * N + i;
#pragma unroll
      for (int j = 0; j < OWN; j++) keep[(4 * place(j / 4, part) + j % 4) * N] = s[j];
    }
  }
}

__global__ void __launch_bounds__(THREADS) backward_kernel(
    int T, int H, const float* __restrict__ dy_, const float* __restrict__ r_, const float* __restrict__ w_,
    const float* __restrict__ k_, const float* __restrict__ v_, const float* __restrict__ a_,
    const float* __restrict__ b_, const float* __restrict__ kept, const float* __restrict__ sa_,
    float* __restrict__ dr_, float* __restrict__ dw_, float* __restrict__ dk_, float* __restrict__ dv_,
    float* __restrict__ da_, float* __restrict__ db_) {
  const int i = threadIdx.x / PARTS, part = threadIdx.x % PARTS;
  const int quarter = threadIdx.x / N, lane = threadIdx.x % N;
  const float* first[] = {r_, w_, k_, v_};
  const float* second[] = {a_, b_, dy_, sa_};
  const float *one = first[quarter], *two = second[quarter];
  __shared__ __align__(16) float in[2][8][N];  // r w k v a b dy sa
  __shared__ __align__(16) float dsa[2][N];
  float column[OWN] = {0}, grad[OWN] = {0}, grad_column[OWN] = {0}, next, next2;
  const auto fetch = [&](int t) {
    next = one[offset(T, H, t) + lane], next2 = two[offset(T, H, t) + lane];
  };
  fetch(T - 1);
  for (int t = T - 1; t >= 0; t--) {
    float(*now)[N] = in[t % 2];
    now[quarter][lane] = next, now[4 + quarter][lane] = next2;
    __syncthreads();
    if (t > 0) fetch(t - 1);
    if (t % BLOCK == BLOCK - 1)  // column i of S is row i of the transpose
      gather(column, kept + ((((int64_t)blockIdx.y * H + blockIdx.x) * (T / BLOCK) + t / BLOCK) * N + i) * N, part);
    const float ri = now[0][i], wi = now[1][i], ki = now[2][i], ai = now[4][i], bi = now[5][i], dyi = now[6][i];
    const float undo = 1.0f / wi;
    float x[OWN], v[OWN], sa[OWN], dy[OWN];
    gather(v, now[3], part), gather(dy, now[6], part), gather(sa, now[7], part);
    float dr = dot(column, dy);
    gather(x, now[0], part);  // r
#pragma unroll
    for (int j = 0; j < OWN; j++) {
      column[j] = (column[j] - ki * v[j] - bi * sa[j]) * undo;  // now the state before this step
      grad[j] += dyi * x[j];
      grad_column[j] += ri * dy[j];
    }
    float dw = dot(grad_column, column), dk = dot(grad_column, v), db = dot(grad_column, sa);
    gather(x, now[2], part);  // k
    float dv = dot(grad, x);
    gather(x, now[5], part);  // b
    const float ds = row_sum(dot(grad, x));
    if (part == 0) dsa[t % 2][i] = ds;
    __syncthreads();
    gather(x, dsa[t % 2], part);
    float da = dot(column, x);
#pragma unroll
    for (int j = 0; j < OWN; j++) grad_column[j] = grad_column[j] * wi + ai * x[j];
    float w[OWN];
    gather(w, now[1], part), gather(x, now[4], part);  // w, a
#pragma unroll
    for (int j = 0; j < OWN; j++) grad[j] = grad[j] * w[j] + ds * x[j];
    dr = row_sum(dr), dw = row_sum(dw), dk = row_sum(dk), dv = row_sum(dv), da = row_sum(da), db = row_sum(db);
    if (part == 0) {
      const int64_t o = offset(T, H, t) + i;
      dr_[o] = dr, dw_[o] = dw, dk_[o] = dk, dv_[o] = dv, da_[o] = da, db_[o] = db;
    }
  }
}

void check(const at::Tensor& t, at::IntArrayRef shape) {
  TORCH_CHECK(t.is_cuda() && t.scalar_type() == at::kFloat && t.is_contiguous() && t.sizes() == shape,
              "wkv7: expected contiguous f32 CUDA tensors of one shape");
}

}  // namespace

std::vector<at::Tensor> forward(at::Tensor r, at::Tensor w, at::Tensor k, at::Tensor v, at::Tensor a,
                                at::Tensor b) {
  const int B = r.size(0), T = r.size(1), H = r.size(2);
  TORCH_CHECK(r.size(3) == N && T % BLOCK == 0, "wkv7: heads of 64, length a multiple of 16");
  for (auto& t : {r, w, k, v, a, b}) check(t, r.sizes());
  const c10::cuda::CUDAGuard guard(r.device());
  auto y = at::empty_like(r), sa = at::empty_like(r);
  auto kept = at::empty({B, H, T / BLOCK, N, N}, r.options());
  forward_kernel<<<dim3(H, B), THREADS, 0, c10::cuda::getCurrentCUDAStream()>>>(
      T, H, r.data_ptr<float>(), w.data_ptr<float>(), k.data_ptr<float>(), v.data_ptr<float>(),
      a.data_ptr<float>(), b.data_ptr<float>(), y.data_ptr<float>(), kept.data_ptr<float>(), sa.data_ptr<float>());
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return {y, kept, sa};
}

std::vector<at::Tensor> backward(at::Tensor dy, at::Tensor r, at::Tensor w, at::Tensor k, at::Tensor v,
                                 at::Tensor a, at::Tensor b, at::Tensor kept, at::Tensor sa) {
  const int B = r.size(0), T = r.size(1), H = r.size(2);
  for (auto& t : {dy, r, w, k, v, a, b, sa}) check(t, r.sizes());
  const c10::cuda::CUDAGuard guard(r.device());
  std::vector<at::Tensor> g;
  for (int i = 0; i < 6; i++) g.push_back(at::empty_like(r));
  backward_kernel<<<dim3(H, B), THREADS, 0, c10::cuda::getCurrentCUDAStream()>>>(
      T, H, dy.data_ptr<float>(), r.data_ptr<float>(), w.data_ptr<float>(), k.data_ptr<float>(),
      v.data_ptr<float>(), a.data_ptr<float>(), b.data_ptr<float>(), kept.data_ptr<float>(), sa.data_ptr<float>(),
      g[0].data_ptr<float>(), g[1].data_ptr<float>(), g[2].data_ptr<float>(), g[3].data_ptr<float>(),
      g[4].data_ptr<float>(), g[5].data_ptr<float>());
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return g;
}

PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) {
  m.def("forward", &forward);
  m.def("backward", &backward);
}
