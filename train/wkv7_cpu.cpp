// RWKV-7 state recurrence on the CPU, forward and backward, f32.
//
// Per head, with a 64x64 state S (value index i, key index j) that starts at zero:
//     sa_i = sum_j S_ij a_j
//     S_ij = S_ij w_j + sa_i b_j + v_i k_j
//     y_i  = sum_j S_ij r_j
// Tensors are [B, T, H, 64]; w is the decay itself, in (0, 1).
//
// The rows of S never meet in the forward pass, so a row stays in eight vector registers for a whole
// block of steps.  Keeping every state for the backward pass would take 16 kB per token and head:
// instead the state at each block's start is kept, and the backward pass recomputes one row's history
// inside a block (4 kB, in L1) just before it walks that row back.
#include <torch/extension.h>

#include <vector>

namespace {

constexpr int N = 64;      // head size
constexpr int BLOCK = 16;  // steps between two kept states
constexpr int L = 8;       // floats per vector
constexpr int R = N / L;   // vectors per row

// A vector type of the compiler's rather than intrinsics: the same source is AVX2, AVX-512 and NEON.
typedef float vec __attribute__((vector_size(L * sizeof(float)), aligned(4)));

inline vec load(const float* p) { return *reinterpret_cast<const vec*>(p); }
inline void store(float* p, vec x) { *reinterpret_cast<vec*>(p) = x; }
inline float sum(vec x) { return ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7])); }

inline float dot(const vec* s, const float* x) {
  vec p = s[0] * load(x), q = s[1] * load(x + L);
  for (int j = 2; j < R; j += 2) {
    p += s[j] * load(x + j * L);
    q += s[j + 1] * load(x + (j + 1) * L);
  }
  return sum(p + q);
}

inline void update(vec* s, float sa, float v, const float* w, const float* b, const float* k) {
  for (int j = 0; j < R; j++) s[j] = s[j] * load(w + j * L) + sa * load(b + j * L) + v * load(k + j * L);
}

const float* ptr(const at::Tensor& t) { return t.const_data_ptr<float>(); }

void check(const at::Tensor& t, at::IntArrayRef shape) {
  TORCH_CHECK(t.scalar_type() == at::kFloat && t.is_contiguous() && t.sizes() == shape,
              "wkv7: expected contiguous f32 tensors of one shape");
}

}  // namespace

// -> y, kept states [B, H, T/BLOCK, N, N], sa
std::vector<at::Tensor> forward(at::Tensor r, at::Tensor w, at::Tensor k, at::Tensor v, at::Tensor a,
                                at::Tensor b) {
  const int64_t B = r.size(0), T = r.size(1), H = r.size(2);
  TORCH_CHECK(r.size(3) == N && T % BLOCK == 0, "wkv7: heads of 64, length a multiple of 16");
  for (auto& t : {r, w, k, v, a, b}) check(t, r.sizes());
  auto y = at::empty_like(r), sa = at::empty_like(r);
  auto kept = at::empty({B, H, T / BLOCK, N, N}, r.options());
  const float *pr = ptr(r), *pw = ptr(w), *pk = ptr(k), *pv = ptr(v), *pa = ptr(a), *pb = ptr(b);
  float *py = y.data_ptr<float>(), *psa = sa.data_ptr<float>(), *pkept = kept.data_ptr<float>();
#pragma omp parallel for collapse(2) schedule(dynamic)
  for (int64_t n = 0; n < B; n++)
    for (int64_t h = 0; h < H; h++) {
      alignas(64) float S[N * N] = {0};
      for (int64_t c = 0; c < T / BLOCK; c++) {
        float* keep = pkept + ((n * H + h) * (T / BLOCK) + c) * N * N;
        for (int i = 0; i < N; i++) {
          vec s[R];
          for (int j = 0; j < R; j++) store(keep + i * N + j * L, s[j] = load(S + i * N + j * L));
          for (int q = 0; q < BLOCK; q++) {
            const int64_t o = ((n * T + c * BLOCK + q) * H + h) * N;
            const float x = dot(s, pa + o);
            psa[o + i] = x;
            update(s, x, pv[o + i], pw + o, pb + o, pk + o);
            py[o + i] = dot(s, pr + o);
          }
          for (int j = 0; j < R; j++) store(S + i * N + j * L, s[j]);
        }
      }
    }
  return {y, kept, sa};
}

