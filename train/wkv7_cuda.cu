// RWKV-7 state recurrence on a CUDA GPU, forward and backward, f32.  See wkv7_cpu.cpp for the formulas.
//
// One block of 64 threads per head and sequence, the state in registers.  Forward, thread i owns row i.
// Backward, sums over columns and over rows are both needed, so thread i owns row i of the
// gradient and column i of the state and of the gradient: three times 64 registers, no reductions.
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

__global__ void __launch_bounds__(N) forward_kernel(
    int T, int H, const float* __restrict__ r_, const float* __restrict__ w_, const float* __restrict__ k_,
    const float* __restrict__ v_, const float* __restrict__ a_, const float* __restrict__ b_,
    float* __restrict__ y_, float* __restrict__ kept, float* __restrict__ sa_) {
  const int h = blockIdx.x, n = blockIdx.y, i = threadIdx.x;
  __shared__ float r[N], w[N], k[N], a[N], b[N];
  float s[N] = {0};
  for (int t = 0; t < T; t++) {
    const int64_t o = (((int64_t)n * T + t) * H + h) * N + i;
    __syncthreads();
    r[i] = r_[o], w[i] = w_[o], k[i] = k_[o], a[i] = a_[o], b[i] = b_[o];
    __syncthreads();
    float sa = 0, y = 0;
    const float v = v_[o];
#pragma unroll
    for (int j = 0; j < N; j++) sa += s[j] * a[j];
#pragma unroll
    for (int j = 0; j < N; j++) {
      s[j] = s[j] * w[j] + sa * b[j] + v * k[j];
      y += s[j] * r[j];
    }
    y_[o] = y, sa_[o] = sa;
    if (t % BLOCK == BLOCK - 1) {
      float* keep = kept + (((int64_t)n * H + h) * (T / BLOCK) + t / BLOCK) * N * N + i;
#pragma unroll
      for (int j = 0; j < N; j++) keep[j * N] = s[j];  // neighbours write neighbours
    }
  }
}

__global__ void __launch_bounds__(N) backward_kernel(
    int T, int H, const float* __restrict__ dy_, const float* __restrict__ r_, const float* __restrict__ w_,
    const float* __restrict__ k_, const float* __restrict__ v_, const float* __restrict__ a_,
    const float* __restrict__ b_, const float* __restrict__ kept, const float* __restrict__ sa_,
    float* __restrict__ dr_, float* __restrict__ dw_, float* __restrict__ dk_, float* __restrict__ dv_,
    float* __restrict__ da_, float* __restrict__ db_) {
  const int h = blockIdx.x, n = blockIdx.y, i = threadIdx.x;
  __shared__ float r[N], w[N], k[N], v[N], a[N], b[N], dy[N], sa[N], dsa[N];
  float column[N] = {0}, grad[N] = {0}, grad_column[N] = {0};
  for (int t = T - 1; t >= 0; t--) {
    const int64_t o = (((int64_t)n * T + t) * H + h) * N + i;
    __syncthreads();
    const float ri = r[i] = r_[o], wi = w[i] = w_[o], ki = k[i] = k_[o], ai = a[i] = a_[o], bi = b[i] = b_[o];
    const float dyi = dy[i] = dy_[o];
    v[i] = v_[o], sa[i] = sa_[o];
    __syncthreads();
    if (t % BLOCK == BLOCK - 1) {
      // Column i of S is row i of the transpose: 64 neighbouring floats.
      const float* keep = kept + ((((int64_t)n * H + h) * (T / BLOCK) + t / BLOCK) * N + i) * N;
#pragma unroll
      for (int j = 0; j < N; j++) column[j] = keep[j];
    }
    float dr = 0, dw = 0, dk = 0, dv = 0, da = 0, db = 0, ds = 0;
    const float undo = 1.0f / wi;
#pragma unroll
    for (int j = 0; j < N; j++) {
      dr += column[j] * dy[j];
      column[j] = (column[j] - ki * v[j] - bi * sa[j]) * undo;  // now the state before this step
      grad[j] += dyi * r[j];
      grad_column[j] += ri * dy[j];
      dw += grad_column[j] * column[j];
      dk += grad_column[j] * v[j];
      db += grad_column[j] * sa[j];
      dv += grad[j] * k[j];
      ds += grad[j] * b[j];
    }
    dsa[i] = ds;
    __syncthreads();
#pragma unroll
    for (int j = 0; j < N; j++) {
      da += column[j] * dsa[j];
      grad[j] = grad[j] * w[j] + ds * a[j];
      grad_column[j] = grad_column[j] * wi + ai * dsa[j];
    }
    dr_[o] = dr, dw_[o] = dw, dk_[o] = dk, dv_[o] = dv, da_[o] = da, db_[o] = db;
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
  forward_kernel<<<dim3(H, B), N, 0, c10::cuda::getCurrentCUDAStream()>>>(
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
  backward_kernel<<<dim3(H, B), N, 0, c10::cuda::getCurrentCUDAStream()>>>(
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
