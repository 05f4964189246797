#pragma once
// Parses exporter pages: Prometheus text format 0.0.4 and OpenMetrics 1.0, both with names in
// quotes. One pass over the bytes, without a copy or an allocation per line. A page_reader is
// reused for many pages, by one thread at a time. The page must outlive the samples that are read
// from it.

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

// Returns the format of a Content-Type; "" means text. Errors: corrupt/"wrong_media_type".
base::outcome<page_format> format_of(std::string_view content_type);

struct page_limits {
    std::size_t page_bytes = std::size_t{8} * 1024 * 1024;
    std::size_t line_bytes = std::size_t{64} * 1024;  // of a line that is parsed
    std::size_t labels = 64;                          // of one sample
};

struct label {
    std::string_view name;   // as written on the page, without quotes
    std::string_view value;  // as written on the page
    bool escaped = false;    // the value has escapes: use unescaped(value)
};

// Resolves the escapes \\, \" and \n.
std::string unescaped(std::string_view value);

struct sample {
    std::string_view name;
    std::span<const label> labels;  // owned by the reader, valid until the next sample
    double value = 0;
    std::uint32_t name_index = 0;  // position in the name_table of open()
};

// A fixed set of metric names with a hash table. The names must outlive it.
class name_table {
  public:
    static constexpr std::uint32_t absent = UINT32_MAX;
    name_table() = default;
    explicit name_table(std::vector<std::string_view> names);                // distinct
    [[nodiscard]] std::uint32_t find(std::string_view name) const noexcept;  // position or absent
    [[nodiscard]] std::span<const std::string_view> names() const noexcept { return names_; }

  private:
    std::vector<std::string_view> names_;
    std::vector<std::uint32_t> slots_;  // a power of two, at most a quarter full
};

class page_reader {
  public:
    explicit page_reader(page_limits limits = {}) : limits_(limits) {}

    // Starts a page. With `wanted`, next() yields only the samples of these names. It skips the
    // other lines, whatever their length and syntax. It then finds the counters of an OpenMetrics
    // page under their name without "_total" too. Without `wanted`, next() yields every sample and
    // validates every line. The table must outlive the page.
    void open(std::string_view page, page_format format, const name_table* wanted = nullptr);

    // Reads the next sample. Returns false at the end of the page and at the first error.
    bool next(sample& out);

    // Reports how the page ended. Errors: corrupt (with the line number), limit/"page_too_large".
    // Precondition: next() has returned false.
    [[nodiscard]] base::outcome<void> finish() const;

    // Returns the line number of the last sample, starting at 1. Counts the lines on each call.
    [[nodiscard]] std::size_t line() const noexcept;

  private:
    enum class verdict : std::uint8_t { sample, skipped, failed };
    bool fail(const char* problem) noexcept;
    verdict read_line(sample& out);
    verdict read_quoted_line(const char* cursor, sample& out);
    verdict read_rest(const char* cursor, sample& out);
    bool read_comment();
    [[nodiscard]] bool is_line_too_long() const noexcept;
    verdict without_name(const char* problem) noexcept;
    bool read_name(const char*& cursor);
    bool read_quoted_name(const char*& cursor);
    bool choose_name();
    bool read_labels(const char*& cursor);
    bool read_quoted_label_name(const char*& cursor, label& out);
    bool read_label_value(const char*& cursor, label& out);
    bool read_value(const char*& cursor, double& value);
    bool read_tail(const char* cursor);
    bool read_exemplar(const char* cursor);
    void skip_blanks(const char*& cursor) const noexcept;

    page_limits limits_;
    const name_table* wanted_ = nullptr;
    page_format format_ = page_format::text;
    const char* begin_ = nullptr;  // the page
    const char* end_ = nullptr;
    const char* next_line_ = nullptr;
    const char* line_begin_ = nullptr;  // the current line, without its line feed
    const char* line_end_ = nullptr;
    std::string_view name_;                          // of the current line
    std::string_view last_name_;                     // of the previous line
    std::uint32_t last_index_ = name_table::absent;  // of last_name_
    bool eof_seen_ = false;
    bool is_too_large_ = false;
    const char* problem_ = nullptr;
    std::vector<label> labels_;
};

// Parses a number as Go's strconv.ParseFloat does, without underscores: "12", "-1.5e3", "0x1p-2",
// "NaN", "+Inf". Returns nullopt for other text.
std::optional<double> parse_number(std::string_view text) noexcept;

}  // namespace scrape
