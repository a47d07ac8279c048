#include "http/url.h"

#include <algorithm>

#include "http/listen.h"
#include "http/syntax.h"

namespace millrace::http {
namespace {

Result<void> take_userinfo(std::string& rest, Url& url) {
  std::size_t at = rest.rfind('@');
  if (at == std::string::npos) return {};
  std::size_t colon = std::min(rest.find(':'), at);
  std::string user;
  std::string password;
  bool decoded =
      percent_decode(std::string_view(rest).substr(0, colon), false, user) &&
      (colon == at || percent_decode(std::string_view(rest).substr(colon + 1, at - colon - 1), false, password));
  if (!decoded) return invalid("user and password of the URL are not percent-encoded");
  url.authorization = "Basic " + base64(user + ":" + password);
  rest.erase(0, at + 1);
  return {};
}

}  // namespace

std::string base64(std::string_view bytes) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j)
      group = group << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0);
    for (std::size_t j = 0; j < 4; ++j)
      text.push_back(i + j > bytes.size() ? '=' : kLetters[group >> (18 - 6 * j) & 63]);
  }
  return text;
}

Result<Url> parse_url(const std::string& text) {
  Url url;
  if (text.compare(0, 5, "unix:") == 0) {
    url.unix_path = text.substr(5);
    url.host_field = "localhost";
    return url;
  }
  url.tls = text.compare(0, 8, "https://") == 0;
  if (!url.tls && text.compare(0, 7, "http://") != 0) return invalid("a URL begins with http://, https:// or unix:");
  std::string rest = text.substr(url.tls ? 8 : 7);
  std::size_t slash = std::min(rest.find('/'), rest.size());
  url.path = rest.substr(slash);
  rest.resize(slash);
  while (!url.path.empty() && url.path.back() == '/') url.path.pop_back();
  MR_TRY(take_userinfo(rest, url));
  url.host_field = rest;
  bool plain = std::all_of(rest.begin(), rest.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (rest.empty() || !plain) return invalid("the URL's host, port or path can't be read");
  bool has_port = rest.find(':', rest.front() == '[' ? rest.find(']') : 0) != std::string::npos;
  if (!has_port) rest += url.tls ? ":443" : ":80";
  Head parsed;
  if (!split_host_port(rest, url.host, url.port) || !parse_target(url.path.empty() ? "/" : url.path, parsed)) {
    return invalid("the URL's host, port or path can't be read");  // without the URL: it may hold a password
  }
  return url;
}

}  // namespace millrace::http
