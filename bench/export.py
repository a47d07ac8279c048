"""Rows of a dataset (dataset.py) as files for the peers, in the engine's Native format, as JSON lines and as CSV. One file holds
100,000 rows. Files are made when they are asked for first."""

import http.client
import pathlib

from peers import Engine, quote

CHUNK = 100_000
JSON = "project, event, toString(time) AS time, toString(received) AS received, user_id, anonymous_id, session_id, message_id, properties"
CSV = "event, time, received, user_id, session_id, message_id, properties, p_path, p_project, p_plan, p_price, p_items, p_mobile"
COLUMNS = [("event", "text"), ("time", "timestamptz"), ("received", "timestamptz"), ("user_id", "text"), ("session_id", "text"), ("message_id", "text"),
           ("properties", "jsonb"), ("path", "text"), ("project", "text"), ("plan", "text"), ("price", "double precision"), ("items", "bigint"),
           ("mobile", "boolean")]  # fmt: skip
SELECTS = {"native": ("*", "Native"), "json": ("* EXCEPT (p_path, p_project, p_plan, p_price, p_items, p_mobile)", "JSONEachRow"), "csv": (CSV, "CSV")}


def stream_query(port, sql, to):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request("POST", "/?date_time_output_format=iso&output_format_json_quote_64bit_integers=0", sql.encode(), Engine.user)
    response = connection.getresponse()
    assert response.status == 200, response.read(1000)
    with open(to, "wb") as file:
        while piece := response.read(1 << 20):
            file.write(piece)
    connection.close()


def files(port, folder, kind, rows):
    """`port`: where the dataset's engine listens."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    what, form = SELECTS[kind]
    made = []
    for begin in range(0, rows, CHUNK):
        path = folder / f"{begin // CHUNK}.{kind}"
        if not path.exists():
            stream_query(port, f"SELECT {what} FROM millrace.events WHERE sequence >= {begin} AND sequence < {min(begin + CHUNK, rows)} FORMAT {form}", path)
        made.append(path)
    return made


def insert_files(port, paths, table, form):
    """Each file in one request, one after the other over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    for path in paths:
        body = path.read_bytes()
        connection.request("POST", f"/?date_time_input_format=best_effort&query={quote(f'INSERT INTO {table} FORMAT {form}')}", body, Engine.user)
        response = connection.getresponse()
        content = response.read()
        assert response.status == 200, content[:500]
    connection.close()
