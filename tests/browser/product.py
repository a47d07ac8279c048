"""Events of a made-up product, the same each time but for the clock."""

import math
import random
import time

PLANS = ["free"] * 12 + ["starter"] * 6 + ["pro"] * 4 + ["enterprise"]
COUNTRIES = ["US"] * 9 + ["DE"] * 6 + ["IN"] * 5 + ["GB"] * 4 + ["FR"] * 4 + ["JP"] * 3 + ["BR"] * 3 + ["NL"] * 2 + ["ES"] * 2 + ["SE"]
PATHS = ["/", "/", "/", "/pricing", "/docs", "/docs/start", "/docs/api", "/blog", "/signup", "/login", "/dashboard", "/dashboard", "/settings", "/checkout"]
KINDS = ["page_view"] * 62 + ["button_clicked"] * 12 + ["search"] * 8 + ["login"] * 7 + ["file_uploaded"] * 3 + ["checkout_started"] * 3 + ["signup"] * 2 + ["purchase"] * 2 + ["error_shown"]


def event(chance, at=None):
    user = int(chance.random() ** 2 * 4000)
    kind = chance.choice(KINDS)
    properties = {
        "plan": PLANS[user * 7919 % len(PLANS)],
        "country": COUNTRIES[user * 104729 % len(COUNTRIES)],
        "latency_ms": round(chance.lognormvariate(4.1, 0.55), 1),
    }
    if kind in ("page_view", "button_clicked", "error_shown"):
        properties["path"] = chance.choice(PATHS)
    if kind == "purchase":
        properties["price"] = chance.choice([9, 9, 29, 29, 29, 99, 299])
    made = {"event": kind, "user_id": f"u_{user:05d}", "properties": properties}
    if at is not None:
        made["timestamp"] = int(at * 1000)
    return made


def rhythm(at):
    """How busy a moment is: quiet nights, two peaks, calmer weekends."""
    moment = time.gmtime(at)
    hour = moment.tm_hour + moment.tm_min / 60
    day = 0.25 + 0.75 * max(0, math.sin((hour - 5) / 24 * 2 * math.pi - 0.4)) ** 1.2 + 0.25 * math.exp(-(((hour - 20) / 2.2) ** 2))
    return day * (0.55 if moment.tm_wday >= 5 else 1) / 1.3


def history(days, count, seed=7):
    """Events of the last days, and a busy last quarter of an hour."""
    chance = random.Random(seed)
    now = time.time()
    times = []
    while len(times) < count:
        at = now - chance.random() * days * 86_400
        if chance.random() < rhythm(at):
            times.append(at)
    for second in range(880):
        times += [now - second - chance.random()] * max(0, round(chance.gauss(4 + 2 * math.sin(second / 90), 1.2)))
    return [event(chance, at) for at in sorted(times)]
