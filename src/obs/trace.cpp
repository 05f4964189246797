#include "obs/trace.hpp"

#include <algorithm>
#include <span>

namespace obs {
namespace {

constexpr std::string_view digits = "0123456789abcdef";
constexpr std::size_t traceparent_size = 55;

void write_hex(std::span<const unsigned char> bytes, char* out) noexcept {
    for (const auto byte : bytes) {
        *out++ = digits[byte >> 4U];
        *out++ = digits[byte & 15U];
    }
}

std::string hex(std::span<const unsigned char> bytes) {
    std::string text(bytes.size() * 2, '0');
    write_hex(bytes, text.data());
    return text;
}

// Returns false unless the text is lower-case hexadecimal. Precondition: it has 2 * out.size()
// characters.
bool read_hex(std::string_view text, std::span<unsigned char> out) noexcept {
    for (std::size_t i = 0; i < out.size(); ++i) {
        const auto high = digits.find(text[2 * i]);
        const auto low = digits.find(text[2 * i + 1]);
        if (high == std::string_view::npos || low == std::string_view::npos) return false;
        out[i] = static_cast<unsigned char>(high << 4U | low);
    }
    return true;
}

bool is_zero(std::span<const unsigned char> bytes) noexcept {
    return std::ranges::all_of(bytes, [](unsigned char byte) { return byte == 0; });
}

class disabled_tracer final : public tracer {
  public:
    [[nodiscard]] bool is_enabled() const noexcept override { return false; }
    [[nodiscard]] trace_context start(const std::optional<trace_context>&) noexcept override {
        return {};
    }
    void finish(span) noexcept override {}
};

}  // namespace

std::optional<trace_context> parse_traceparent(std::string_view text) noexcept {
    if (text.size() < traceparent_size || text[2] != '-' || text[35] != '-' || text[52] != '-') {
        return std::nullopt;
    }
    std::array<unsigned char, 1> version{};
    std::array<unsigned char, 1> flags{};
    if (!read_hex(text.substr(0, 2), version) || version[0] == 0xFF) return std::nullopt;
    const bool has_further_parts = text.size() > traceparent_size;
    if (has_further_parts && (version[0] == 0 || text[traceparent_size] != '-')) {
        return std::nullopt;
    }
    trace_context context;
    if (!read_hex(text.substr(3, 32), context.trace_id) || is_zero(context.trace_id) ||
        !read_hex(text.substr(36, 16), context.span_id) || is_zero(context.span_id) ||
        !read_hex(text.substr(53, 2), flags)) {
        return std::nullopt;
    }
    context.is_sampled = (flags[0] & 1U) != 0;
    return context;
}

std::string to_traceparent(const trace_context& context) {
    std::string text(traceparent_size, '-');
    text[0] = text[1] = '0';
    write_hex(context.trace_id, text.data() + 3);
    write_hex(context.span_id, text.data() + 36);
    text[53] = '0';
    text[54] = context.is_sampled ? '1' : '0';
    return text;
}

std::string hex_text(const trace_id_bytes& id) {
    return hex(id);
}

std::string hex_text(const span_id_bytes& id) {
    return hex(id);
}

trace_field::trace_field(const trace_context& context) noexcept : has_trace_(context.has_trace()) {
    if (has_trace_) write_hex(context.trace_id, text_.data());
}

field trace_field::value() const noexcept {
    if (!has_trace_) return {"", ""};
    return {"trace_id", std::string_view(text_.data(), text_.size())};
}

tracer& null_tracer() noexcept {
    static disabled_tracer disabled;
    return disabled;
}

active_span::active_span(tracer& target, const base::clock& clock,
                         const std::optional<trace_context>& parent, const settings& settings)
    : tracer_(target), clock_(clock) {
    if (!parent || !parent->is_sampled) return;
    data_.context = target.start(parent);
    data_.parent_id = parent->span_id;
    begin(settings);
}

active_span::active_span(tracer& target, const base::clock& clock, const settings& settings)
    : tracer_(target), clock_(clock) {
    if (!target.is_enabled()) return;
    data_.context = target.start(std::nullopt);
    begin(settings);
}

active_span::~active_span() {
    if (!is_active()) return;
    data_.duration = clock_.now() - started_at_;
    tracer_.finish(std::move(data_));
}

void active_span::begin(const settings& settings) {
    if (!is_active()) return;
    started_at_ = clock_.now();
    data_.start = clock_.utc_now();
    data_.kind = settings.kind;
    data_.name = settings.name;
    if (settings.object.empty()) return;
    data_.name += ' ';
    data_.name += settings.object;
}

std::optional<trace_context> active_span::child_parent() const noexcept {
    if (!is_active()) return std::nullopt;
    return data_.context;
}

void active_span::add(std::string_view name, std::string_view value) {
    if (is_active()) data_.attributes.emplace_back(name, value);
}

void active_span::add(std::string_view name, std::int64_t value) {
    if (is_active()) data_.numbers.emplace_back(name, value);
}

void active_span::fail(std::string_view error_type) {
    if (!is_active()) return;
    data_.status = span_status::error;
    add("error.type", error_type);
}

}  // namespace obs
