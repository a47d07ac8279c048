#include <cstdio>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "http/server_fixture.h"

namespace millrace::http {
namespace {

// Writes a self-signed certificate for `names` (as in a subjectAltName extension) and its key.
void make_certificate(const std::string& certificate_file, const std::string& key_file, const std::string& names) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_set_version(certificate, 2);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
  ASSERT_GT(X509_sign(certificate, key, EVP_sha256()), 0);
  std::FILE* file = std::fopen(certificate_file.c_str(), "w");
  PEM_write_X509(file, certificate);
  std::fclose(file);
  file = std::fopen(key_file.c_str(), "w");
  PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(file);
  X509_free(certificate);
  EVP_PKEY_free(key);
}

class TlsTest : public ServerTest {
 protected:
  void start_tls(Handler handler, const std::string& names) {
    TlsFiles files{folder_.file("cert.pem"), folder_.file("key.pem")};
    make_certificate(files.certificate, files.key, names);
    auto server = Server::start("127.0.0.1:0", 1, limits_, files, metrics_, std::move(handler));
    ASSERT_TRUE(server.ok()) << server.error().message;
    server_ = std::move(*server);
  }
  // A client that trusts the server's own certificate.
  std::unique_ptr<Client> trusting() {
    ::setenv("SSL_CERT_FILE", folder_.file("cert.pem").c_str(), 1);
    auto made = Client::create("https://" + server_->address());
    ::unsetenv("SSL_CERT_FILE");
    return std::move(*made);
  }
  TempFolder folder_;
};

TEST_F(TlsTest, RequestsGoThrough) {
  start_tls(echo, "IP:127.0.0.1");
  auto at = trusting();
  EXPECT_EQ(send(*at, "POST", "/", "secret").body, "POST / secret");
  std::string large(1 << 20, 'x');
  EXPECT_EQ(send(*at, "POST", "/", large).body, "POST / " + large);
  EXPECT_EQ(metrics_.get(Metric::kHttpConnections), 1);
}

TEST_F(TlsTest, PiecesGoThroughFromAThreadThatBlocks) {
  std::thread worker;
  start_tls(
      [&](std::unique_ptr<Exchange> exchange) {
        worker = std::thread([at = std::move(exchange)] {
          std::string all;
          for (auto piece = at->read(); piece.ok() && !piece->empty(); piece = at->read()) all.append(*piece);
          EXPECT_TRUE(at->begin(200, {}).ok());
          EXPECT_TRUE(at->write(all).ok());
          EXPECT_TRUE(at->end().ok());
        });
      },
      "IP:127.0.0.1");
  std::string large(5 << 20, 'x');
  EXPECT_EQ(send(*trusting(), "POST", "/", large).body, large);
  worker.join();
}

TEST_F(TlsTest, UnknownCertificateIsRefusedBeforeAnythingIsSent) {
  start_tls([](std::unique_ptr<Exchange>) { ADD_FAILURE(); }, "IP:127.0.0.1");
  auto at = Client::create("https://" + server_->address()).value();
  auto response = at->send({}, kTimeoutMs);
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code, Code::kUnavailable);
  EXPECT_NE(response.error().message.find("certificate"), std::string::npos) << response.error().message;
}

TEST_F(TlsTest, CertificateOfAnotherHostIsRefused) {
  start_tls([](std::unique_ptr<Exchange>) { ADD_FAILURE(); }, "DNS:example.org,IP:127.0.0.2");
  auto response = trusting()->send({}, kTimeoutMs);
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code, Code::kUnavailable);
}

TEST_F(TlsTest, PlainClientAndSilentHandshakeAreClosed) {
  limits_.header_ms = limits_.idle_ms = 50;
  start_tls([](std::unique_ptr<Exchange>) { ADD_FAILURE(); }, "IP:127.0.0.1");
  EXPECT_EQ(ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").find("HTTP"), std::string::npos);
  RawPeer silent = raw();
  EXPECT_EQ(silent.read_to_end(), "");
}

TEST_F(TlsTest, BadFilesAreInvalid) {
  std::string certificate = folder_.file("cert.pem");
  std::string key = folder_.file("key.pem");
  make_certificate(certificate, key, "IP:127.0.0.1");
  make_certificate(folder_.file("other.pem"), folder_.file("other-key.pem"), "IP:127.0.0.1");
  std::ofstream(folder_.file("text.pem")) << "not a certificate";
  for (const TlsFiles& files :
       {TlsFiles{folder_.file("none.pem"), key}, TlsFiles{folder_.file("text.pem"), key},
        TlsFiles{certificate, folder_.file("none.pem")}, TlsFiles{certificate, folder_.file("other-key.pem")}}) {
    auto server = Server::start("127.0.0.1:0", 1, limits_, files, metrics_, echo);
    ASSERT_FALSE(server.ok());
    EXPECT_EQ(server.error().code, Code::kInvalid);
  }
}

}  // namespace
}  // namespace millrace::http
