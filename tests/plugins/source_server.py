"""A source of papers on this machine, and a page of arXiv's archive that it may answer with."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


def oai(names, token=""):
    records = "".join(
        '<record><header/><metadata><arXivRaw xmlns="http://arxiv.org/OAI/arXivRaw/">'
        f'<id>{name}</id><version version="v1"><date>Mon, 6 Apr 2020 17:00:00 GMT</date></version>'
        '<version version="v2"><date>Tue, 7 Apr 2020 17:00:00 GMT</date></version>'
        f"<title>Paper {name}</title><authors>A. B. and C. D.</authors><categories>cs.LG stat.ML</categories>"
        "<abstract>Text.</abstract></arXivRaw></metadata></record>"
        for name in names
    )
    text = f"<ListRecords>{records}<resumptionToken>{token}</resumptionToken></ListRecords>"
    return f'<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">{text}</OAI-PMH>'.encode()


@contextmanager
def server(answer, context=None):
    """``answer(path, query, headers)`` gives status, body and headers; what was asked is in ``asked``."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            asked.append((parts.path, query, dict(self.headers)))
            status, body, headers = answer(parts.path, query, self.headers)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context is not None:
        running.socket = context.wrap_socket(running.socket, server_side=True)
    thread = threading.Thread(target=running.serve_forever, args=(0.005,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_port}", asked
    finally:
        running.shutdown()
        thread.join()
        running.server_close()
