#include "redis/command_attempts.hpp"

#include <algorithm>
#include <utility>

namespace redis {

using base::errc;

std::chrono::milliseconds command_attempts::next_delay() {
    return std::exchange(delay_, std::min(delay_ * 2, delay_max));
}

base::outcome<attempt> command_attempts::after_error(const resp_value& error,
                                                     const endpoint& source) {
    const auto meaning = read_server_error(error.text, source);
    attempt following;
    switch (meaning.kind) {
        case error_kind::moved:
            following = {.target = meaning.target, .refreshes_topology = true};
            // Two nodes that name each other, as during a failover: wait for their agreement.
            if (++redirections_ > 2) following.delay = next_delay();
            break;
        case error_kind::ask:
            following = {.target = meaning.target, .is_asking = true};
            if (++redirections_ > 2) following.delay = next_delay();
            break;
        case error_kind::try_again:  // the same node, until the migration has moved all keys
            following = last_;
            following.delay = next_delay();
            following.refreshes_topology = false;
            break;
        case error_kind::cluster_down:
        case error_kind::read_only:
        case error_kind::master_down:
        case error_kind::no_replicas:
            following = {.delay = next_delay(), .refreshes_topology = true};
            break;
        case error_kind::loading:
            following = {.delay = next_delay()};
            break;
        default:
            return std::unexpected(to_failure(error.text, meaning));
    }
    if (++attempts_ > attempts_max) return std::unexpected(to_failure(error.text, meaning));
    last_ = following;
    return following;
}

base::outcome<attempt> command_attempts::after_failure(base::failure failure, bool was_sent) {
    if (was_sent && safety_ == repeatability::not_repeatable) {
        failure.set_cause(failure_cause::unconfirmed_write);
        return std::unexpected(std::move(failure));
    }
    const bool is_final = !failure.retryable() && failure.code != errc::corrupt;
    if (is_final || ++attempts_ > attempts_max) {
        failure.set_cause(was_sent ? failure_cause::unconfirmed_write : failure_cause::not_sent);
        return std::unexpected(std::move(failure));
    }
    last_ = {.delay = next_delay(), .refreshes_topology = true};
    return last_;
}

}  // namespace redis
