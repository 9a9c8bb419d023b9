"""An S3 server: moto's, in this process. Its one argument is JSON. Commands come
as lines of JSON on standard input, each answered by one on standard output; the
end of the input ends it."""

import json
import logging
import sys
import threading
from datetime import timedelta

from moto.s3.models import s3_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

logging.getLogger("werkzeug").setLevel(logging.ERROR)
options = json.loads(sys.argv[1])
application = DomainDispatcherApplication(create_backend_app)
requests = []

REFUSED = """<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>InvalidAccessKeyId</Code><Message>There is no such key</Message></Error>"""


def guarded(environ, start_response):
    """Lets those in who have the key; moto itself lets everybody in."""
    requests.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
    wanted = f"Credential={options['access_key']}/"
    if wanted not in environ.get("HTTP_AUTHORIZATION", ""):
        refused = Response(REFUSED, status=403, content_type="application/xml")
        return refused(environ, start_response)
    return application(environ, start_response)


class Server:
    """Listens, and stops listening with everything kept."""

    def __init__(self):
        self.port = options.get("port", 0)
        self.server = None

    def start(self):
        self.server = make_server("127.0.0.1", self.port, guarded, threaded=True)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def backend():
    return s3_backends["123456789012"]["aws"]


def keys(bucket):
    return backend().buckets[bucket].keys


def command(server, told):
    what = told["do"]
    if what == "stop":
        server.stop()
    elif what == "start":
        server.start()
    elif what == "keys":
        return sorted(keys(told["bucket"]).keys())
    elif what == "get":
        return keys(told["bucket"])[told["key"]].value.decode("latin-1")
    elif what == "put":
        backend().put_object(told["bucket"], told["key"], told["text"].encode("latin-1"))
    elif what == "delete":
        keys(told["bucket"]).pop(told["key"])
    elif what == "age":
        key = keys(told["bucket"])[told["key"]]
        key.last_modified -= timedelta(seconds=told["seconds"])
    elif what == "requests":
        return requests
    else:
        raise ValueError(what)


def main():
    for bucket in options["buckets"]:
        backend().create_bucket(bucket, "us-east-1")
    server = Server()
    server.start()
    print(json.dumps({"port": server.port}), flush=True)
    for line in sys.stdin:
        print(json.dumps({"answer": command(server, json.loads(line))}), flush=True)


main()
