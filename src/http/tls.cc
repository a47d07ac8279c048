#include "http/tls.h"

#include <cerrno>
#include <cstdint>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include "http/socket_stream.h"

namespace millrace::http {
namespace {

int bio_fd(BIO* bio) { return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio))); }

bool blocked() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

int bio_write(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  auto sent = static_cast<int>(::send(bio_fd(bio), bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL));
  if (sent < 0 && blocked()) BIO_set_retry_write(bio);
  return sent;
}

int bio_read(BIO* bio, char* into, int size) {
  BIO_clear_retry_flags(bio);
  auto got = static_cast<int>(::recv(bio_fd(bio), into, static_cast<std::size_t>(size), 0));
  if (got < 0 && blocked()) BIO_set_retry_read(bio);
  return got;
}

long bio_control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

// Made once and kept: OpenSSL's registry of BIO kinds has no end of life of its own.
BIO_METHOD* quiet_socket() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made =
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK | BIO_TYPE_DESCRIPTOR, "socket without SIGPIPE");
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_ctrl(made, bio_control);
    return made;
  }();
  return method;
}

TlsContext new_context(const SSL_METHOD* method) {
  TlsContext context(SSL_CTX_new(method));
  if (!context) return nullptr;
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  return context;
}

}  // namespace

void TlsContextFree::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

bool attach_socket(ssl_st* ssl, int fd) {
  BIO* bio = BIO_new(quiet_socket());
  if (bio == nullptr) return false;
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(fd)));
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl, bio, bio);  // takes both references, which are one
  return true;
}

bool expect_host(ssl_st* ssl, const std::string& host) {
  unsigned char address[16];
  bool numeric = ::inet_pton(AF_INET, host.c_str(), address) == 1 || ::inet_pton(AF_INET6, host.c_str(), address) == 1;
  if (numeric) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
  return SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
}

void clear_tls_errors() { ERR_clear_error(); }

std::string tls_failure(const std::string& what) {
  std::string text = what;
  while (unsigned long code = ERR_get_error()) {
    const char* reason = ERR_reason_error_string(code);
    text += std::string(": ") + (reason != nullptr ? reason : "unknown reason");
  }
  return text;
}

Result<TlsContext> server_tls(const std::string& certificate_file, const std::string& key_file) {
  TlsContext context = new_context(TLS_server_method());
  if (!context) return unavailable(tls_failure("TLS could not start"));
  if (SSL_CTX_use_certificate_chain_file(context.get(), certificate_file.c_str()) != 1) {
    return invalid(tls_failure("the TLS certificate " + certificate_file + " can't be read as PEM"));
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return invalid(tls_failure("the TLS key " + key_file + " can't be read as PEM, or isn't that of the certificate"));
  }
  return context;
}

Result<TlsContext> client_tls() {
  TlsContext context = new_context(TLS_client_method());
  if (!context) return unavailable(tls_failure("TLS could not start"));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  if (SSL_CTX_set_default_verify_paths(context.get()) != 1)
    return unavailable(tls_failure("no certificate authorities"));
  return context;
}

}  // namespace millrace::http
