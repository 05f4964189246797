#include "api/stream_hub.hpp"

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

void stream_hub::publish(std::uint64_t number, std::shared_ptr<const std::string> event) {
    ring_.push_back({number, std::move(event)});
    newest_ = number;
    if (ring_.size() > kept) ring_.pop_front();
    for (auto* each : waiting_) each->notify();
}

aio::task<> stream_hub::run(http::stream_writer& out, subscription_options how) {
    aio::wakeup news(on_);
    waiting_.insert(&news);
    struct leave {
        std::set<aio::wakeup*>& from;
        aio::wakeup* which;
        ~leave() { from.erase(which); }
    } const leaving{waiting_, &news};

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
        auto sent = co_await out.write(how.snapshot());
        if (!sent) co_return sent;
    }
    auto synced = co_await out.write(
        share(fmt::format("id: {}-{}\nevent: sync\ndata: {{}}\n\n", how.generation, position)));
    if (!synced) co_return synced;
    while (!out.is_draining()) {
        if (!ring_.empty() && position + 1 < ring_.front().number) {
            co_return co_await out.write(share("event: reset\ndata: {}\n\n"));
        }
        std::string batch;
        auto at = std::ranges::upper_bound(ring_, position, {}, &entry::number);
        for (; at != ring_.end() && batch.size() < batch_bytes; ++at) {
            batch += *at->event;
            position = at->number;
        }
        if (!batch.empty()) {
            auto sent = co_await out.write(share(std::move(batch)));
            if (!sent) co_return sent;
            continue;
        }
        auto woken = co_await news.wait_for(comment_period);
        if (!woken) co_return base::pass(std::move(woken));
        if (!*woken) {
            auto sent = co_await out.write(share(": still here\n\n"));
            if (!sent) co_return sent;
        }
    }
    co_return base::outcome<void>{};
}

}  // namespace api
