// libcurl is variadic by design; these give each kind of option a plain function.
#pragma once
#include <curl/curl.h>
