#pragma once
// Exporter pages of databases that are not there: for each engine the series that the platform maps
// (scrape/tables) among several hundred that it passes over, in the proportions of real exporters.
// Values are functions of seed, database and time: counters only grow, gauges swing. Pure; a
// template is built once and used for every database of its engine.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace synthetic {

class page_template {
  public:
    explicit page_template(std::string_view engine);

    // The page of one database at a time (seconds since any fixed instant). The same arguments give
    // the same bytes.
    [[nodiscard]] std::string page(std::uint64_t database, double seconds) const;
    // The same for a database that does not answer its exporter.
    [[nodiscard]] std::string page_of_dead() const;
    [[nodiscard]] std::size_t series() const noexcept { return slots_.size(); }

  private:
    enum class motion : std::uint8_t { constant, swings, grows, instant };
    struct slot {
        std::size_t text_end = 0;  // of what stands before the value, in text_
        motion how = motion::constant;
        double scale = 1;
        std::uint64_t salt = 0;
    };
    void head(std::string_view name, motion how);
    void line(std::string_view name, std::string_view labels, motion how, double scale);
    void add_mapped(std::string_view engine);
    void add_passed_over(std::string_view engine);

    std::string text_;  // everything but the values
    std::vector<slot> slots_;
    std::string up_;  // the engine's own up series
};

// splitmix64 (Steele, Lea, Flood 2014): one number out of two, well mixed.
std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept;
// In [0, 1).
double fraction(std::uint64_t mixed) noexcept;

}  // namespace synthetic
