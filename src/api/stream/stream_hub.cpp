#include "api/stream/stream_hub.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace api {
namespace {

constexpr std::chrono::seconds comment_period{15};
constexpr std::size_t batch_bytes = 64 * 1024;

std::shared_ptr<const std::string> share(std::string text) {
    return std::make_shared<const std::string>(std::move(text));
}

}  // namespace

void stream_hub::publish(std::uint64_t number, std::string project,
                         std::shared_ptr<const std::string> event) {
    ring_.push_back({number, std::move(project), std::move(event)});
    newest_ = number;
    if (ring_.size() > kept) ring_.pop_front();
    for (auto* each : waiting_) each->notify();
}

const stream_hub::batch& stream_hub::batch_behind(std::uint64_t position) {
    const auto first = std::ranges::upper_bound(ring_, position, {}, &entry::number);
    if (latest_batch_.text && latest_batch_.from == position && latest_batch_.to == newest()) {
        return latest_batch_;
    }
    if (std::next(first) == ring_.end()) {  // the usual case: one change, no copy
        latest_batch_ = {.from = position, .to = first->number, .text = first->event};
        return latest_batch_;
    }
    std::string text;
    auto at = first;
    for (; at != ring_.end() && text.size() < batch_bytes; ++at) text += *at->event;
    latest_batch_ = {.from = position, .to = std::prev(at)->number, .text = share(std::move(text))};
    return latest_batch_;
}

stream_hub::batch stream_hub::visible_batch(std::uint64_t position,
                                            const domain::visible_projects& visible) const {
    const auto first = std::ranges::upper_bound(ring_, position, {}, &entry::number);
    batch result{.from = position, .to = position};
    std::string text;  // of several events; a single one is shared
    for (auto it = first; it != ring_.end() && text.size() < batch_bytes; ++it) {
        result.to = it->number;
        if (!visible.contains(it->project)) continue;
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

aio::task<> stream_hub::run(http::stream_writer& out, subscription_options how) {
    aio::notification news(executor_);
    waiting_.insert(&news);
    // The end is news too: nothing else may happen for as long as a comment is away.
    out.on_end([&news] { news.notify(); });
    struct leave {
        std::set<aio::notification*>& from;
        aio::notification* which;
        http::stream_writer& out;
        ~leave() {
            from.erase(which);
            out.on_end(nullptr);
        }
    } const leaving{waiting_, &news, out};

    auto position = newest();
    const bool can_resume =
        how.after && *how.after <= newest() &&
        (ring_.empty() ? *how.after == newest_ : *how.after + 1 >= ring_.front().number);
    if (can_resume) {
        position = *how.after;
    } else {
        if (how.after) {
            auto told = co_await out.write(share("event: reset\ndata: {}\n\n"));
            if (!told) co_return told;
        }
        const auto next_part = how.snapshot();
        while (const auto part = next_part()) {
            if (out.is_draining()) co_return base::ok();
            auto sent = co_await out.write(part);
            if (!sent) co_return sent;
        }
    }
    auto synced = co_await out.write(
        share(fmt::format("id: {}-{}\nevent: sync\ndata: {{}}\n\n", how.process_epoch, position)));
    if (!synced) co_return synced;
    while (!out.is_draining()) {
        if (!ring_.empty() && position + 1 < ring_.front().number) {
            co_return co_await out.write(share("event: reset\ndata: {}\n\n"));
        }
        if (position < newest()) {
            const auto next = how.visible.is_all() ? batch_behind(position)
                                                   : visible_batch(position, how.visible);
            position = next.to;
            if (!next.text) continue;
            auto sent = co_await out.write(next.text);
            if (!sent) co_return sent;
            continue;
        }
        auto woken = co_await news.wait_for(comment_period);
        if (!woken) co_return base::pass(std::move(woken));
        if (!*woken) {
            auto sent = co_await out.write(share(": keepalive\n\n"));
            if (!sent) co_return sent;
        }
    }
    co_return base::ok();
}

}  // namespace api
