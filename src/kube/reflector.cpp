#include "kube/reflector.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "json/json_access.hpp"
#include "kube/api_status.hpp"
#include "kube/resource_version.hpp"
#include "kube/status_reason.hpp"

namespace kube {
namespace {

using base::errc;
using base::failure;
using base::steady_time;

constexpr std::size_t frame_bytes_max = 16 * 1024 * 1024;
// The server ends a watch after timeoutSeconds; later it has forgotten us.
constexpr std::chrono::seconds silence_margin{30};
// A watch that ends sooner without an event is a failure.
constexpr std::chrono::seconds short_watch{1};
// Resets the backoff if failures are further apart (as in client-go).
constexpr std::chrono::minutes backoff_memory{2};
constexpr std::chrono::seconds retry_after_max{60};
// From the watch to a list at that version to a list of the newest: these cost no wait.
constexpr int free_losses = 2;

std::string key_of(const object_meta& meta) {
    std::string key;
    key.reserve(meta.ns.size() + 1 + meta.name.size());
    key += meta.ns;
    key += '/';
    key += meta.name;
    return key;
}

object_meta meta_of(const std::string& key, std::string uid, std::string version) {
    const auto slash = key.find('/');
    return {.ns = key.substr(0, slash),
            .name = key.substr(slash + 1),
            .uid = std::move(uid),
            .resource_version = std::move(version)};
}

const failure& history_lost() {
    static const failure error{
        .code = errc::gone,
        .text =
            "the API server has an older history than the known position; its storage may "
            "have been restored"};
    return error;
}

// Returns whether a list can help against the failure of a watch. Not if there was no response, or
// if the server is overloaded or rejected the credentials: a list would only add load.
bool may_list_help(const failure& error) {
    const auto reason = error.cause.as<status_reason>();
    if (!reason) return false;
    switch (*reason) {
        case status_reason::unauthorized:
        case status_reason::too_many_requests:
        case status_reason::service_unavailable:
            return false;
        default:
            return true;
    }
}

bool is_version_too_new(const failure& error) {
    return std::ranges::any_of(error.fields, [](const base::field_error& each) {
        return each.code == "ResourceVersionTooLarge";
    });
}

}  // namespace

reflector::reflector(informer_options options, informer_listener& listener)
    : options_(std::move(options)),
      listener_(listener),
      random_(options_.seed),
      backoff_({.first = options_.retry_first, .max = options_.retry_max}, options_.seed),
      frames_(frame_bytes_max),
      phase_(options_.prefer_watch_list ? phase::watch_all : phase::list) {}

// ---- what to do ----------------------------------------------------------------------

reflector::action reflector::next(steady_time now) {
    if (now < resume_at_) return {.kind = action_kind::wait, .until = resume_at_};
    if (phase_ != phase::list) return start_watch();
    ++counters_.lists;
    if (!continue_token_.empty()) {
        // A continuation carries its version in the token; to name one is an error.
        return {.kind = action_kind::list, .continue_token = continue_token_};
    }
    begin_generation();
    return {.kind = action_kind::list, .resource_version = version_, .is_whole = is_list_whole_};
}

reflector::action reflector::start_watch() {
    ++counters_.watches;
    frames_.clear();
    frames_of_stream_ = 0;
    is_open_ = false;
    is_settled_ = false;
    if (phase_ == phase::watch_all) begin_generation();
    std::uniform_int_distribution<std::int64_t> spread(options_.watch_timeout_min.count(),
                                                       options_.watch_timeout_max.count());
    const auto timeout = std::chrono::seconds(spread(random_));
    return {.kind = action_kind::watch,
            .resource_version = version_,
            .initial_events = phase_ == phase::watch_all,
            .timeout = timeout,
            .silence_max = timeout + silence_margin};
}

// ---- the list ------------------------------------------------------------------------

void reflector::begin_list() {
    const bool by_watch = options_.prefer_watch_list && !is_watch_list_refused_;
    phase_ = by_watch ? phase::watch_all : phase::list;
    continue_token_.clear();
}

void reflector::begin_generation() {
    ++generation_;
    // Without a position the server's history may be another one (a restored backup): its versions
    // do not compare with ours.
    skips_unchanged_ = !version_.empty();
}

void reflector::on_page(steady_time now, std::string text) {
    auto end = decoder_.read_page(
        std::move(text),
        [this](const object_meta& meta, std::string_view object) { upsert(meta, object, true); });
    if (!end) {
        on_list_failed(now, end.error());
        return;
    }
    counters_.last_activity = now;
    if (is_older(end->resource_version, version_)) {  // despite "NotOlderThan"
        on_history_lost(now);
        return;
    }
    continue_token_ = std::move(end->continue_token);
    if (continue_token_.empty()) finish_list(std::move(end->resource_version));
}

void reflector::finish_list(std::string version) {
    version_ = std::move(version);
    is_list_whole_ = false;
    phase_ = phase::watch;
    std::vector<object_meta> missing;
    for (const auto& [key, object] : known_) {
        if (object.generation == generation_) continue;
        missing.push_back(meta_of(key, object.uid, object.resource_version));
    }
    for (const auto& meta : missing) forget(meta);
    // While the watch fails, a list is no success: the state would alternate.
    if (failed_watches_ == 0) set_sync_state(true, {});
    if (!std::exchange(counters_.synced, true)) listener_.on_synced();
}

void reflector::on_list_failed(steady_time now, const failure& error) {
    if (error.code == errc::gone || is_version_too_new(error)) {
        // An expired continuation: the list begins again, without pages, because they could expire
        // each time. Else the version of the first page.
        is_list_whole_ = !continue_token_.empty();
        if (!is_list_whole_) version_.clear();
        lose_position(now, error);
        return;
    }
    begin_list();
    back_off(now, error);
}

// ---- the watch -----------------------------------------------------------------------

void reflector::on_watch_opened(steady_time now) {
    opened_at_ = now;
    is_open_ = true;
}

void reflector::on_watch_settled() {
    is_settled_ = true;
    if (phase_ == phase::watch && failed_watches_ < failed_watches_max) set_sync_state(true, {});
}

bool reflector::on_bytes(steady_time now, std::string_view bytes) {
    frames_.add(bytes);
    while (const auto frame = frames_.next()) {
        if (!on_frame(now, *frame)) return false;
    }
    if (frames_.is_overlong()) {
        on_watch_failed(now, {.code = errc::corrupt, .text = "a watch event that is too large"});
        return false;
    }
    return true;
}

bool reflector::on_frame(steady_time now, std::string_view frame) {
    const auto event = decoder_.read_event(frame);
    if (!event) {
        on_watch_failed(now, event.error());
        return false;
    }
    if (event->kind == event_kind::error) {
        on_error_frame(now, event->object);
        return false;
    }
    ++frames_of_stream_;
    counters_.last_activity = now;
    if (is_before_position(*event)) {
        on_history_lost(now);
        return false;
    }
    if (event->kind != event_kind::bookmark) {
        on_object(*event);
    } else if (phase_ != phase::watch_all) {
        version_ = event->meta.resource_version;
    } else if (event->ends_initial_events) {
        finish_list(event->meta.resource_version);
    }
    if (phase_ == phase::watch) note_success();
    return true;
}

// A watch sends only what is newer than its start. Initial events are of any age. Some servers send
// a deleted object with the version of its last change.
bool reflector::is_before_position(const watch_event& event) const {
    if (event.kind == event_kind::deleted) return false;
    if (phase_ == phase::watch_all && !event.ends_initial_events) return false;
    return is_older(event.meta.resource_version, version_);
}

void reflector::on_object(const watch_event& event) {
    ++counters_.events;
    const bool is_initial = phase_ == phase::watch_all;
    // Initial events come in the order of names: their versions are no position.
    if (!is_initial && !is_older(event.meta.resource_version, version_)) {
        version_ = event.meta.resource_version;
    }
    if (event.kind == event_kind::deleted) {
        forget(event.meta);
    } else {
        upsert(event.meta, event.object, is_initial);
    }
}

void reflector::on_error_frame(steady_time now, std::string_view status) {
    const auto parsed = json::try_parse(status);
    const auto error =
        parsed && parsed->is_object()
            ? failure_of_status(parsed->get_object())
            : failure{.code = errc::corrupt, .text = "a watch error without a Status"};
    on_watch_failed(now, error);
}

void reflector::on_watch_ended(steady_time now) {
    if (!frames_.is_empty()) {
        on_watch_failed(now, {.code = errc::unavailable, .text = "the watch ended in an event"});
    } else if (phase_ == phase::watch_all) {
        on_watch_failed(now, {.code = errc::unavailable,
                              .text = "the watch ended before all objects were sent"});
    } else if (frames_of_stream_ == 0 && now - opened_at_ < short_watch) {
        on_watch_failed(now, {.code = errc::unavailable, .text = "the watch ended at once"});
    } else {
        note_success();
    }
}

void reflector::on_watch_failed(steady_time now, const failure& error) {
    frames_.clear();
    const bool sent_nothing = phase_ == phase::watch_all && frames_of_stream_ == 0;
    if (sent_nothing && error.code == errc::invalid) {  // the server cannot send initial events
        is_watch_list_refused_ = true;
        begin_list();
    } else if (error.code == errc::gone || is_version_too_new(error)) {
        if (phase_ == phase::watch_all) version_.clear();
        lose_position(now, error);
    } else {
        // A corrupt event would be corrupt again.
        if (error.code == errc::corrupt) begin_list();
        note_failed_watch(error);
        // A server that fails at it (an etcd without progress requests) may still list.
        if (sent_nothing && error.cause == status_reason::internal_error) phase_ = phase::list;
        back_off(now, error);
    }
}

// ---- what is known -------------------------------------------------------------------

void reflector::upsert(const object_meta& meta, std::string_view text, bool is_listed) {
    const auto [entry, is_new] = known_.try_emplace(key_of(meta));
    auto& known = entry->second;
    known.generation = generation_;
    if (!is_new && known.uid != meta.uid) {
        listener_.on_delete(meta_of(entry->first, known.uid, known.resource_version));
    } else if (!is_new && is_listed && skips_unchanged_ &&
               known.resource_version == meta.resource_version) {
        return;
    }
    known.uid = meta.uid;
    known.resource_version = meta.resource_version;
    counters_.objects = known_.size();
    listener_.on_upsert(meta, text);
}

void reflector::forget(const object_meta& meta) {
    if (known_.erase(key_of(meta)) == 0) return;
    counters_.objects = known_.size();
    listener_.on_delete(meta);
}

void reflector::forget_all() {
    version_.clear();
    begin_list();
    const auto known = std::exchange(known_, {});
    counters_.objects = 0;
    for (const auto& [key, object] : known) {
        listener_.on_delete(meta_of(key, object.uid, object.resource_version));
    }
}

// ---- failure -------------------------------------------------------------------------

void reflector::lose_position(steady_time now, const failure& error) {
    begin_list();
    if (++losses_in_a_row_ > free_losses) back_off(now, error);
}

// The same failure at the same version could repeat indefinitely, for example if a conversion
// webhook fails at the next event. A list passes over that event.
void reflector::note_failed_watch(const failure& error) {
    const bool is_cut_at_once = is_open_ && !is_settled_ && frames_of_stream_ == 0;
    if (!is_cut_at_once && !may_list_help(error)) return;
    if (++failed_watches_ % failed_watches_max != 0) return;
    begin_list();
    phase_ = phase::list;
    if (failed_watches_ > failed_watches_max) version_.clear();  // a list did not help
}

void reflector::on_history_lost(steady_time now) {
    frames_.clear();
    continue_token_.clear();
    version_.clear();
    set_sync_state(false, history_lost().text);
    lose_position(now, history_lost());
}

std::string reflector::position() const {
    return phase_ == phase::watch ? version_ : std::string();
}

void reflector::back_off(steady_time now, const failure& error) {
    if (failed_at_ != steady_time::min() && now - failed_at_ > backoff_memory) backoff_.reset();
    failed_at_ = now;
    std::chrono::milliseconds wait = backoff_.next();
    if (error.retry_after) {
        wait = std::max<std::chrono::milliseconds>(wait,
                                                   std::min(*error.retry_after, retry_after_max));
    }
    resume_at_ = now + wait;
    set_sync_state(false, error.text);
}

void reflector::note_success() {
    backoff_.reset();
    losses_in_a_row_ = 0;
    failed_watches_ = 0;
    set_sync_state(true, {});
}

void reflector::set_sync_state(bool connected, const std::string& error) {
    if (is_connected_ == connected && sync_error_ == error) return;
    is_connected_ = connected;
    sync_error_ = error;
    listener_.on_sync_state(connected, error);
}

}  // namespace kube
