"""Whether what one client sent one after the other, for one user, lies in that order in the stream."""


def out_of_order(world):
    """Pairs of acknowledged ids of which the later one has the earlier place. An id is r<round>-c<client>-<count>."""
    acknowledged = set()
    for path in world.folder.glob("ledger-*"):
        acknowledged.update(path.read_text().split())
    rows = world.sql("SELECT message_id, user_id FROM millrace.events ORDER BY generation, partition, sequence FORMAT TSV")
    newest = {}
    wrong = []
    for line in rows.splitlines():
        one, user = line.split("\t")
        if one not in acknowledged:
            continue
        turn, client, count = one.split("-")
        place = int(turn[1:]), int(count)
        before = newest.get((client, user), ((-1, -1), None))
        if place < before[0]:
            wrong.append((before[1], one))
        newest[client, user] = max(before, (place, one))
    return wrong
