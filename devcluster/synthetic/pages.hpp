#pragma once
// Exporter pages of simulated databases. A page contains the series that the platform maps and
// several hundred that it ignores, in the proportions of real exporters. Values are functions of
// seed, database and time: counters grow, gauges oscillate. Pure. A template is built once per
// engine.

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace synthetic {

class page_template {
  public:
    explicit page_template(std::string_view engine);

    // The page of a database at a time in seconds since a fixed instant. Equal arguments return
    // equal bytes.
    [[nodiscard]] std::string page(std::uint64_t database, double seconds) const;
    // The page of an exporter whose database is unavailable.
    [[nodiscard]] std::string page_of_unavailable() const;
    [[nodiscard]] std::size_t series() const noexcept { return slots_.size(); }

  private:
    enum class motion : std::uint8_t { constant, swings, grows, instant };
    struct slot {
        std::size_t text_end = 0;  // end of the text before the value, in text_
        motion kind = motion::constant;
        double scale = 1;
        std::uint64_t salt = 0;
    };
    void head(std::string_view name, motion kind);
    void line(std::string_view name, std::string_view labels, motion kind, double scale);
    void add_mapped(std::string_view engine);
    void add_padding(std::string_view engine);

    std::string text_;                             // the page without values
    std::set<std::string, std::less<>> families_;  // names
    std::vector<slot> slots_;
    std::string up_;  // name of the engine's up series
};

// Combines two numbers with splitmix64 (Steele, Lea, Flood 2014).
std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept;
// In [0, 1).
double fraction(std::uint64_t mixed) noexcept;

}  // namespace synthetic
