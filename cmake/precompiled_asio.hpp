#pragma once
// The headers that most sources with coroutines include, for the presets with DBAAS_PRECOMPILE.

#include "cmake/precompiled.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