// -> gradients of r, w, k, v, a, b
std::vector<at::Tensor> backward(at::Tensor dy, at::Tensor r, at::Tensor w, at::Tensor k, at::Tensor v,
                                 at::Tensor a, at::Tensor b, at::Tensor kept, at::Tensor sa) {
  const int64_t B = r.size(0), T = r.size(1), H = r.size(2);
  for (auto& t : {dy, r, w, k, v, a, b, sa}) check(t, r.sizes());
  std::vector<at::Tensor> grads;
  for (int i = 0; i < 6; i++) grads.push_back(at::empty_like(r));
  const float *pr = ptr(r), *pw = ptr(w), *pk = ptr(k), *pv = ptr(v), *pa = ptr(a), *pb = ptr(b);
  const float *pdy = ptr(dy), *psa = ptr(sa), *pkept = ptr(kept);
  float *dr = grads[0].data_ptr<float>(), *dw = grads[1].data_ptr<float>(), *dk = grads[2].data_ptr<float>(),
        *dv = grads[3].data_ptr<float>(), *da = grads[4].data_ptr<float>(), *db = grads[5].data_ptr<float>();
#pragma omp parallel for collapse(2) schedule(dynamic)
  for (int64_t n = 0; n < B; n++)
    for (int64_t h = 0; h < H; h++) {
      alignas(64) float dS[N * N] = {0};
      alignas(64) float acc[BLOCK][5][N];  // what the rows add up to: dr dw dk da db
      alignas(64) float past[BLOCK + 1][N];
      for (int64_t c = T / BLOCK - 1; c >= 0; c--) {
        const float* keep = pkept + ((n * H + h) * (T / BLOCK) + c) * N * N;
        std::fill(&acc[0][0][0], &acc[0][0][0] + BLOCK * 5 * N, 0.f);
        for (int i = 0; i < N; i++) {
          vec s[R];
          for (int j = 0; j < R; j++) store(past[0] + j * L, s[j] = load(keep + i * N + j * L));
          for (int q = 0; q < BLOCK; q++) {
            const int64_t o = ((n * T + c * BLOCK + q) * H + h) * N;
            update(s, psa[o + i], pv[o + i], pw + o, pb + o, pk + o);
            for (int j = 0; j < R; j++) store(past[q + 1] + j * L, s[j]);
          }
          vec ds[R];
          for (int j = 0; j < R; j++) ds[j] = load(dS + i * N + j * L);
          for (int q = BLOCK - 1; q >= 0; q--) {
            const int64_t o = ((n * T + c * BLOCK + q) * H + h) * N;
            const float d = pdy[o + i], vi = pv[o + i], sai = psa[o + i];
            vec dvi = {}, dsa = {};
            for (int j = 0; j < R; j++) {
              float *p = &acc[q][0][j * L];
              const vec before = load(past[q] + j * L), after = load(past[q + 1] + j * L);
              const vec g = ds[j] + d * load(pr + o + j * L);
              store(p, load(p) + d * after);
              store(p + N, load(p + N) + g * before);
              store(p + 2 * N, load(p + 2 * N) + g * vi);
              store(p + 4 * N, load(p + 4 * N) + g * sai);
              dvi += g * load(pk + o + j * L);
              dsa += g * load(pb + o + j * L);
              ds[j] = g;
            }
            dv[o + i] = sum(dvi);
            const float x = sum(dsa);
            for (int j = 0; j < R; j++) {
              float* p = &acc[q][3][j * L];
              store(p, load(p) + x * load(past[q] + j * L));
              ds[j] = ds[j] * load(pw + o + j * L) + x * load(pa + o + j * L);
            }
          }
          for (int j = 0; j < R; j++) store(dS + i * N + j * L, ds[j]);
        }
        for (int q = 0; q < BLOCK; q++) {
          const int64_t o = ((n * T + c * BLOCK + q) * H + h) * N;
          float* to[5] = {dr, dw, dk, da, db};
          for (int g = 0; g < 5; g++) std::copy_n(acc[q][g], N, to[g] + o);
        }
      }
    }
  return grads;
}

PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) {
  m.def("forward", &forward);
  m.def("backward", &backward);
}
