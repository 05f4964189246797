#pragma once
// A string that must not be printed. The class has no stream operator and no formatter; reveal() is
// the only access and easy to search for. The destructor overwrites the bytes.

#include <string>
#include <string_view>
#include <utility>

namespace base {

class secret {
  public:
    secret() = default;
    explicit secret(std::string value) : value_(std::move(value)) {}
    secret(const secret&) = default;
    secret(secret&& other) noexcept : value_(std::move(other.value_)) { other.wipe(); }
    secret& operator=(const secret& other) {
        if (this != &other) {
            wipe();
            value_ = other.value_;
        }
        return *this;
    }
    secret& operator=(secret&& other) noexcept {
        if (this != &other) {
            wipe();
            value_ = std::move(other.value_);
            other.wipe();
        }
        return *this;
    }
    ~secret() { wipe(); }

    [[nodiscard]] const std::string& reveal() const noexcept { return value_; }
    [[nodiscard]] bool empty() const noexcept { return value_.empty(); }
    // Returns the text that logs and reference pages show instead.
    [[nodiscard]] static std::string_view mask() noexcept { return "***"; }
    bool operator==(const secret&) const = default;

  private:
    void wipe() noexcept {
        volatile char* bytes = value_.data();
        for (std::size_t i = 0; i < value_.size(); ++i) bytes[i] = 0;
        value_.clear();
    }
    std::string value_;
};

}  // namespace base
