#include "app/identity/password_pool.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include "aio/blocking.hpp"

namespace app {
namespace {

using base::errc;

// On Linux, the priority of PRIO_PROCESS 0 is the one of the calling thread.
void lower_thread_priority() {
    constexpr int low = 10;
    thread_local const bool is_lowered = ::setpriority(PRIO_PROCESS, 0, low) == 0;
    (void)is_lowered;
}

token::password_parameters with_turns(token::password_parameters parameters, std::size_t threads) {
    parameters.concurrent_max = static_cast<std::uint32_t>(threads);
    return parameters;
}

template <class T>
base::outcome<T> explain(base::outcome<T> result) {
    if (result || result.error().code != errc::limit) return result;
    auto failure = base::failure{.code = errc::unavailable,
                                 .text = "too many passwords are being verified; try again",
                                 .reason = "login_queue_full"};
    failure.retry_after = std::chrono::seconds(1);
    return std::unexpected(std::move(failure));
}

}  // namespace

password_pool::password_pool(password_pool_options options)
    : hasher_(with_turns(options.parameters, options.threads)),
      threads_(options.threads, options.queue_max) {}

aio::task<std::string> password_pool::hash(base::secret password) {
    co_return explain(co_await aio::run_blocking<std::string>(threads_, [&] {
        lower_thread_priority();
        return hasher_.hash(password);
    }));
}

aio::task<bool> password_pool::verify(base::secret password, std::string hash) {
    co_return explain(co_await aio::run_blocking<bool>(threads_, [&] {
        lower_thread_priority();
        return hasher_.verify(password, hash);
    }));
}

}  // namespace app
