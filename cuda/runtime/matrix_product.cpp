#include "cuda/runtime/matrix_product.hpp"

#include <map>
#include <mutex>
#include <new>
#include <string_view>
#include <utility>

#include <faltung/error.hpp>

#include "cpp/core/message.hpp"
#include "cuda/runtime/check.hpp"
#include "cuda/runtime/vendor_library.hpp"

namespace faltung::cuda {
namespace {

using namespace cublaslt;  // NOLINT: declared for this file and its tests

void check(Status status, std::string_view function) {
  if (status == Status::success) return;
  // Without memory, the planner asks another engine.
  if (status == Status::alloc_failed) throw std::bad_alloc();
  throw DeviceError(message(function, " of cuBLASLt ", to_string(cublaslt_library().version()),
                            " failed: ", name(status), " (", static_cast<int>(status), ')'));
}

// Of the current device. One serves all threads and streams of a process; it is never destroyed,
// since the driver may be gone when a process ends.
Handle handle() {
  static std::mutex mutex;
  static auto* const handles = new std::map<int, Handle>;
  int device = 0;
  cuda::check(cudaGetDevice(&device), "read the current device");
  const std::lock_guard lock(mutex);
  Handle& known = (*handles)[device];  // a place first: no handle is lost where there is none
  if (known == nullptr) check(functions().create(&known), "cublasLtCreate");
  return known;
}

// A description of the library, destroyed by `destroy`, a member of Functions.
template <typename Pointer, Status (*Functions::*destroy)(Pointer)>
class Owned {
 public:
  Owned() = default;
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  ~Owned() {
    if (pointer_ != nullptr) (void)(functions().*destroy)(pointer_);
  }
  [[nodiscard]] Pointer* to() { return &pointer_; }
  [[nodiscard]] Pointer get() const { return pointer_; }

