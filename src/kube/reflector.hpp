#pragma once
// How a kind is mirrored, as a state machine without I/O: LIST in pages, WATCH from there, relist
// only when the position is lost. The shell (informer.cpp) does what next() says and reports what
// came of it. After client-go's reflector; protocol:
// kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes

#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "aio/aio.hpp"
#include "base/clock.hpp"
#include "base/failure.hpp"
#include "kube/informer.hpp"

namespace kube {

class reflector {
  public:
    enum class step : std::uint8_t { list, watch, wait };
    struct order {
        step what = step::list;
        std::string resource_version{};  // list: with match; watch: from here
        std::string continue_token{};    // list: the next page
        std::chrono::seconds timeout{};  // watch
        std::chrono::milliseconds wait{};
    };

    reflector(informer_options how, informer_listener& listener);

    [[nodiscard]] order next();

    // One page of a LIST, as the server wrote it. Failure: corrupt.
    base::outcome<void> on_page(std::string_view text);
    void on_list_failed(const base::failure& why);
    void on_watch_opened();
    // Bytes of the stream as they come, cut anywhere. Failures end the stream: gone (relist),
    // corrupt, unavailable (an ERROR frame).
    base::outcome<void> on_bytes(std::string_view bytes);
    void on_watch_ended();  // properly
    void on_watch_failed(const base::failure& why);

    [[nodiscard]] const informer_counters& counters() const noexcept { return counters_; }
    // A watch that is silent for longer is dead.
    [[nodiscard]] std::chrono::seconds silence_max() const noexcept { return silence_max_; }

  private:
    base::outcome<void> on_frame(std::string_view frame);
    void upsert(object_meta meta, std::string_view text);
    void finish_list();
    void back_off(const base::failure& why);
    void relist(const std::string& why);
    void set_link(bool connected, const std::string& why);

    informer_options how_;
    informer_listener& listener_;
    std::mt19937_64 random_;
    aio::backoff backoff_;
    bool must_wait_ = false;
    bool is_listing_ = true;
    bool is_connected_ = false;
    bool from_any_version_ = false;  // the server does not know our version: ask for the newest
    std::string continue_token_;
    std::string version_;
    std::string partial_;  // of a frame
    std::chrono::seconds silence_max_{600};
    // namespace/name -> uid of everything that the listener was told
    std::unordered_map<std::string, object_meta> known_;
    std::unordered_set<std::string> listed_;
    informer_counters counters_;
};

}  // namespace kube
