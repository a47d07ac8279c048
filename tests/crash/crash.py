#!/usr/bin/env python3
"""Does something bad to the program under load, round after round, and counts.

Sixteen clients send events and write down, fsynced, in ledgers outside the server's folder, which ones were acknowledged. After
each round everything must hold: every acknowledged event is stored once, every other one at most once, nothing else is there, and
the rows of the rounds before are still there.

    crash.py --kind server|engine|power|disk|both --rounds 200 --seed 7

With --expect the program is wrong on purpose (MILLRACE_BIN, a build of tools/sabotage.sh), and the campaign must find that.
"""

import argparse
import shutil
import sys
import time

from world import World  # first: it finds the modules of tests/app

from kind_disk import DiskFull
from kind_engine import EngineKill
from kind_power import PowerCut
from kind_server import ServerKill

KINDS = {"server": [ServerKill], "engine": [EngineKill], "power": [PowerCut], "disk": [DiskFull], "both": [ServerKill, EngineKill]}


def rounds(world, kinds, arguments):
    good = True
    for number in range(arguments.rounds):
        kind = kinds[number % len(kinds)]
        world.begin_round(number)
        note = kind.fault(world)
        verdict = world.end_round(number)
        wrong = kind.holds(world, verdict)
        if not verdict.exactly_once():
            wrong = "NOT EXACTLY ONCE"
        elif not world.nothing_of_before_has_changed():
            wrong = f"ROWS OF EARLIER ROUNDS ARE NOT THE SAME: {world.stored_before} expected"
        good = good and not wrong
        print(f"round {number:3d} {kind.name:6s} {note}  {verdict}  {wrong or 'ok'}  {verdict.statuses}", flush=True)
        if wrong and not arguments.go_on:
            break
    return good


def campaign(arguments):
    kinds = [kind() for kind in KINDS[arguments.kind]]
    for kind in kinds:
        reason = kind.why_not() if hasattr(kind, "why_not") else None
        if reason:
            print(f"==> crash: SKIPPED, NOT TESTED: kind {arguments.kind}: {reason}", flush=True)
            return not arguments.expect
    settings = {name: value for kind in kinds for name, value in kind.settings.items()}
    world = World(arguments.seed, arguments.clients, **settings)
    print(f"seed {arguments.seed}, {arguments.rounds} rounds, kind {arguments.kind}, {arguments.clients} clients", flush=True)
    good, started, begin = False, False, time.monotonic()
    try:
        for kind in kinds:
            kind.prepare(world)
        world.server.start()
        started = True
        good = rounds(world, kinds, arguments)
        world.load.pause()
        good = world.whole_ledger_holds() and good
        print("; ".join(f"{kind.name}: {kind.finish(world)}" for kind in kinds), flush=True)
        world.end()
    except AssertionError as error:
        if not (arguments.expect and started):
            raise
        print(f"it did not come up again: {str(error).splitlines()[-1][:300]}", flush=True)
    finally:
        world.load.over.set()
        world.server.kill()
        if good or not arguments.keep:
            for kind in kinds:
                if hasattr(kind, "clean_up"):
                    kind.clean_up(world)
        if good or arguments.expect:
            shutil.rmtree(world.folder)
        if good:
            print("exactly once: every round")
        elif arguments.expect:
            print(f"found out in round {world.round}, after {time.monotonic() - begin:.1f} s")
        else:
            print(f"NOT good; the folder is kept: {world.folder}; the seed is {arguments.seed}")
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", choices=KINDS, default="both")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--expect", action="store_true", help="the program is wrong on purpose: succeed when that is found")
    parser.add_argument("--go-on", action="store_true", help="also after a round that did not hold")
    parser.add_argument("--keep", action="store_true", help="leave the file systems mounted after a failure")
    arguments = parser.parse_args()
    return 0 if campaign(arguments) != arguments.expect else 1


if __name__ == "__main__":
    sys.exit(main())
