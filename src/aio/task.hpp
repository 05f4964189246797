#pragma once
// The coroutine type of the project. A task<T> ends with an outcome<T> and does not throw, so
// deadlines and races see a failure as soon as it happens. Code that only returns or awaits tasks
// includes this header and no other header of aio.

#include <boost/asio/awaitable.hpp>

#include "base/failure.hpp"

namespace aio {

template <class T = void>
using task = boost::asio::awaitable<base::outcome<T>>;

}  // namespace aio
