#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "cuda/runtime/check.hpp"

// What validate.cpp asks NVIDIA's libraries, or what stands in for them.
namespace faltung::test {

/// A row of validated.md.
struct Question {
  std::string name;
  std::function<std::string()> answer;
};
[[nodiscard]] std::vector<Question> cufft_questions();
[[nodiscard]] std::vector<Question> cublaslt_questions();
[[nodiscard]] std::vector<Question> cudnn_questions();

/// Device memory with these values.
template <typename T>
class Buffer {
 public:
  explicit Buffer(const std::vector<T>& values) : count_(values.size()) {
    cuda::check(cudaMalloc(&data_, count_ * sizeof(T)), "allocate values");
    cuda::check(cudaMemcpy(data_, values.data(), count_ * sizeof(T), cudaMemcpyHostToDevice),
                "copy values");
  }
  explicit Buffer(std::size_t count) : Buffer(std::vector<T>(count)) {}
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { (void)cudaFree(data_); }
  [[nodiscard]] T* data() const { return static_cast<T*>(data_); }
  [[nodiscard]] std::vector<T> read() const {
    std::vector<T> values(count_);
    cuda::check(cudaDeviceSynchronize(), "wait");
    cuda::check(cudaMemcpy(values.data(), data_, count_ * sizeof(T), cudaMemcpyDeviceToHost),
                "read values");
    return values;
  }

 private:
  void* data_ = nullptr;
  std::size_t count_;
};

}  // namespace faltung::test
