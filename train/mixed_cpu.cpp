// The loss of mixed.py on a CPU: from logits to its value and its gradient by the logits, in their place.
//
// The right answers on the way to a token leave ranges of ranks, each within the one before. So the sums over them are built
// from the inside outwards, each wrong answer's share as a sum of its own: nothing is subtracted, and single precision
// will do. Outwards in, the gradient of a rank is a sum over the ranges that hold it. Both read every rank once.
#include <torch/extension.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace {

float sum(const float* e, int from, int to) {
  float s = 0;
  for (int j = from; j < to; j++) s += e[j];
  return s;
}

void scale(float* e, int from, int to, float by) {
  for (int j = from; j < to; j++) e[j] *= by;
}

template <typename T>
const T* ptr(const at::Tensor& t) {
  TORCH_CHECK(t.is_contiguous(), "mixed: expected contiguous tensors");
  return t.const_data_ptr<T>();
}

}  // namespace

// logits [n, V] in order of ranks; targets [n] ids; mixed [n, most, 2] as stored: R and a; first and count by id; lo and hi by
// decision. Returns the sum of the losses.
double mixed(at::Tensor logits, at::Tensor targets, at::Tensor mixed, at::Tensor first, at::Tensor count, at::Tensor lo,
             at::Tensor hi, float rest_unit, float share_unit, float clip) {
  const int64_t n = logits.size(0), V = logits.size(1), most = mixed.size(1);
  ptr<float>(logits);
  float* z = logits.data_ptr<float>();
  const int64_t *target = ptr<int64_t>(targets), *begin = ptr<int64_t>(first), *counts = ptr<int64_t>(count);
  const int64_t *los = ptr<int64_t>(lo), *his = ptr<int64_t>(hi);
  const int8_t* odds = ptr<int8_t>(mixed);
  std::vector<float> right(most), wrong(most), by(most + 1);
  double total = 0;
  for (int64_t i = 0; i < n; i++, z += V, odds += 2 * most) {
    float top = z[0];
    for (int64_t j = 0; j < V; j++) top = std::max(top, z[j]);
    for (int64_t j = 0; j < V; j++) z[j] = std::exp(z[j] - top);
    const int64_t steps = counts[target[i]], *l = los + begin[target[i]], *h = his + begin[target[i]];
    float inside = z[l[steps - 1]];
    for (int64_t k = steps - 1; k >= 0; k--) {
      const int64_t from = k ? l[k - 1] : 0, to = k ? h[k - 1] : V;
      right[k] = std::max(inside, 1e-30f);
      wrong[k] = std::max(sum(z, from, l[k]) + sum(z, h[k], to), 1e-30f);
      inside += wrong[k];
    }
    // What each range's sum gains: as the right answer of one decision, and as all there is of the next.
    std::fill(by.begin(), by.end(), 0.f);
    for (int64_t k = 0; k < steps; k++) {
      const float rest = odds[2 * k] / rest_unit, share = odds[2 * k + 1] / share_unit;
      const float x = std::log(right[k] / wrong[k]), y = share * std::clamp(x, -clip, clip) + rest;
      total += y > 0 ? std::log1p(std::exp(-y)) : std::log1p(std::exp(y)) - y;
      if (std::abs(x) >= clip) continue;
      const float g = -share / (1 + std::exp(y));
      by[k + 1] += g / right[k] + g / wrong[k];
      by[k] -= g / wrong[k];
    }
    float gradient = 0;
    for (int64_t k = 0; k < steps; k++) {
      const int64_t from = k ? l[k - 1] : 0, to = k ? h[k - 1] : V;
      gradient += by[k];
      scale(z, from, l[k], gradient);
      scale(z, h[k], to, gradient);
    }
    z[l[steps - 1]] *= gradient + by[steps];
  }
  return total;
}

PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) { m.def("mixed", &mixed); }
