#include "query/feed/merge.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "base/check.h"

namespace millrace {
namespace {

std::string seconds(TimeNs ns) { return fmt::format("{:.1f} s", static_cast<double>(ns) / 1e9); }

}  // namespace

FeedMerge::FeedMerge(Views& views, Generation generation, std::vector<std::string> sources)
    : views_(views), generation_(generation), partitions_(views.partitions()) {
  for (std::string& address : sources) {
    sources_.emplace_back().address = std::move(address);
    sources_.back().reason = "nothing was heard of it yet";
  }
}

void FeedMerge::begin(std::size_t source) {
  std::lock_guard lock(mutex_);
  Source& one = sources_[source];
  one.greeted = one.views_told = false;
  one.number = 0;
  one.views.clear();
}

void FeedMerge::end(std::size_t source, std::string reason) {
  std::lock_guard lock(mutex_);
  sources_[source].up = false;
  sources_[source].reason = std::move(reason);
  changed_.notify_all();
}

Result<void> FeedMerge::take(std::size_t source, std::string_view body, TimeNs now) {
  MR_ASSIGN(FeedFrame frame, decode_feed(body));
  std::lock_guard lock(mutex_);
  Source& from = sources_[source];
  if (const auto* hello = std::get_if<FeedHello>(&frame)) {
    MR_TRY(take_hello(source, *hello));
  } else if (!from.greeted) {
    return corrupt("the feed does not begin as it should");
  } else if (from.views_version != views_.version()) {
    return unavailable("views were declared or removed here: all is asked for again");
  } else if (const auto* views = std::get_if<FeedViews>(&frame)) {
    from.views.clear();
    for (const FeedViews::One& one : views->views) {
      from.views[one.id] = one.name;
    }
    from.views_told = true;
  } else {
    MR_TRY(take_tick(source, std::get<FeedTick>(frame)));
  }
  from.heard = now;
  return {};
}

Result<void> FeedMerge::take_hello(std::size_t source, const FeedHello& hello) {
  if (hello.generation != generation_ || hello.partitions != partitions_.size()) {
    return invalid(fmt::format(
        "it processes generation {} of the stream with {} partitions, this server has generation {} with {}: they "
        "must have one stream",
        hello.generation.value, hello.partitions, generation_.value, partitions_.size()));
  }
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    if (i != source && sources_[i].up && sources_[i].program == hello.program) {
      return invalid("it is the same server as " + sources_[i].address + ": query.processors must name it once");
    }
  }
  Source& from = sources_[source];
  from.greeted = true;
  from.program = hello.program;
  sync_views(source);
  return {};
}

void FeedMerge::sync_views(std::size_t source) {
  std::uint64_t version = sources_[source].views_version = views_.version();
  if (std::exchange(specs_version_, version) != version) {
    specs_.clear();
    for (const ViewSpecPtr& spec : views_.list()) {
      specs_[view_id(*spec)] = spec;
    }
  }
  for (std::uint16_t i = 0; i < partitions_.size(); ++i) {
    PartitionViews& views = views_.partition(PartitionId(i));
    std::lock_guard lock(views.lock());
    if (views.stale()) {
      views.sync();
    }
    std::erase_if(partitions_[i].copies, [this](const auto& entry) { return !specs_.contains(entry.first); });
    for (auto& [view, copy] : partitions_[i].copies) {
      if (copy.coming && copy.source == source) {
        copy.coming.reset();  // it is told from the begin again
      }
    }
  }
}

Result<void> FeedMerge::take_tick(std::size_t source, const FeedTick& tick) {
  Source& from = sources_[source];
  if (from.number != 0 && tick.number != from.number + 1) {
    return corrupt("the feed has left out a frame");
  }
  from.number = tick.number;
  for (const FeedPartition& told : tick.partitions) {
    std::size_t partition = told.progress.partition.value;
    if (partition >= partitions_.size()) {
      return corrupt("the feed tells of a partition that there isn't");
    }
    Partition& known = partitions_[partition];
    if (told.owner < known.owner) {
      continue;  // who tells it was the owner once
    }
    known.owner = told.owner;
    known.source = source;
    known.progress = told.progress;
    MR_TRY(take_partition(source, told));
  }
  from.up = true;
  from.reason = missing_views(from);
  changed_.notify_all();
  return {};
}

Result<void> FeedMerge::take_partition(std::size_t source, const FeedPartition& told) {
  Partition& known = partitions_[told.progress.partition.value];
  PartitionViews& views = views_.partition(told.progress.partition);
  std::lock_guard lock(views.lock());
  bool complete = true;
  for (const FeedLane& lane : told.lanes) {
    auto spec = specs_.find(lane.view);
    if (spec == specs_.end()) {
      continue;
    }
    Tag tag{told.owner, sources_[source].program, lane.incarnation};
    Copy& copy = known.copies[lane.view];
    MR_TRY(take_lane(source, spec->second, copy, views, tag, lane));
    complete = complete && lane.live && lane.complete && copy.shown == tag;
  }
  if (complete && told.audited) {
    views.audit(told.audit_rows);
  }
  return {};
}

