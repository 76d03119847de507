"""A TCP server of a test: every connection is served in a thread of its own, over TLS when a certificate is given."""
import socket
import ssl
import threading


class Acceptor:
    """Derive, define serve(raw_socket), and call listen() when everything it needs is there."""

    def listen(self, where=("127.0.0.1", 0), tls=None, backlog=64):
        """Port 0: a free one. tls: files of certificate and key."""
        self.context = None
        if tls:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*tls)
        self.running = True
        self.socket = socket.create_server(where, backlog=backlog)
        self.port = self.socket.getsockname()[1]
        self.address = "%s:%d" % (where[0], self.port)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.running = False
        self.socket.close()

    def secured(self, raw):
        return self.context.wrap_socket(raw, server_side=True) if self.context else raw

    def _accept(self):
        while self.running:
            try:
                raw, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(raw,), daemon=True).start()
