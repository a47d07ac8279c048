#include <algorithm>
#include <utility>

#include "base/check.h"
#include "io/sim/inode.h"

namespace millrace {
namespace {

std::string parent_of(const std::string& path) {
  std::size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

}  // namespace

void SimDisk::Inode::resize(std::uint64_t bytes) {
  std::uint64_t old = now.size();
  now.resize(bytes);
  sectors.resize((bytes + kSectorBytes - 1) / kSectorBytes, Sector::kDirty);
  if (bytes > old) {
    mark(old, bytes);
  }
}

void SimDisk::Inode::mark(std::uint64_t begin, std::uint64_t end) {
  for (std::uint64_t sector = begin / kSectorBytes; sector * kSectorBytes < end; ++sector) {
    sectors[sector] = Sector::kDirty;
  }
}

void SimDisk::Inode::write_back(std::size_t sector, std::uint64_t bytes) {
  std::uint64_t begin = sector * kSectorBytes;
  std::uint64_t end = std::min<std::uint64_t>(begin + bytes, now.size());
  if (begin >= end) {
    return;
  }
  if (durable.size() < end) {
    durable.resize(end);
  }
  durable.replace(begin, end - begin, now, begin, end - begin);
}

SimDisk::SimDisk(std::uint64_t seed, std::uint64_t capacity_bytes) : random_(seed), capacity_bytes_(capacity_bytes) {
  now_.folders.insert("/");
  durable_ = now_;
}

void SimDisk::Names::apply(const Change& change) {
  switch (change.kind) {
    case Change::Kind::kCreate:
      files[change.path] = change.inode;
      break;
    case Change::Kind::kMakeFolder:
      folders.insert(change.path);
      break;
    case Change::Kind::kRename: {
      auto from = files.find(change.path);
      MR_CHECK(from != files.end());
      InodePtr inode = std::move(from->second);
      files.erase(from);
      files[change.to] = std::move(inode);
      break;
    }
    case Change::Kind::kRemove:
      files.erase(change.path);
      break;
  }
}

void SimDisk::change(Change change) {
  change.folder = parent_of(change.path);
  now_.apply(change);
  pending_.push_back(std::move(change));
}

std::size_t SimDisk::changes(const std::string& folder) const {
  return static_cast<std::size_t>(
      std::count_if(pending_.begin(), pending_.end(), [&](const Change& one) { return one.folder == folder; }));
}

void SimDisk::keep_oldest(const std::string& folder, std::size_t count) {
  if (count == 0) {
    return;
  }
  std::vector<Change> rest;
  for (Change& one : pending_) {
    if (one.folder == folder && count > 0) {
      --count;
      durable_.apply(one);
    } else {
      rest.push_back(std::move(one));
    }
  }
  pending_ = std::move(rest);
}

void SimDisk::sync_folder(const std::string& folder) { keep_oldest(folder, changes(folder)); }

void SimDisk::fail_sync_folder(const std::string& folder) { keep_oldest(folder, random_.below(changes(folder) + 1)); }

std::uint64_t SimDisk::available_bytes() const {
  std::uint64_t used = foreign_bytes_;
  for (const auto& [path, inode] : now_.files) {
    used += inode->now.size();
  }
  return used < capacity_bytes_ ? capacity_bytes_ - used : 0;
}

bool SimDisk::write(Inode& inode, std::uint64_t offset, std::string_view bytes) {
  std::uint64_t room = std::max(inode.now.size() + available_bytes(), offset) - offset;
  bool all = bytes.size() <= room;
  bytes = bytes.substr(0, room);
  if (bytes.empty()) {
    return all;
  }
  std::uint64_t end = offset + bytes.size();
  if (end > inode.now.size()) {
    inode.resize(end);
  }
  inode.now.replace(offset, bytes.size(), bytes);
  inode.mark(offset, end);
  if (random_.chance(100)) {
    write_back_some(inode);
  }
  return all;
}

void SimDisk::write_back_some(Inode& inode) {
  for (std::size_t sector = 0; sector < inode.sectors.size(); ++sector) {
    if (inode.sectors[sector] == Inode::Sector::kDirty && random_.coin()) {
      inode.write_back(sector);
      inode.sectors[sector] = Inode::Sector::kClean;
    }
  }
}

void SimDisk::sync(Inode& inode) {
  for (std::size_t sector = 0; sector < inode.sectors.size(); ++sector) {
    if (inode.sectors[sector] == Inode::Sector::kDirty) {
      inode.write_back(sector);
      inode.sectors[sector] = Inode::Sector::kClean;
    }
  }
  inode.durable_bytes = inode.now.size();
  inode.durable.resize(inode.durable_bytes);
}

void SimDisk::fail_sync(Inode& inode) {
  write_back_some(inode);
  for (Inode::Sector& sector : inode.sectors) {
    if (sector == Inode::Sector::kDirty) {
      sector = Inode::Sector::kGivenUp;
    }
  }
  if (random_.coin()) {
    inode.durable_bytes = inode.now.size();
  }
}

void SimDisk::lose_power(Inode& inode) {
  // A disk writes sectors, a kernel pages; and now and then half a sector is all that gets there.
  std::size_t page = random_.coin() ? 1 : 8;
  std::uint64_t kept_of_ten = random_.below(11);
  bool reaches = false;
  for (std::size_t sector = 0; sector < inode.sectors.size(); ++sector) {
    reaches = sector % page == 0 ? random_.below(10) < kept_of_ten : reaches;
    if (inode.sectors[sector] == Inode::Sector::kDirty && reaches) {
      inode.write_back(sector, random_.chance(50) ? random_.below(Inode::kSectorBytes) : Inode::kSectorBytes);
    }
  }
  std::uint64_t bytes = random_.coin() ? inode.durable_bytes : inode.now.size();
  inode.durable.resize(bytes);
  inode.durable_bytes = bytes;
  inode.now = inode.durable;
  inode.sectors.assign((bytes + Inode::kSectorBytes - 1) / Inode::kSectorBytes, Inode::Sector::kClean);
}

void SimDisk::cut_power() {
  std::set<std::string> folders;
  for (const Change& one : pending_) {
    folders.insert(one.folder);
  }
  for (const std::string& folder : folders) {
    fail_sync_folder(folder);
  }
  pending_.clear();
  // What lies in a folder whose own name is lost is lost with it.
  auto reachable = [&](const std::string& path) {
    for (std::string folder = parent_of(path); folder != "/"; folder = parent_of(folder)) {
      if (durable_.folders.count(folder) == 0) {
        return false;
      }
    }
    return true;
  };
  std::erase_if(durable_.files, [&](const auto& file) { return !reachable(file.first); });
  std::erase_if(durable_.folders, [&](const std::string& folder) { return !reachable(folder); });
  now_ = durable_;
  for (auto& [path, inode] : now_.files) {
    lose_power(*inode);
  }
  locks_.clear();
}

std::unique_ptr<SimDisk> SimDisk::copy(std::uint64_t seed) const {
  auto other = std::make_unique<SimDisk>(seed, capacity_bytes_);
  other->foreign_bytes_ = foreign_bytes_;
  other->now_.folders = now_.folders;
  for (const auto& [path, inode] : now_.files) {
    auto twin = std::make_shared<Inode>();  // shared_ptr: see sim.h
    twin->now = twin->durable = inode->now;
    twin->durable_bytes = twin->now.size();
    twin->sectors.assign(inode->sectors.size(), Inode::Sector::kClean);
    other->now_.files[path] = std::move(twin);
  }
  other->durable_ = other->now_;
  return other;
}

const std::string* SimDisk::content(const std::string& path) const {
  auto found = now_.files.find(path);
  return found == now_.files.end() ? nullptr : &found->second->now;
}

void SimDisk::damage(const std::string& path, std::uint64_t bit) {
  Inode& inode = *now_.files.at(path);
  for (std::string* bytes : {&inode.now, &inode.durable}) {
    if (bit / 8 < bytes->size()) {
      (*bytes)[bit / 8] = static_cast<char>((*bytes)[bit / 8] ^ (1 << bit % 8));
    }
  }
}

}  // namespace millrace
