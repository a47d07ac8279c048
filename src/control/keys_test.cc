#include "control/keys.h"

#include <filesystem>
#include <fstream>
#include <set>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "base/document_for_test.h"
#include "control/key_log.h"
#include "control/secret.h"
#include "io/fault.h"
#include "io/sim.h"

namespace millrace {
namespace {

constexpr TimeNs kStart = 1'700'000'000'000'000'000;

class Keys : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "keysXXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<KeyStore> open() {
    Result<std::unique_ptr<KeyStore>> store = KeyStore::open(files_, clock_, folder_ + "/control");
    EXPECT_TRUE(store.ok()) << (store.ok() ? "" : store.error().message);
    return store.ok() ? std::move(store).value() : nullptr;
  }
  std::string path() const { return folder_ + "/control/keys.log"; }
  std::string bytes() const {
    std::ifstream file(path(), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  void write(const std::string& content) const {
    std::ofstream(path(), std::ios::binary | std::ios::trunc).write(content.data(), static_cast<long>(content.size()));
  }
  KeyStore::Created create(KeyStore& store, TimeNs expires = kNoTime) {
    Result<KeyStore::Created> made = store.create("web", "default", kScopeWrite, expires);
    EXPECT_TRUE(made.ok());
    return std::move(made).value();
  }

  std::string folder_;
  FaultFileSystem files_{posix_file_system()};
  ManualClock clock_{kStart};
};

TEST_F(Keys, AKeyIsGoodFromItsCreationOnAndAfterReopening) {
  std::string secret, id;
  {
    auto store = open();
    KeyStore::Created made = create(*store);
    secret = made.secret;
    id = made.info.id;
    EXPECT_EQ(made.info.created, kStart);
  }
  auto store = open();
  std::optional<Principal> who = store->check(secret);
  ASSERT_TRUE(who);
  EXPECT_EQ(who->project, "default");
  EXPECT_EQ(who->scopes, kScopeWrite);
  EXPECT_EQ(who->key_id, id);
  ASSERT_EQ(store->list().size(), 1u);
  EXPECT_EQ(store->list()[0].name, "web");
  EXPECT_EQ(store->list()[0].expires, kNoTime);
}

TEST_F(Keys, AnotherSecretIsNobody) {
  auto store = open();
  std::string secret = create(*store).secret;
  EXPECT_FALSE(store->check(""));
  EXPECT_FALSE(store->check("mr_"));
  EXPECT_FALSE(store->check(secret.substr(1)));
  EXPECT_FALSE(store->check(secret + "x"));
  EXPECT_FALSE(store->check(std::string(100'000, 'x')));
}

TEST_F(Keys, TheSecretIsNotInTheFile) {
  auto store = open();
  std::string secret = create(*store).secret;
  EXPECT_EQ(bytes().find(secret.substr(3)), std::string::npos);
  EXPECT_NE(bytes().find(to_hex(sha256(secret))), std::string::npos);
}

TEST_F(Keys, SecretsAreLongAndDifferent) {
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) {
    std::string secret = make_secret();
    EXPECT_EQ(secret.size(), 3u + 43u);
    EXPECT_EQ(secret.substr(0, 3), "mr_");
    EXPECT_TRUE(seen.insert(secret).second);
    EXPECT_EQ(make_key_id().size(), 8u);
  }
  EXPECT_EQ(base62(std::string(32, '\0')), std::string(43, '0'));
  EXPECT_EQ(base62(std::string(1, '\xff')), "47");  // 255 = 4 · 62 + 7
}

TEST_F(Keys, Sha256IsTheStandardOne) {
  // FIPS 180-2, appendix B.1
  EXPECT_EQ(to_hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_F(Keys, ARevokedKeyIsRefusedAtOnceAndAfterReopening) {
  std::string secret;
  {
    auto store = open();
    KeyStore::Created made = create(*store);
    secret = made.secret;
    ASSERT_TRUE(store->revoke(made.info.id).ok());
    EXPECT_FALSE(store->check(secret));
    EXPECT_TRUE(store->revoke(made.info.id).ok()) << "revoking twice changes nothing";
    EXPECT_EQ(store->revoke("nothere1").error().code, Code::kNotFound);
  }
  auto store = open();
  EXPECT_FALSE(store->check(secret));
  ASSERT_EQ(store->list().size(), 1u);
  EXPECT_TRUE(store->list()[0].revoked);
}

TEST_F(Keys, AnExpiredKeyIsRefusedFromThatMomentOn) {
  auto store = open();
  std::string secret = create(*store, kStart + 10).secret;
  clock_.advance(9);
  EXPECT_TRUE(store->check(secret));
  clock_.advance(1);
  EXPECT_FALSE(store->check(secret));
}

TEST_F(Keys, EnsureMakesAChosenKeyOnce) {
  std::string id;
  {
    auto store = open();
    Result<KeyInfo> first = store->ensure("bootstrap", "default", kScopeAll, "0123456789abcdef");
    ASSERT_TRUE(first.ok());
    id = first->id;
  }
  auto store = open();
  std::string before = bytes();
  Result<KeyInfo> again = store->ensure("bootstrap", "default", kScopeAll, "0123456789abcdef");
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->id, id);
  EXPECT_EQ(bytes(), before);
  EXPECT_EQ(store->check("0123456789abcdef")->scopes, kScopeAll);
  EXPECT_EQ(store->list().size(), 1u);
}

TEST_F(Keys, EnsureDoesNotBringARevokedKeyBack) {
  auto store = open();
  Result<KeyInfo> info = store->ensure("bootstrap", "default", kScopeAll, "0123456789abcdef");
  ASSERT_TRUE(store->revoke(info->id).ok());
  EXPECT_EQ(store->ensure("bootstrap", "default", kScopeAll, "0123456789abcdef").error().code, Code::kNotFound);
  EXPECT_FALSE(store->check("0123456789abcdef"));
}

// The process dies between the write and the sync of a revocation; the next one finds it and says that it is done.
TEST_F(Keys, ARevocationThatIsConfirmedAfterARestartSurvivesAPowerCut) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SimDisk disk(seed);
    auto open = [this](SimFiles& files) { return KeyStore::open(files, clock_, "/data/control").value(); };
    std::string secret, id;
    {
      SimFiles files(disk);
      auto store = open(files);
      KeyStore::Created made = create(*store);
      secret = made.secret;
      id = made.info.id;
      files.after = [](SimCall call, const std::string&) {
        if (call == SimCall::kWrite) throw SimCrash();
      };
      EXPECT_THROW((void)store->revoke(id), SimCrash);
    }
    {
      SimFiles files(disk);
      ASSERT_TRUE(open(files)->revoke(id).ok());
    }
    disk.cut_power();
    SimFiles files(disk);
    ASSERT_FALSE(open(files)->check(secret)) << seed;
  }
}

TEST_F(Keys, BadRequestsAreRefused) {
  auto store = open();
  EXPECT_FALSE(store->ensure("b", "default", kScopeAll, "fifteen_letters").ok());
  EXPECT_FALSE(store->ensure("b", "default", kScopeAll, "with a blank in it").ok());
  EXPECT_FALSE(store->create("", "default", kScopeAll, kNoTime).ok());
  EXPECT_FALSE(store->create("n", "", kScopeAll, kNoTime).ok());
  EXPECT_FALSE(store->create("n", "../x", kScopeAll, kNoTime).ok());
  EXPECT_FALSE(store->create("n", "default", 0, kNoTime).ok());
  EXPECT_FALSE(store->create("n", "default", 32, kNoTime).ok());
  EXPECT_TRUE(store->list().empty());
}

TEST_F(Keys, ScopesAreReadAndWritten) {
  EXPECT_EQ(*parse_scopes("write,read"), kScopeWrite | kScopeRead);
  EXPECT_EQ(*parse_scopes("all"), kScopeAll);
  EXPECT_EQ(format_scopes(kScopeAll), "write,read,sql,feed,admin");
  EXPECT_EQ(*parse_scopes(format_scopes(kScopeSql)), kScopeSql);
  for (const char* bad : {"", "write,", ",read", "write read", "root"}) {
    EXPECT_EQ(parse_scopes(bad).error().code, Code::kInvalid) << bad;
  }
}

TEST_F(Keys, EveryTornEndLosesTheUnconfirmedChangeAlone) {
  std::string first, second;
  {
    auto store = open();
    first = create(*store).secret;
  }
  std::size_t kept = bytes().size();
  {
    auto store = open();
    second = create(*store).secret;
  }
  std::string whole = bytes();
  for (std::size_t size = kept; size < whole.size(); ++size) {
    write(whole.substr(0, size));
    auto store = open();
    ASSERT_TRUE(store);
    EXPECT_TRUE(store->check(first)) << size;
    EXPECT_FALSE(store->check(second)) << size;
    EXPECT_EQ(bytes().size(), kept);
  }
}

TEST_F(Keys, AChangeWrittenBehindATornEndIsKept) {
  std::string first;
  {
    auto store = open();
    first = create(*store).secret;
  }
  write(bytes() + "half a frame");
  std::string second;
  {
    auto store = open();
    second = create(*store).secret;
  }
  auto store = open();
  EXPECT_TRUE(store->check(first));
  EXPECT_TRUE(store->check(second));
}

TEST_F(Keys, DamageBeforeAnotherChangeIsReportedWithThePlace) {
  std::size_t first_end = 0;
  {
    auto store = open();
    create(*store);
    first_end = bytes().size();
    create(*store);
  }
  std::string good = bytes();
  for (std::size_t at = kKeyLogHeaderBytes; at < first_end; ++at) {
    std::string bad = good;
    bad[at] ^= 0x10;
    write(bad);
    Result<std::unique_ptr<KeyStore>> store = KeyStore::open(files_, clock_, folder_ + "/control");
    ASSERT_FALSE(store.ok()) << at;
    EXPECT_EQ(store.error().code, Code::kCorrupt);
    EXPECT_NE(store.error().message.find("keys.log: the change at byte 8"), std::string::npos) << store.error().message;
    EXPECT_EQ(bytes(), bad) << "a damaged file is left as it is";
  }
}

TEST_F(Keys, ANewerFileIsRefused) {
  open();
  std::string newer = bytes();
  newer[kKeyLogMagic.size()] = 2;
  write(newer);
  Result<std::unique_ptr<KeyStore>> store = KeyStore::open(files_, clock_, folder_ + "/control");
  ASSERT_FALSE(store.ok());
  EXPECT_EQ(store.error().code, Code::kInvalid);
  EXPECT_NE(store.error().message.find("newer millrace"), std::string::npos);
}

TEST_F(Keys, AfterAFailedSyncNothingIsConfirmedAndNoOtherChangeTaken) {
  auto store = open();
  std::string good = create(*store).secret;
  files_.fail(FaultCall::kSync, 1);
  EXPECT_FALSE(store->create("web", "default", kScopeWrite, kNoTime).ok());
  std::uint64_t syncs = files_.calls(FaultCall::kSync);
  EXPECT_EQ(store->create("web", "default", kScopeWrite, kNoTime).error().code, Code::kUnavailable);
  EXPECT_EQ(files_.calls(FaultCall::kSync), syncs) << "a file whose sync failed is never synced again";
  EXPECT_TRUE(store->check(good));
  EXPECT_EQ(store->list().size(), 1u);
}

TEST_F(Keys, ACheckDoesNotWaitForASync) {
  auto store = open();
  std::string secret = create(*store).secret;
  int checked_while_syncing = 0;
  files_.before_calls([&](FaultCall call, const std::string&) {
    if (call == FaultCall::kSync) {
      checked_while_syncing += store->check(secret).has_value();  // would wait for ever if the writer held the lock
    }
  });
  create(*store);
  EXPECT_EQ(checked_while_syncing, 1);
}

TEST_F(Keys, TheFileIsRewrittenWhenMostOfItIsHistory) {
  auto store = open();
  std::string kept = create(*store).secret;
  std::size_t largest = 0;
  for (int i = 0; i < 500; ++i) {
    Result<KeyStore::Created> made = store->create(std::string(200, 'n'), "default", kScopeWrite, kNoTime);
    ASSERT_TRUE(store->revoke(made->info.id).ok());
    clock_.advance(24LL * 3600 * 1'000'000'000);
    largest = std::max(largest, bytes().size());
  }
  EXPECT_LT(largest, 300u << 10);
  EXPECT_TRUE(store->check(kept));
  store.reset();
  store = open();
  EXPECT_TRUE(store->check(kept));
  EXPECT_LT(store->list().size(), 500u);
}

TEST(KeyLogFormat, WorkedExampleOfTheDocumentIsWhatIsWritten) {
  StoredKey key;
  key.info = {"k3yK3yK3", "web", "default", kScopeWrite, kStart, kNoTime, false};
  key.digest = sha256("abc");
  std::string written;
  append_key_log_header(written);
  append_key_change(written, key);

  EXPECT_EQ(bytes_in_document("docs/formats/control.md", "# "), written);
}

}  // namespace
}  // namespace millrace
