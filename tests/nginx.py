"""A real nginx with the configuration of `deploy/nginx`, on ports of the test's, over TLS."""

import os
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
_STARTS_WITHIN_S = 20.0
_MAIN = """
worker_processes 2;
error_log {folder}/error.log info;
pid {folder}/nginx.pid;
{user}
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/temp; proxy_temp_path {folder}/temp;
    fastcgi_temp_path {folder}/temp; uwsgi_temp_path {folder}/temp; scgi_temp_path {folder}/temp;
    include conf.d/*.conf;
}}
"""
_SITE = """
server {{
    listen 443 ssl http2;
    ssl_certificate /etc/nginx/tls/tilecast.crt;
    ssl_certificate_key /etc/nginx/tls/tilecast.key;
    location = / {{ return 200 "another site"; }}
    include conf.d/{name};
}}
"""


class Nginx:
    """nginx in front of a server's port, or three nodes' ports. Use as a context manager.

    ``below`` is a file of locations to be included in a site's server; without it tilecast.conf is
    the site.
    """

    def __init__(self, folder: Path, *ports: int, below: str = "") -> None:
        assert NGINX is not None, "there is no nginx"
        self._folder = folder
        # Bound here and inherited, as by a new nginx that takes over from an old one: so that
        # nobody else can have taken the ports when it starts.
        self._plain, self._tls = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
        self.plain_port: int = self._plain.getsockname()[1]
        self.port: int = self._tls.getsockname()[1]
        """Where it speaks TLS."""
        self._write(ports, below)
        self.certificate = folder / "tls" / "tilecast.crt"
        self.context = ssl.create_default_context(cafile=self.certificate)
        self.context.check_hostname = False
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What it wrote to its error log."""
        return (self._folder / "error.log").read_text()

    def __enter__(self) -> Self:
        assert NGINX is not None
        sockets = (self._plain.fileno(), self._tls.fileno())
        command = [NGINX, "-p", str(self._folder), "-c", "nginx.conf", "-g", "daemon off;"]
        checked = subprocess.run(
            [*command[:-2], "-t"], stderr=subprocess.PIPE, text=True, check=False
        )
        assert checked.returncode == 0, checked.stderr
        assert "[warn]" not in checked.stderr, checked.stderr
        environment = {**os.environ, "NGINX": "".join(f"{number};" for number in sockets)}
        self._process = subprocess.Popen(command, env=environment, pass_fds=sockets)
        # The system holds what comes before it has begun to accept.
        with socket.create_connection(("127.0.0.1", self.port), _STARTS_WITHIN_S) as raw:
            raw.settimeout(_STARTS_WITHIN_S)
            self.context.wrap_socket(raw).close()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(_STARTS_WITHIN_S)
        self._plain.close()
        self._tls.close()

    def _write(self, ports: Sequence[int], below: str) -> None:
        conf, tls = self._folder / "conf.d", self._folder / "tls"
        for each in (conf, tls, self._folder / "temp"):
            each.mkdir(parents=True)
        _make_certificate(tls)
        # Started by root it would become somebody who can't look into the test's folder.
        user = "user root;" if os.geteuid() == 0 else ""
        main = _MAIN.format(folder=self._folder, user=user)
        (self._folder / "nginx.conf").write_text(main)
        upstream = "tilecast-upstream.conf" if len(ports) == 1 else "tilecast-upstream-cluster.conf"
        files = ["tilecast-limits.conf", upstream]
        files += [path.name for path in (DEPLOY / "nginx").glob("*.inc")]
        for name in files if below else [*files, "tilecast.conf"]:
            text = (DEPLOY / "nginx" / name).read_text()
            (conf / name).write_text(self._here(text, ports))
        if below:
            (conf / "site.conf").write_text(self._here(_SITE.format(name=below), ports))

    def _here(self, text: str, ports: Sequence[int]) -> str:
        """A shipped file with the test's ports and folders in place of the usual ones."""
        lines = [line for line in text.splitlines() if not line.strip().startswith("listen [::]:")]
        text = "\n".join(lines)
        for usual, here in (
            ("listen 80;", f"listen 127.0.0.1:{self.plain_port};"),
            ("listen 443 ", f"listen 127.0.0.1:{self.port} "),
            ("server 127.0.0.1:8080;", f"server 127.0.0.1:{ports[0]};"),
            *((f"server node-{n}:8080 ", f"server 127.0.0.1:{p} ") for n, p in enumerate(ports, 1)),
            ("/etc/nginx/tls/", f"{self._folder}/tls/"),
            ("/var/cache/tilecast ", f"{self._folder}/cache "),
        ):
            text = text.replace(usual, here)
        return text


def _make_certificate(folder: Path) -> None:
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=canvas.example", "-addext", "subjectAltName=DNS:canvas.example"),
            *("-keyout", folder / "tilecast.key", "-out", folder / "tilecast.crt"),
        ],
        stderr=subprocess.DEVNULL,
        check=True,
    )
