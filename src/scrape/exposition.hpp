#pragma once
// Reads exporter pages: Prometheus text format 0.0.4 and OpenMetrics 1.0 (the format documents of
// the same names). One pass over the bytes, nothing is copied or allocated per line; a page_reader
// is reused from page to page. Plain object, one thread at a time; the page must outlive what is
// read from it.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/failure.hpp"

namespace scrape {

enum class page_format : std::uint8_t { text, openmetrics };

// By Content-Type; empty means text. Failure: corrupt/"wrong_media_type".
base::outcome<page_format> format_of(std::string_view content_type);

struct page_limits {
    std::size_t page_bytes = std::size_t{8} * 1024 * 1024;
    std::size_t line_bytes = std::size_t{64} * 1024;
    std::size_t labels = 64;  // of one sample
};

struct label {
    std::string_view name;
    std::string_view value;  // as written on the page
    bool escaped = false;    // value holds escapes: compare and show unescaped(value)
};

// \\, \" and \n resolved.
std::string unescaped(std::string_view value);

struct sample {
    std::string_view name;
    std::span<const label> labels;  // in the reader's memory: valid until the next sample
    double value = 0;
    std::uint32_t name_index = 0;  // position in the name_table that the page is read with
};

// A fixed set of metric names with a hash table made for it. The names must outlive it.
class name_table {
  public:
    static constexpr std::uint32_t absent = UINT32_MAX;
    name_table() = default;
    explicit name_table(std::vector<std::string_view> names);                // without repetitions
    [[nodiscard]] std::uint32_t find(std::string_view name) const noexcept;  // position or absent
    [[nodiscard]] std::span<const std::string_view> names() const noexcept { return names_; }

  private:
    std::vector<std::string_view> names_;
    std::vector<std::uint32_t> slots_;  // a power of two, at most a quarter full
};

class page_reader {
  public:
    explicit page_reader(page_limits limits = {}) : limits_(limits) {}

    // Begins a page. With `wanted` only samples of these names are yielded and the lines of others
    // are passed over without a look at more than their name; counters of OpenMetrics pages are
    // found under their name without "_total" too. Without it every sample is yielded and every
    // line judged. The table must outlive the reading.
    void open(std::string_view page, page_format format, const name_table* wanted = nullptr);

    // The next sample; false at the end of the page and at the first fault.
    bool next(sample& into);

    // After next() said false. Failures: corrupt (with the line number), limit/"page_too_large".
    [[nodiscard]] base::outcome<void> finish() const;

    [[nodiscard]] std::size_t line()
        const noexcept;  // of the last sample, from 1; counted on demand

  private:
    enum class verdict : std::uint8_t { sample, skipped, failed };
    bool fail(const char* what) noexcept;
    verdict read_line(sample& into);
    bool read_comment();
    bool read_name(const char*& at);
    bool choose_name();
    bool read_labels(const char*& at);
    bool read_label_value(const char*& at, label& into);
    bool read_value(const char*& at, double& value);
    bool read_tail(const char* at);
    bool read_exemplar(const char* at);
    void skip_blanks(const char*& at) const noexcept;

    page_limits limits_;
    const name_table* wanted_ = nullptr;
    page_format format_ = page_format::text;
    const char* begin_ = nullptr;  // the page
    const char* end_ = nullptr;
    const char* next_line_ = nullptr;
    const char* line_begin_ = nullptr;  // the present line, without its line feed
    const char* line_end_ = nullptr;
    std::string_view name_;       // of the present line
    std::string_view last_name_;  // of the line before, with what was found for it
    std::uint32_t last_index_ = name_table::absent;
    bool eof_seen_ = false;
    const char* fault_ = nullptr;
    std::vector<label> labels_;
};

// "12", "-1.5e3", "0x1p-2", "NaN", "+Inf"; nothing when the text is not a number. Go's
// strconv.ParseFloat without underscores.
std::optional<double> parse_number(std::string_view text) noexcept;

}  // namespace scrape
