// RWKV-7 state recurrence on the CPU, forward and backward, f32.
//
// Per head, with a 64x64 state S (value index i, key index j) that starts at zero:
//     sa_i = sum_j S_ij a_j
//     S_ij = S_ij w_j + sa_i b_j + v_i k_j
//     y_i  = sum_j S_ij r_j
// Tensors are [B, T, H, 64]; w is the decay itself, in (0, 1).
//
// The rows of S never meet in the forward pass, so a few rows stay in vector registers for a whole
// block of steps; a few, because a step begins with the sum over the row that the one before made, and
// the other rows' arithmetic fills the wait.  Keeping every state for the backward pass would take 16 kB
// per token and head: instead the state at each block's start is kept, and the backward pass recomputes
// the rows' history inside a block (16 kB at most, in L1) just before it walks them back.
#include <torch/extension.h>

#include <vector>

namespace {

constexpr int N = 64;      // head size
constexpr int BLOCK = 16;  // steps between two kept states
#ifdef __AVX512F__
constexpr int L = 16;    // floats per vector
constexpr int ROWS = 4;  // rows at a time: as many as the registers hold
#else
constexpr int L = 8;
constexpr int ROWS = 2;
#endif
constexpr int R = N / L;  // vectors per row

// A vector type of the compiler's rather than intrinsics: the same source is AVX2, AVX-512 and NEON.
typedef float vec __attribute__((vector_size(L * sizeof(float)), aligned(4)));
typedef float eight __attribute__((vector_size(8 * sizeof(float)), aligned(4)));

inline vec load(const float* p) { return *reinterpret_cast<const vec*>(p); }
inline void store(float* p, vec x) { *reinterpret_cast<vec*>(p) = x; }
inline float sum_of_eight(eight x) { return ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7])); }
#ifdef __AVX512F__
inline float sum(vec x) {
  return sum_of_eight(__builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7) +
                      __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15));
}
#else
inline float sum(vec x) { return sum_of_eight(x); }
#endif

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
        for (int i = 0; i < N; i += ROWS) {
          vec s[ROWS][R];
          for (int m = 0; m < ROWS; m++)
            for (int j = 0; j < R; j++) store(keep + (i + m) * N + j * L, s[m][j] = load(S + (i + m) * N + j * L));
          for (int q = 0; q < BLOCK; q++) {
            const int64_t o = ((n * T + c * BLOCK + q) * H + h) * N;
            vec x[ROWS] = {}, z[ROWS] = {};
            for (int j = 0; j < R; j++)
              for (int m = 0; m < ROWS; m++) x[m] += s[m][j] * load(pa + o + j * L);
            float xs[ROWS], vs[ROWS];
            for (int m = 0; m < ROWS; m++) {
              psa[o + i + m] = xs[m] = sum(x[m]);
              vs[m] = pv[o + i + m];
            }
            for (int j = 0; j < R; j++) {
              const vec wj = load(pw + o + j * L), bj = load(pb + o + j * L), kj = load(pk + o + j * L);
              const vec rj = load(pr + o + j * L);
              for (int m = 0; m < ROWS; m++) {
                s[m][j] = s[m][j] * wj + xs[m] * bj + vs[m] * kj;
                z[m] += s[m][j] * rj;
              }
            }
            for (int m = 0; m < ROWS; m++) py[o + i + m] = sum(z[m]);
          }
          for (int m = 0; m < ROWS; m++)
            for (int j = 0; j < R; j++) store(S + (i + m) * N + j * L, s[m][j]);
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
      alignas(64) float past[BLOCK + 1][ROWS][N];
      for (int64_t c = T / BLOCK - 1; c >= 0; c--) {
        const float* keep = pkept + ((n * H + h) * (T / BLOCK) + c) * N * N;
        std::fill(&acc[0][0][0], &acc[0][0][0] + BLOCK * 5 * N, 0.f);
        for (int i = 0; i < N; i += ROWS) {
          {
            vec s[ROWS][R];
            for (int m = 0; m < ROWS; m++)
              for (int j = 0; j < R; j++) store(past[0][m] + j * L, s[m][j] = load(keep + (i + m) * N + j * L));
            for (int q = 0; q < BLOCK; q++) {
              const int64_t o = ((n * T + c * BLOCK + q) * H + h) * N;
              for (int j = 0; j < R; j++) {
                const vec wj = load(pw + o + j * L), bj = load(pb + o + j * L), kj = load(pk + o + j * L);
                for (int m = 0; m < ROWS; m++) {
                  s[m][j] = s[m][j] * wj + psa[o + i + m] * bj + pv[o + i + m] * kj;
                  store(past[q + 1][m] + j * L, s[m][j]);
                }
              }
            }
          }
          vec ds[ROWS][R];
          for (int m = 0; m < ROWS; m++)
            for (int j = 0; j < R; j++) ds[m][j] = load(dS + (i + m) * N + j * L);
          for (int q = BLOCK - 1; q >= 0; q--) {
            const int64_t o = ((n * T + c * BLOCK + q) * H + h) * N;
            vec dvi[ROWS] = {}, dsa[ROWS] = {};
            for (int j = 0; j < R; j++) {
              float *p = &acc[q][0][j * L];
              vec gr = load(p), gw = load(p + N), gk = load(p + 2 * N), gb = load(p + 4 * N);
              const vec rj = load(pr + o + j * L), kj = load(pk + o + j * L), bj = load(pb + o + j * L);
              for (int m = 0; m < ROWS; m++) {
                const float d = pdy[o + i + m];
                const vec g = ds[m][j] + d * rj;
                gr += d * load(past[q + 1][m] + j * L);
                gw += g * load(past[q][m] + j * L);
                gk += g * pv[o + i + m];
                gb += g * psa[o + i + m];
                dvi[m] += g * kj;
                dsa[m] += g * bj;
                ds[m][j] = g;
              }
              store(p, gr);
              store(p + N, gw);
              store(p + 2 * N, gk);
              store(p + 4 * N, gb);
            }
            float x[ROWS];
            for (int m = 0; m < ROWS; m++) {
              dv[o + i + m] = sum(dvi[m]);
              x[m] = sum(dsa[m]);
            }
            for (int j = 0; j < R; j++) {
              float* p = &acc[q][3][j * L];
              vec ga = load(p);
              const vec wj = load(pw + o + j * L), aj = load(pa + o + j * L);
              for (int m = 0; m < ROWS; m++) {
                ga += x[m] * load(past[q][m] + j * L);
                ds[m][j] = ds[m][j] * wj + x[m] * aj;
              }
              store(p, ga);
            }
          }
          for (int m = 0; m < ROWS; m++)
            for (int j = 0; j < R; j++) store(dS + (i + m) * N + j * L, ds[m][j]);
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
