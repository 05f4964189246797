#include "api/stream/stream_hub.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace api {
namespace {

constexpr std::chrono::seconds keepalive_period{15};
constexpr std::size_t batch_bytes = 64 * 1024;

std::shared_ptr<const std::string> share(std::string text) {
    return std::make_shared<const std::string>(std::move(text));
}

std::shared_ptr<const std::string> reset_event() {
    return share("event: reset\ndata: {}\n\n");
}

}  // namespace

void stream_hub::publish(std::uint64_t number, std::string project,
                         std::shared_ptr<const std::string> event, std::string database) {
    ring_.push_back({number, std::move(project), std::move(database), std::move(event)});
    newest_ = number;
    if (ring_.size() > entries_max) ring_.pop_front();
    for (auto* notification : waiting_) notification->notify();
}

const stream_hub::batch& stream_hub::batch_after(std::uint64_t position) {
    const auto first = std::ranges::upper_bound(ring_, position, {}, &entry::number);
    if (latest_batch_.text && latest_batch_.first == position && latest_batch_.last == newest()) {
        return latest_batch_;
    }
    if (std::next(first) == ring_.end()) {  // the usual case: one event, no copy
        latest_batch_ = {.first = position, .last = first->number, .text = first->event};
        return latest_batch_;
    }
    std::string text;
    auto it = first;
    for (; it != ring_.end() && text.size() < batch_bytes; ++it) text += *it->event;
    latest_batch_ = {
        .first = position, .last = std::prev(it)->number, .text = share(std::move(text))};
    return latest_batch_;
}

stream_hub::batch stream_hub::visible_batch_after(std::uint64_t position,
                                                  const stream_access& visible) const {
    const auto first = std::ranges::upper_bound(ring_, position, {}, &entry::number);
    batch result{.first = position, .last = position};
    std::string text;  // of several events; a single event is shared
    for (auto it = first; it != ring_.end() && text.size() < batch_bytes; ++it) {
        result.last = it->number;
        if (!visible.contains(it->project, it->database)) continue;
        if (!result.text) {
            result.text = it->event;
            continue;
        }
        if (text.empty()) text = *result.text;
        text += *it->event;
    }
    if (!text.empty()) result.text = share(std::move(text));
    return result;
}

bool stream_hub::can_resume(std::uint64_t position) const noexcept {
    if (position > newest()) return false;
    return ring_.empty() ? position == newest_ : position + 1 >= ring_.front().number;
}

aio::task<> stream_hub::run(http::stream_writer& out, subscription_options options) {
    aio::notification changed(executor_);
    waiting_.insert(&changed);
    // The end of the stream wakes the loop below, which would otherwise wait for the next
    // keepalive.
    out.on_end([&changed] { changed.notify(); });
    struct registration {
        std::set<aio::notification*>& waiting;
        aio::notification* changed;
        http::stream_writer& out;
        ~registration() {
            waiting.erase(changed);
            out.on_end(nullptr);
        }
    } const registered{waiting_, &changed, out};

    auto position = newest();
    if (options.after && can_resume(*options.after)) {
        position = *options.after;
    } else {
        if (options.after) {
            auto result = co_await out.write(reset_event());
            if (!result) co_return result;
        }
        const auto next_part = options.snapshot();
        while (true) {
            // A slow reader may have lost its access since the part before.
            if (options.renew && !options.renew(options.visible)) co_return base::ok();
            const auto part = next_part(options.visible);
            if (!part) break;
            if (out.is_draining()) co_return base::ok();
            auto result = co_await out.write(part);
            if (!result) co_return result;
        }
    }
    auto synced = co_await out.write(
        share(fmt::format("id: {}\nevent: sync\ndata: {{}}\n\n", options.id_of(position))));
    if (!synced) co_return synced;
    while (!out.is_draining()) {
        if (options.renew && !options.renew(options.visible)) co_return base::ok();
        if (!ring_.empty() && position + 1 < ring_.front().number) {
            co_return co_await out.write(reset_event());
        }
        if (position < newest()) {
            const auto next = options.visible.is_all()
                                  ? batch_after(position)
                                  : visible_batch_after(position, options.visible);
            position = next.last;
            if (!next.text) continue;
            auto result = co_await out.write(next.text);
            if (!result) co_return result;
            continue;
        }
        auto woken = co_await changed.wait_for(keepalive_period);
        if (!woken) co_return base::pass(std::move(woken));
        if (!*woken) {
            auto result = co_await out.write(share(": keepalive\n\n"));
            if (!result) co_return result;
        }
    }
    co_return base::ok();
}

}  // namespace api
