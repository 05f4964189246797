#include "base/failure.hpp"

namespace base {

std::string_view name(errc code) noexcept {
    switch (code) {
        case errc::invalid:
            return "invalid";
        case errc::not_found:
            return "not_found";
        case errc::conflict:
            return "conflict";
        case errc::precondition:
            return "precondition_failed";
        case errc::denied:
            return "denied";
        case errc::limit:
            return "limit_exceeded";
        case errc::unavailable:
            return "unavailable";
        case errc::timed_out:
            return "timed_out";
        case errc::cancelled:
            return "cancelled";
        case errc::unsupported:
            return "unsupported";
        case errc::gone:
            return "gone";
        case errc::corrupt:
            return "corrupt";
        case errc::internal:
            return "internal";
    }
    return "internal";
}

failure failure::in(std::string_view context) && {
    text.insert(0, std::string(context) + ": ");
    return std::move(*this);
}

failure failure::in(std::string_view context) const& {
    return failure(*this).in(context);
}

}  // namespace base
