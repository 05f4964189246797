#include "base/work_queue.hpp"

#include <algorithm>
#include <cassert>

namespace base {

void work_queue::make_ready(const std::string& key, item& entry) {
    if (entry.delayed_until) {
        entry.delayed_until.reset();
        --delayed_count_;
    }
    if (entry.ready) return;
    entry.ready = true;
    ready_.push_back(key);
}

void work_queue::add(const std::string& key) {
    auto& entry = items_[key];
    if (entry.working) {
        entry.again = true;
        return;
    }
    make_ready(key, entry);
}

void work_queue::add_at(const std::string& key, steady_time when) {
    auto& entry = items_[key];
    if (entry.ready || entry.again) return;
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
        options_.retry_first * (std::int64_t(1) << doublings), options_.retry_most);
    add_at(key, now + wait);
}

void work_queue::forget_failures(const std::string& key) {
    const auto found = items_.find(key);
    if (found == items_.end()) return;
    found->second.failures = 0;
    drop_if_idle(key);
}

void work_queue::promote(steady_time now) {
    while (!timers_.empty() && timers_.top().when <= now) {
        const auto due = timers_.top();
        timers_.pop();
        const auto found = items_.find(due.key);
        if (found == items_.end() || found->second.delayed_until != due.when) continue;
        auto& entry = found->second;
        entry.delayed_until.reset();
        --delayed_count_;
        if (entry.working) {
            entry.again = true;
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
    entry.ready = false;
    entry.working = true;
    ++in_work_;
    return key;
}

void work_queue::done(const std::string& key) {
    const auto found = items_.find(key);
    assert(found != items_.end() && found->second.working);
    auto& entry = found->second;
    entry.working = false;
    --in_work_;
    if (entry.again) {
        entry.again = false;
        make_ready(key, entry);
    }
    drop_if_idle(key);
}

void work_queue::drop_if_idle(const std::string& key) {
    const auto found = items_.find(key);
    if (found == items_.end()) return;
    const auto& entry = found->second;
    if (!entry.ready && !entry.working && !entry.delayed_until && entry.failures == 0)
        items_.erase(found);
}

std::optional<steady_time> work_queue::next_due() const {
    if (!ready_.empty()) return steady_time::min();
    if (timers_.empty()) return std::nullopt;
    return timers_.top().when;  // perhaps outdated: then take() finds nothing and asks again
}

}  // namespace base
