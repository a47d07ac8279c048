"""The twelve panels of a dashboard over the dataset's events: as Millrace is asked, and as SQL for the engine itself, DuckDB and PostgreSQL.
`{range}` is the time range in each dialect."""

CH = {"table": "millrace.events", "hour": "toStartOfHour(time)", "minute": "toStartOfMinute(time)", "uniq": "uniq(user_id)", "p": "p_",
      "quantiles": "quantilesTDigest(0.5, 0.95)(p_price)"}  # fmt: skip
SQL = {"table": "events", "hour": "date_trunc('hour', time)", "minute": "date_trunc('minute', time)", "uniq": "count(distinct user_id)", "p": "",
       "quantiles": "percentile_cont(0.5) within group (order by price), percentile_cont(0.95) within group (order by price)"}  # fmt: skip
DUCK = {**SQL, "uniq": "approx_count_distinct(user_id)", "quantiles": "approx_quantile(price, [0.5, 0.95])"}

BUYING = ["in", "event", ["purchase", "checkout"]]
PANELS = {
    "events": ({"measures": ["count"]}, "SELECT count(*) FROM {table} WHERE {range}"),
    "events by name": ({"measures": ["count"], "by": ["event"]}, "SELECT event, count(*) FROM {table} WHERE {range} GROUP BY event"),
    "events by minute": ({"measures": ["count"], "every": "minute", "limit": 10_000}, "SELECT {minute} AS t, count(*) FROM {table} WHERE {range} GROUP BY t ORDER BY t"),
    "users": ({"measures": ["uniq(user_id)"]}, "SELECT {uniq} FROM {table} WHERE {range}"),
    "users by minute": ({"measures": ["uniq(user_id)"], "every": "minute", "limit": 10_000}, "SELECT {minute} AS t, {uniq} FROM {table} WHERE {range} GROUP BY t ORDER BY t"),
    "top paths": ({"measures": ["count"], "by": ["properties.path"], "where": ["=", "event", "page_view"], "order": ["-count"], "limit": 10},
                  "SELECT {p}path, count(*) AS n FROM {table} WHERE {range} AND event = 'page_view' GROUP BY 1 ORDER BY n DESC LIMIT 10"),
    "top users": ({"measures": ["count"], "by": ["user_id"], "order": ["-count"], "limit": 10},
                  "SELECT user_id, count(*) AS n FROM {table} WHERE {range} GROUP BY 1 ORDER BY n DESC LIMIT 10"),
    "revenue by plan": ({"measures": ["sum(properties.price)", "count"], "by": ["properties.plan"], "where": ["=", "event", "purchase"]},
                        "SELECT {p}plan, sum({p}price), count(*) FROM {table} WHERE {range} AND event = 'purchase' GROUP BY 1"),
    "price quantiles": ({"measures": ["quantile(0.5, properties.price)", "quantile(0.95, properties.price)"], "where": BUYING},
                        "SELECT {quantiles} FROM {table} WHERE {range} AND event IN ('purchase', 'checkout')"),
    "events by project": ({"measures": ["count", "uniq(user_id)"], "by": ["properties.project"], "limit": 100},
                          "SELECT {p}project, count(*), {uniq} FROM {table} WHERE {range} GROUP BY 1"),
    "mobile share": ({"measures": ["count"], "where": ["=", "properties.mobile", True]}, "SELECT count(*) FROM {table} WHERE {range} AND {p}mobile"),
    "errors by hour and project": ({"measures": ["count"], "by": ["properties.project"], "where": ["=", "event", "error"], "every": "hour", "limit": 10_000},
                                   "SELECT {hour} AS t, {p}project, count(*) FROM {table} WHERE {range} AND event = 'error' GROUP BY 1, 2"),
}  # fmt: skip


def sql(name, dialect, begin, end):
    """`begin`, `end`: "2026-03-01 10:00:00", in UTC."""
    zone = "+00" if dialect is SQL else ""
    wanted = f"time >= '{begin}{zone}' AND time < '{end}{zone}'"
    return PANELS[name][1].format(**dialect, range=wanted)
