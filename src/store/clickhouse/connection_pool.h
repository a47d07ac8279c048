#pragma once
// Connections for readers, at most so many at once.

#include <memory>
#include <mutex>
#include <vector>

#include "store/clickhouse/connection.h"

namespace millrace::clickhouse {

class ConnectionPool {
 public:
  ConnectionPool(Address address, std::size_t connections_max) : address_(std::move(address)), left_(connections_max) {}

  // A connection for as long as the lease lives. Safe from any thread; the pool must outlive it.
  class Lease {
   public:
    Lease(ConnectionPool& pool, std::unique_ptr<Connection> connection)
        : pool_(&pool), connection_(std::move(connection)) {}
    Lease(Lease&& other) noexcept = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (connection_) pool_->give_back(std::move(connection_));
    }
    Connection* operator->() { return connection_.get(); }

   private:
    ConnectionPool* pool_;
    std::unique_ptr<Connection> connection_;
  };

  // kFull when all are out.
  Result<Lease> lease() {
    std::lock_guard lock(mutex_);
    if (left_ == 0) return full("too many queries are running in the store at once: try again");
    if (idle_.empty()) {
      MR_ASSIGN(auto connection, Connection::create(address_));
      --left_;
      return Lease(*this, std::move(connection));
    }
    --left_;
    Lease lease(*this, std::move(idle_.back()));
    idle_.pop_back();
    return lease;
  }

 private:
  void give_back(std::unique_ptr<Connection> connection) {
    std::lock_guard lock(mutex_);
    ++left_;
    idle_.push_back(std::move(connection));
  }

  Address address_;
  std::mutex mutex_;
  std::size_t left_;
  std::vector<std::unique_ptr<Connection>> idle_;
};

}  // namespace millrace::clickhouse
