#include "views/aggregates/uniq.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <iterator>

namespace millrace {
namespace {

constexpr unsigned kPrefixBits = 26;
constexpr unsigned kRankBits = 6;
constexpr unsigned kRankMax = 64 - UniqState::kBits + 1;  // of a register
constexpr std::uint32_t kDense = UINT32_MAX;

std::uint32_t entry_of(std::uint64_t hash) {
  std::uint64_t rest = hash << kPrefixBits;
  auto rank = static_cast<std::uint32_t>(rest == 0 ? 64 - kPrefixBits + 1 : std::countl_zero(rest) + 1);
  return static_cast<std::uint32_t>(hash >> (64 - kPrefixBits)) << kRankBits | rank;
}

double sigma(double x) {
  if (x == 1) {
    return INFINITY;
  }
  double sum = x;
  double weight = 1;
  for (double before = -1; sum != before; weight += weight) {
    before = sum;
    x *= x;
    sum += x * weight;
  }
  return sum;
}

double tau(double x) {
  if (x == 0 || x == 1) {
    return 0;
  }
  double sum = 1 - x;
  double weight = 1;
  for (double before = -1; sum != before;) {
    before = sum;
    x = std::sqrt(x);
    weight *= 0.5;
    sum -= (1 - x) * (1 - x) * weight;
  }
  return sum / 3;
}

}  // namespace

std::size_t UniqState::add(std::uint64_t hash) {
  std::uint32_t entry = entry_of(hash);
  if (registers_.empty()) {
    return add_entry(entry);
  }
  raise(entry);
  return 0;
}

void UniqState::raise(std::uint32_t entry) {
  constexpr unsigned kMore = kPrefixBits - kBits;  // bits of the entry's prefix behind the register's number
  std::uint32_t prefix = entry >> kRankBits;
  std::uint32_t more = prefix & ((1U << kMore) - 1);
  std::uint32_t rank = more != 0 ? static_cast<std::uint32_t>(std::countl_zero(more)) - (32 - kMore) + 1
                                 : kMore + (entry & ((1U << kRankBits) - 1));
  std::uint8_t& in_register = registers_[prefix >> kMore];
  in_register = std::max(in_register, static_cast<std::uint8_t>(rank));
}

bool UniqState::has(std::uint32_t entry) const { return !sparse_.empty() && sparse_[place_of(entry)] == entry; }

std::size_t UniqState::place_of(std::uint32_t entry) const {
  std::size_t mask = sparse_.size() - 1;
  std::size_t at = (entry * 0x9e3779b1U >> 7) & mask;
  while (sparse_[at] != 0 && sparse_[at] != entry) {
    at = (at + 1) & mask;
  }
  return at;
}

void UniqState::put(std::uint32_t entry) {
  std::size_t at = place_of(entry);
  entries_ += sparse_[at] == 0 ? 1 : 0;
  sparse_[at] = entry;
}

std::size_t UniqState::add_entry(std::uint32_t entry) {
  if (has(entry)) {
    return 0;
  }
  std::size_t before = heap_bytes();
  if ((entries_ + 1) * 4 > sparse_.size() * 3) {
    std::vector<std::uint32_t> old(std::max<std::size_t>(8, sparse_.size() * 2));
    old.swap(sparse_);
    entries_ = 0;
    for (std::uint32_t one : old) {
      if (one != 0) {
        put(one);
      }
    }
  }
  put(entry);
  if (entries_ > kSparseMax) {
    registers_.resize(kRegisters);
    for (std::uint32_t one : sparse_) {
      if (one != 0) {
        raise(one);
      }
    }
    std::vector<std::uint32_t>().swap(sparse_);
    entries_ = 0;
  }
  return heap_bytes() - before;
}

void UniqState::combine(const UniqState& other) {
  if (!other.registers_.empty() && registers_.empty()) {
    registers_.resize(kRegisters);
    for (std::uint32_t one : sparse_) {
      if (one != 0) {
        raise(one);
      }
    }
    std::vector<std::uint32_t>().swap(sparse_);
    entries_ = 0;
  }
  for (std::size_t i = 0; i < other.registers_.size(); ++i) {
    registers_[i] = std::max(registers_[i], other.registers_[i]);
  }
  for (std::uint32_t entry : other.sparse_) {
    if (entry != 0) {
      registers_.empty() ? (void)add_entry(entry) : raise(entry);
    }
  }
}

double UniqState::estimate() const {
  if (registers_.empty()) {
    return entries_;
  }
  std::array<std::uint32_t, kRankMax + 1> with_rank{};
  for (std::uint8_t rank : registers_) {
    ++with_rank[rank];
  }
  constexpr double kAll = kRegisters;
  double z = kAll * tau(1 - with_rank[kRankMax] / kAll);
  for (unsigned rank = kRankMax - 1; rank >= 1; --rank) {
    z = 0.5 * (z + with_rank[rank]);
  }
  z += kAll * sigma(with_rank[0] / kAll);
  return kAll * kAll / (2 * std::log(2.0) * z);
}

void UniqState::append_to(std::string& bytes) const {
  if (!registers_.empty()) {
    append_le(bytes, kDense);
    bytes.append(reinterpret_cast<const char*>(registers_.data()), registers_.size());
    return;
  }
  std::vector<std::uint32_t> entries;
  std::copy_if(sparse_.begin(), sparse_.end(), std::back_inserter(entries), [](auto entry) { return entry != 0; });
  std::sort(entries.begin(), entries.end());
  append_le(bytes, static_cast<std::uint32_t>(entries.size()));
  for (std::uint32_t entry : entries) {
    append_le(bytes, entry);
  }
}

Result<void> UniqState::read(ByteReader& reader) {
  auto count = reader.number<std::uint32_t>();
  if (count == kDense) {
    std::string_view raw = reader.take(kRegisters);
    registers_.assign(raw.begin(), raw.end());
    bool high = std::any_of(registers_.begin(), registers_.end(), [](std::uint8_t rank) { return rank > kRankMax; });
    return !reader.ok() || high ? Result<void>(corrupt("its registers can't be")) : Result<void>();
  }
  if (count > kSparseMax) {
    return corrupt("it has too many entries");
  }
  for (std::uint32_t i = 0; i < count && reader.ok(); ++i) {
    auto entry = reader.number<std::uint32_t>();
    std::uint32_t rank = entry & ((1U << kRankBits) - 1);
    if (rank == 0 || rank > 64 - kPrefixBits + 1) {
      return corrupt("an entry can't be");
    }
    add_entry(entry);
  }
  return {};
}

}  // namespace millrace