Result<void> FeedMerge::take_lane(std::size_t source, const ViewSpecPtr& spec, Copy& copy, PartitionViews& views,
                                  const Tag& tag, const FeedLane& lane) {
  bool shown = copy.shown == tag;
  if (lane.live && lane.first && !shown) {
    copy.coming = tag;
    copy.source = source;
    copy.next = views.make_lane(spec);
  }
  if (!lane.live || !(shown || (copy.coming == tag && copy.source == source))) {
    return {};
  }
  PartitionViews::Lane* into = &copy.next;
  if (shown) {
    auto is_it = [&](const PartitionViews::Lane& one) { return one.spec == spec; };
    auto found = std::find_if(views.lanes().begin(), views.lanes().end(), is_it);
    MR_CHECK(found != views.lanes().end());
    into = &*found;
  }
  if (Result<void> taken = put(*into, lane); !taken.ok()) {
    into->live = false;
    (shown ? copy.shown : copy.coming).reset();
    copy.trouble = taken.error().message;
    return taken.error().code == Code::kFull ? Result<void>() : taken;
  }
  if (!shown && lane.complete) {
    copy.shown = std::exchange(copy.coming, std::nullopt);
    copy.trouble.clear();
    copy.next.live = true;
    views.put_lane(std::move(copy.next));
    copy.next = {};
  }
  return {};
}

Result<void> FeedMerge::put(PartitionViews::Lane& into, const FeedLane& lane) {
  into.position = lane.position;
  into.missing = lane.missing;
  into.before = lane.before;
  into.state->put_totals(lane.totals);
  ByteReader rows(lane.row_bytes);
  FeedRow row;
  for (std::uint32_t i = 0; i < lane.rows; ++i) {
    if (!next_row(rows, row)) {
      return corrupt("a view's rows are cut");
    }
    MR_TRY(into.state->put_row(row.bucket, row.key, row.other, row.count, row.states));
  }
  return rows.rest().empty() ? Result<void>() : Result<void>(corrupt("a view has more than its rows"));
}

// With mutex_ held, like what follows.
std::string FeedMerge::missing_views(const Source& source) const {
  std::string missing;
  for (const auto& [id, spec] : specs_) {
    if (source.views_told && !source.views.contains(id)) {
      missing += (missing.empty() ? "" : ", ") + spec->name;
    }
  }
  return missing.empty() ? "" : "views are declared otherwise there, or not at all: " + missing;
}

std::string FeedMerge::trouble(const ViewSpec& view) const {
  std::uint64_t id = view_id(view);
  std::lock_guard lock(mutex_);
  for (const Source& source : sources_) {
    if (source.up && source.views_told && !source.views.contains(id)) {
      return "the processor " + source.address + " declares it otherwise, or not at all";
    }
  }
  for (const Partition& partition : partitions_) {
    auto found = partition.copies.find(id);
    if (found != partition.copies.end() && !found->second.trouble.empty()) {
      return "it can't be taken from the processor: " + found->second.trouble;
    }
  }
  return "";
}

std::vector<PartitionProgress> FeedMerge::progress(TimeNs now) const {
  std::lock_guard lock(mutex_);
  std::vector<PartitionProgress> all;
  for (const Partition& partition : partitions_) {
    PartitionProgress& one = all.emplace_back(partition.progress);
    one.partition = PartitionId(static_cast<std::uint16_t>(all.size() - 1));
    one.epoch = partition.owner;
    if (partition.owner.value == 0) {
      one.trouble = "no server of query.processors has told of it yet";
      continue;
    }
    const Source& source = sources_[partition.source];
    TimeNs age = now - source.heard;
    if (one.stored_until < one.durable_end) {
      one.lag += age;
    }
    if (!source.up) {
      one.trouble = fmt::format("{} is away, this is {} old: {}", source.address, seconds(age), source.reason);
    }
  }
  return all;
}

bool FeedMerge::wait_stored(PartitionId partition, SequenceNumber until, std::int64_t timeout_ms) {
  MR_CHECK(partition.value < partitions_.size());
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                           [&] { return partitions_[partition.value].progress.stored_until >= until; });
}

std::vector<FeedMerge::Status> FeedMerge::status() const {
  std::lock_guard lock(mutex_);
  std::vector<Status> all;
  for (const Source& source : sources_) {
    all.push_back({source.address, source.up, source.heard, {}, source.reason});
  }
  for (std::uint16_t i = 0; i < partitions_.size(); ++i) {
    if (partitions_[i].owner.value != 0) {
      all[partitions_[i].source].partitions.push_back(PartitionId(i));
    }
  }
  return all;
}

}  // namespace millrace
