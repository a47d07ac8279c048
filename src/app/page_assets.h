#pragma once
// The page as web/build.mjs made it, compiled into the program (cmake/EmbedPage.cmake).

#include <span>
#include <string_view>

namespace millrace {

struct PageAsset {
  std::string_view path;  // "/assets/app-1A2B3C4D.js"; "/" is the page itself
  std::string_view content_type;
  std::string_view plain;
  std::string_view plain_hash;
  std::string_view gzip;  // empty where packing doesn't help
  std::string_view gzip_hash;
};

std::span<const PageAsset> page_assets();

}  // namespace millrace
