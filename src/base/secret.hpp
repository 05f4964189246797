#pragma once
// A string that must not be printed: it has no stream operator and no formatter; reveal() is the
// only way out and easy to search for. The bytes are overwritten when it dies.

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
    // What logs and reference pages show instead.
    [[nodiscard]] static std::string_view mask() noexcept { return "***"; }
    bool operator==(const secret&) const = default;

  private:
    void wipe() noexcept {
        volatile char* bytes = value_.data();
        for (std::size_t at = 0; at < value_.size(); ++at) bytes[at] = 0;
        value_.clear();
    }
    std::string value_;
};

}  // namespace base