 private:
  Pointer pointer_ = nullptr;
};
using OwnedProduct = Owned<ProductDescription, &Functions::product_destroy>;
using OwnedMatrix = Owned<MatrixDescription, &Functions::matrix_destroy>;
using OwnedPreference = Owned<Preference, &Functions::preference_destroy>;

Compute compute_of(Type operand, bool tf32) {
  if (tf32) return Compute::tf32;
  return operand == Type::f64 ? Compute::f64 : operand == Type::i8 ? Compute::i32 : Compute::f32;
}
Type scale_of(Type operand) {
  return operand == Type::f64 ? Type::f64 : operand == Type::i8 ? Type::i32 : Type::f32;
}

// What may compute it: nothing that rounds operands, unless that is asked for, or sums.
std::uint64_t implementations_of(Type operand, bool tf32) {
  using namespace implementation;  // NOLINT
  if (tf32) return fma | tensor | sums_f32 | of_tf32 | of_f32;
  switch (operand) {
    case Type::f64:
      return fma | tensor | sums_f64 | of_f64;
    case Type::f16:
      return fma | tensor | sums_f32 | of_f16 | of_f32;
    case Type::bf16:
      return fma | tensor | sums_f32 | of_bf16 | of_f32;
    case Type::i8:
      return fma | tensor | sums_i32 | of_i8;
    default:
      return fma | sums_f32 | of_f32;
  }
}

template <typename T>
void set(ProductDescription product, ProductAttribute attribute, const T& value) {
  check(functions().product_set(product, attribute, &value, sizeof(T)),
        "cublasLtMatmulDescSetAttribute");
}
template <typename T>
void set(MatrixDescription matrix, MatrixAttribute attribute, const T& value) {
  check(functions().matrix_set(matrix, attribute, &value, sizeof(T)),
        "cublasLtMatrixLayoutSetAttribute");
}
template <typename T>
void set(Preference preference, PreferenceAttribute attribute, const T& value) {
  check(functions().preference_set(preference, attribute, &value, sizeof(T)),
        "cublasLtMatmulPreferenceSetAttribute");
}

void describe(OwnedProduct& to, const ProductShape& shape, const void* bias) {
  check(functions().product_create(to.to(), compute_of(shape.a.type, shape.tf32),
                                   scale_of(shape.a.type)),
        "cublasLtMatmulDescCreate");
  const auto operation = [](bool transposed) {
    return transposed ? Operation::transposed : Operation::plain;
  };
  set(to.get(), ProductAttribute::transpose_a, operation(shape.transpose_a));
  set(to.get(), ProductAttribute::transpose_b, operation(shape.transpose_b));
  set(to.get(), ProductAttribute::finish, shape.finish);
  if (bias != nullptr) set(to.get(), ProductAttribute::bias_pointer, bias);
}

void describe(OwnedMatrix& to, const MatrixShape& shape, std::int32_t batch) {
  check(functions().matrix_create(to.to(), shape.type, static_cast<std::uint64_t>(shape.rows),
                                  static_cast<std::uint64_t>(shape.columns), shape.leading),
        "cublasLtMatrixLayoutCreate");
  if (batch == 1) return;
  set(to.get(), MatrixAttribute::batch_count, batch);
  set(to.get(), MatrixAttribute::batch_step, shape.step);
}

void describe(OwnedPreference& to, const ProductShape& shape, std::uint64_t max_workspace) {
  check(functions().preference_create(to.to()), "cublasLtMatmulPreferenceCreate");
  set(to.get(), PreferenceAttribute::max_workspace_bytes, max_workspace);
  set(to.get(), PreferenceAttribute::reduction_schemes,
      std::uint32_t{reduction::none | reduction::compute_type});
  set(to.get(), PreferenceAttribute::min_alignment_a, shape.a.alignment);
  set(to.get(), PreferenceAttribute::min_alignment_b, shape.b.alignment);
  set(to.get(), PreferenceAttribute::min_alignment_c, shape.d.alignment);
  set(to.get(), PreferenceAttribute::min_alignment_d, shape.d.alignment);
  set(to.get(), PreferenceAttribute::implementations, implementations_of(shape.a.type, shape.tf32));
}

}  // namespace

struct MatrixProduct::Descriptions {
  OwnedProduct product;
  OwnedMatrix a, b, d;
};

MatrixProduct::MatrixProduct(const ProductShape& shape, std::size_t max_workspace)
    : shape_(shape), descriptions_(std::make_unique<Descriptions>()) {
  const Handle own = handle();
  Descriptions& all = *descriptions_;
  OwnedPreference preference;
  describe(all.product, shape, nullptr);
  describe(all.a, shape.a, shape.batch);
  describe(all.b, shape.b, shape.batch);
  describe(all.d, shape.d, shape.batch);
  describe(preference, shape, max_workspace);
  constexpr int wanted = 8;  // the first may need what is not there
  Proposal proposals[wanted];
  int found = 0;
  const Status status =
      functions().propose(own, all.product.get(), all.a.get(), all.b.get(), all.d.get(),
                          all.d.get(), preference.get(), wanted, proposals, &found);
  if (status == Status::not_supported) return;
  check(status, "cublasLtMatmulAlgoGetHeuristic");
  for (int i = 0; i < found && !offered_; ++i) {
    const Proposal& one = proposals[i];
    if (one.state != Status::success || one.workspace_bytes > max_workspace) continue;
    algorithm_ = one.algorithm;
    workspace_bytes_ = one.workspace_bytes;
    offered_ = true;
  }
}

MatrixProduct::MatrixProduct(MatrixProduct&&) noexcept = default;
MatrixProduct& MatrixProduct::operator=(MatrixProduct&&) noexcept = default;
MatrixProduct::~MatrixProduct() = default;

void MatrixProduct::run(cudaStream_t stream, const void* a, const void* b, void* d, bool add,
                        void* workspace, const void* bias) const {
  const Descriptions& all = *descriptions_;
  // The address of a bias is part of the description, which other threads read.
  OwnedProduct own;
  if (bias != nullptr) describe(own, shape_, bias);
  const ProductDescription product = bias != nullptr ? own.get() : all.product.get();
  const auto multiply = [&](const void* one, const void* beta) {
    check(functions().multiply(handle(), product, one, a, all.a.get(), b, all.b.get(), beta, d,
                               all.d.get(), d, all.d.get(), &algorithm_, workspace,
                               workspace_bytes_, stream),
          "cublasLtMatmul");
  };
  const auto with = [&](auto one) {
    const auto beta = static_cast<decltype(one)>(add ? 1 : 0);
    multiply(&one, &beta);
  };
  switch (scale_of(shape_.a.type)) {
    case Type::f64:
      return with(double{1});
    case Type::i32:
      return with(std::int32_t{1});
    default:
      return with(float{1});
  }
}

}  // namespace faltung::cuda
