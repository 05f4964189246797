#include "base/work_queue.hpp"

#include <algorithm>
#include <cassert>

namespace base {

void work_queue::make_ready(const std::string& key, item& entry) {
    if (entry.delayed_until) {
        entry.delayed_until.reset();
        --delayed_count_;
    }
    if (entry.is_queued) return;
    entry.is_queued = true;
    ready_.push_back(key);
}

void work_queue::add(const std::string& key) {
    auto& entry = items_[key];
    if (entry.is_processing) {
        entry.is_readded = true;
        return;
    }
    make_ready(key, entry);
}

void work_queue::add_at(const std::string& key, steady_time when) {
    auto& entry = items_[key];
    if (entry.is_queued || entry.is_readded) return;
    if (entry.delayed_until && *entry.delayed_until <= when) return;
    if (!entry.delayed_until) ++delayed_count_;
    entry.delayed_until = when;
    timers_.push({when, key});
}

void work_queue::add_after_failure(const std::string& key, steady_time now) {
    auto& entry = items_[key];
    const int doublings = std::min(entry.failures, 20);
    ++entry.failures;
    const auto wait = std::min<std::chrono::milliseconds>(
        options_.retry_min * (std::int64_t(1) << doublings), options_.retry_max);
    add_at(key, now + wait);
}

void work_queue::forget_failures(const std::string& key) {
    const auto it = items_.find(key);
    if (it == items_.end()) return;
    it->second.failures = 0;
    drop_if_idle(key);
}

void work_queue::promote(steady_time now) {
    while (!timers_.empty() && timers_.top().when <= now) {
        const auto due = timers_.top();
        timers_.pop();
        const auto it = items_.find(due.key);
        if (it == items_.end() || it->second.delayed_until != due.when) continue;
        auto& entry = it->second;
        entry.delayed_until.reset();
        --delayed_count_;
        if (entry.is_processing) {
            entry.is_readded = true;
        } else {
            make_ready(due.key, entry);
        }
    }
}

std::optional<std::string> work_queue::take(steady_time now) {
    promote(now);
    if (ready_.empty()) return std::nullopt;
    auto key = std::move(ready_.front());
    ready_.pop_front();
    auto& entry = items_[key];
    entry.is_queued = false;
    entry.is_processing = true;
    ++processing_count_;
    return key;
}

void work_queue::done(const std::string& key) {
    const auto it = items_.find(key);
    assert(it != items_.end() && it->second.is_processing);
    auto& entry = it->second;
    entry.is_processing = false;
    --processing_count_;
    if (entry.is_readded) {
        entry.is_readded = false;
        make_ready(key, entry);
    }
    drop_if_idle(key);
}

void work_queue::drop_if_idle(const std::string& key) {
    const auto it = items_.find(key);
    if (it == items_.end()) return;
    const auto& entry = it->second;
    if (!entry.is_queued && !entry.is_processing && !entry.delayed_until && entry.failures == 0)
        items_.erase(it);
}

bool work_queue::is_processing(const std::string& key) const {
    const auto it = items_.find(key);
    return it != items_.end() && it->second.is_processing;
}

std::optional<steady_time> work_queue::next_due() const {
    if (!ready_.empty()) return steady_time::min();
    if (timers_.empty()) return std::nullopt;
    return timers_.top().when;  // if it is outdated, take() returns nullopt
}

}  // namespace base
