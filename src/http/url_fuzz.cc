// Any text as the address of a server, which comes from the configuration: no crash, and what is taken names a host
// and a port.
//
// dictionary: http
// bytes_max: 256
// covers: src/http/url.cc src/http/listen.cc
#include <set>
#include <string>

#include "base/check.h"
#include "http/listen.h"
#include "http/url.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace millrace::http;
  std::string text(reinterpret_cast<const char*>(data), size);
  auto url = parse_url(text);
  if (url.ok() && url->unix_path.empty() && !text.starts_with("unix:")) {
    MR_CHECK(!url->host.empty() && !url->port.empty() && !url->host_field.empty());
    MR_CHECK(url->host_field.find('@') == std::string::npos && (url->path.empty() || url->path.front() == '/'));
    MR_CHECK(url->host_field.find_first_of("\r\n") == std::string::npos &&
             url->path.find_first_of("\r\n ") == std::string::npos);
  }
  if (!url.ok()) {  // the same words whatever the text is, which may hold a password
    static const std::set<std::string> kWords = {
        "a URL begins with http://, https:// or unix:", "user and password of the URL are not percent-encoded",
        "the URL's host, port or path can't be read"};
    MR_CHECK(kWords.count(url.error().message) == 1);
  }
  std::string host, port;
  if (split_host_port(text, host, port)) MR_CHECK(host.size() + port.size() < text.size());
  return 0;
}
