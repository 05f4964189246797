#pragma once
// The sans-io state machine of the informer: LIST in pages, WATCH from there, relist only after the
// position is lost or useless. informer.cpp runs the actions of next() and reports the results.
// Modelled on the reflector of client-go. Protocol:
// kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>

#include "aio/aio.hpp"
#include "base/clock.hpp"
#include "base/failure.hpp"
#include "kube/decoder.hpp"
#include "kube/frame_buffer.hpp"
#include "kube/informer.hpp"

namespace kube {

class reflector {
  public:
    static constexpr std::chrono::seconds settle_time{2};
    // The reflector lists again after this number of failed watches without progress.
    static constexpr int failed_watches_max = 3;

    enum class action_kind : std::uint8_t { list, watch, wait };
    struct action {
        action_kind kind = action_kind::list;
        std::string resource_version{};  // list: not older than (empty: newest); watch: from here
        std::string continue_token{};    // list: the next page
        bool is_whole = false;           // list: without pages, because a page expired
        bool initial_events = false;     // watch: send first what is there (KEP-3157)
        std::chrono::seconds timeout{};  // watch: timeoutSeconds
        std::chrono::seconds silence_max{};  // watch: a stream silent for longer is dead
        base::steady_time until{};           // wait
    };

    // The listener must outlive it, and must not call it back.
    reflector(informer_options options, informer_listener& listener);

    [[nodiscard]] action next(base::steady_time now);

    // One page of a LIST, as the server wrote it.
    void on_page(base::steady_time now, std::string text);
    void on_list_failed(base::steady_time now, const base::failure& error);

    void on_watch_opened(base::steady_time now);
    // The open watch has delivered no error for settle_time, so a quiet watch counts as connected.
    // After failed_watches_max failures only a line proves that: a conversion webhook may need its
    // whole timeout to fail.
    void on_watch_settled();
    // Accepts bytes of the stream in pieces of any size. Returns false if the stream must be
    // closed; then call next().
    [[nodiscard]] bool on_bytes(base::steady_time now, std::string_view bytes);
    void on_watch_ended(base::steady_time now);                               // properly
    void on_watch_failed(base::steady_time now, const base::failure& error);  // opening or reading

    // The server's history is older than the position, for example after a restore of its storage.
    // The next action is a list of the newest objects. Call only while a watch is open.
    void on_history_lost(base::steady_time now);

    // Reports all known objects as deleted. The next action is a list.
    void forget_all();

    // Returns the version from which the watch continues. Empty during a list.
    [[nodiscard]] std::string position() const;

    [[nodiscard]] const informer_counters& counters() const noexcept { return counters_; }

  private:
    // The next request: pages of a list, a watch that sends all objects first, or a watch from
    // version_.
    enum class phase : std::uint8_t { list, watch_all, watch };
    struct known_object {
        std::string uid;
        std::string resource_version;
        std::uint64_t generation = 0;  // of the complete list that it was last seen in
    };

    [[nodiscard]] action start_watch();
    void begin_list();
    void begin_generation();
    void finish_list(std::string version);
    bool on_frame(base::steady_time now, std::string_view frame);
    bool is_before_position(const watch_event& event) const;
    void on_object(const watch_event& event);
    void on_error_frame(base::steady_time now, std::string_view status);
    void upsert(const object_meta& meta, std::string_view text, bool is_listed);
    void forget(const object_meta& meta);
    void lose_position(base::steady_time now, const base::failure& error);
    void back_off(base::steady_time now, const base::failure& error);
    void note_failed_watch(const base::failure& error);
    void note_success();
    void set_sync_state(bool connected, const std::string& error);

    informer_options options_;
    informer_listener& listener_;
    std::mt19937_64 random_;
    aio::backoff backoff_;
    decoder decoder_;
    frame_buffer frames_;

    phase phase_;
    bool is_watch_list_refused_ = false;
    std::string continue_token_;
    bool is_list_whole_ = false;    // a page expired; the next list has no pages
    std::string version_;           // empty: none, or one that the server does not know
    bool skips_unchanged_ = false;  // in the list under way
    std::uint64_t generation_ = 0;
    std::unordered_map<std::string, known_object> known_;  // "namespace/name"

    base::steady_time resume_at_ = base::steady_time::min();
    base::steady_time failed_at_ = base::steady_time::min();
    base::steady_time opened_at_{};
    std::uint64_t frames_of_stream_ = 0;
    bool is_open_ = false;     // the current watch
    bool is_settled_ = false;  // the current watch
    int losses_in_a_row_ = 0;  // of the position, without news from a watch between
    int failed_watches_ = 0;   // without progress between

    std::optional<bool> is_connected_;
    std::string sync_error_;
    informer_counters counters_;
};

}  // namespace kube
