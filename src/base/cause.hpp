#pragma once
// The machine-readable cause of a failure: an enumerator of an enum that the creating module
// declares, for example http::failure_cause::not_sent. A caller compares or switches on the
// enumerator. The text of `failure::reason` is for people and for JSON only. Plain value, usable on
// every thread.

#include <concepts>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

namespace base {

// An enum of causes: `name(value)` returns its spelling, which becomes `failure::reason`.
template <class Enum>
concept cause_enum = std::is_scoped_enum_v<Enum> && sizeof(Enum) == 1 && requires(Enum value) {
    { name(value) } -> std::convertible_to<std::string_view>;
};

class cause {
  public:
    constexpr cause() noexcept = default;
    template <cause_enum Enum>
    constexpr cause(Enum value) noexcept  // NOLINT(google-explicit-constructor): a cause is a value
        : type_(&type_id<Enum>), value_(static_cast<std::uint8_t>(value)) {}

    // Returns the enumerator. Returns nullopt if the cause is empty or belongs to another enum.
    template <cause_enum Enum>
    [[nodiscard]] constexpr std::optional<Enum> as() const noexcept {
        if (type_ != &type_id<Enum>) return std::nullopt;
        return static_cast<Enum>(value_);
    }
    [[nodiscard]] constexpr bool is_empty() const noexcept { return type_ == nullptr; }

    constexpr bool operator==(const cause&) const noexcept = default;

  private:
    template <class Enum>
    static constexpr char type_id = 0;  // its address identifies the enum

    const char* type_ = nullptr;
    std::uint8_t value_ = 0;
};

}  // namespace base
