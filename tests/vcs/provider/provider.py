"""A fake provider: a server with git, an API that checks each call, and hooks that it delivers to.

A dialect (``github``, ``gitea``) says how calls are authorized, what they are, and what deliveries look like. What
people do is in ``people``. ``with provider.checked():`` fails in the end for each call that was not made as the
provider's documentation says.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.support.loopback import QuietHandler
from tests.vcs.provider import git_http
from tests.vcs.provider.calls import Call, Refused, Reply, Wrong
from tests.vcs.provider.deliveries import Deliveries, Delivery
from tests.vcs.provider.faults import Away, Faults
from tests.vcs.provider.git_store import ZEROS, GitStore
from tests.vcs.provider.records import Hook, Person, PullRequest, Repository
from tests.vcs.provider.routes import Routes, check_shape
from tests.vcs.provider.tokens import Token, Tokens


class Provider:
    """What both dialects share. ``complaints`` says what callers did wrong; ``calls`` is all that was asked."""

    api_path = ""
    routes: Routes
    dialect = ""
    synchronized = "synchronize"

    def __init__(self, folder: Path, host: str = "127.0.0.1") -> None:
        self.folder = folder
        self.people: dict[str, Person] = {}
        self.repositories: list[Repository] = []
        self.tokens = Tokens()
        self.faults = Faults()
        self.deliveries = Deliveries()
        self.complaints: list[str] = []
        self.calls: list[Call] = []
        self.renamed: dict[str, Repository] = {}
        self.lock = threading.RLock()
        self._server = ThreadingHTTPServer((host, 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://{host}:{self._server.server_port}"
        self.api_url = self.url + self.api_path
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Answer nobody any more, and free the port."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.deliveries.stop()

    @contextmanager
    def checked(self) -> Iterator[Self]:
        """Stop in the end, and fail for what callers did wrong."""
        try:
            yield self
        finally:
            self.deliveries.settle()
            self.stop()
        assert not self.complaints, "calls that are not as the provider's documentation says:\n" + "\n".join(
            self.complaints
        )

    def take_complaints(self) -> list[str]:
        """Return the complaints and forget them, for a test that makes wrong calls on purpose."""
        taken, self.complaints = self.complaints, []
        return taken

    def calls_of(self, method: str, part: str) -> list[Call]:
        """Return the calls of a method whose path has a part, oldest first."""
        return [call for call in self.calls if call.method == method and part in call.path]

    # ---- records ----------------------------------------------------------------------------------------------------

    def person(self, login: str, kind: str = "User") -> Person:
        """Return an account by its name; it is made at its first use."""
        return self.people.setdefault(login.lower(), Person(login, kind))

    def new_repository(self, owner: Person, name: str, *, private: bool = True) -> Repository:
        """Keep a repository without a commit."""
        git = GitStore.create(self.folder / owner.login / f"{name}.git")
        made = Repository(owner, name, git, private=private)
        self.repositories.append(made)
        return made

    def find(self, owner: str, name: str) -> Repository | None:
        """Return a repository by its present name, in any case of the letters."""
        full_name = f"{owner}/{name}".lower()
        return next((one for one in self.repositories if one.full_name.lower() == full_name), None)

    def clone_url(self, repository: Repository) -> str:
        """Return the address for git."""
        return f"{self.url}/{repository.full_name}.git"

    def html_url(self, repository: Repository) -> str:
        """Return the address for people."""
        return f"{self.url}/{repository.full_name}"

    # ---- answering --------------------------------------------------------------------------------------------------

    def answer(self, call: Call) -> Reply:
        """Answer a request of any kind. Raises Away."""
        self.calls.append(call)
        try:
            self.faults.check(call)
            if found := git_http.repository_of(call.path):
                return self._answer_git(call, *found)
            with self.lock:
                if self.api_path and call.path.startswith(self.api_path + "/"):
                    return self._answer_api(call, self.canonical(call.path.removeprefix(self.api_path)))
                return self.answer_page(call)
        except Wrong as wrong:
            self.complaints.append(f"{call.what}: {wrong}")
            return wrong.reply
        except Refused as refused:
            return refused.reply

    def _answer_api(self, call: Call, path: str) -> Reply:
        self.check_headers(call)
        route, parts = self.routes.find(call, path)
        reply: Reply
        if "owner" in parts and "repo" in parts:
            repository = self.find(parts.pop("owner"), name := parts.pop("repo"))
            if repository is None:
                return self.missing_repository(call, path, name)
            parts = {key: unquote(value) for key, value in parts.items()}
            token = self.authorize(call, route.needs, repository)
            check_shape(route, call)
            reply = route.handler(self, call, token, repository, **parts)
        else:
            token = self.authorize(call, route.needs, None)
            check_shape(route, call)
            reply = route.handler(self, call, token, **{key: unquote(value) for key, value in parts.items()})
        return reply

    def check_headers(self, call: Call) -> None:
        """Raise Wrong for a call of the API that lacks a header which the provider asks for."""
        if not call.headers.get("user-agent"):
            raise Wrong(403, "User-Agent is missing")

    def authorize(self, call: Call, needs: str, repository: Repository | None) -> Token | None:
        """Return the token of a call. Raises Wrong for a bad one, and for one that does not allow it."""
        text = call.token()
        if not text:
            raise Wrong(401, f"Authorization is {'of another kind' if call.login() else 'missing'}")
        token = self.tokens.find(text)
        if token is None:
            raise Wrong(401, "the token was never given out")
        if not token.valid:
            # What a caller cannot know is no fault of its own; what it was told is.
            raise Refused(401, "Bad credentials") if token.revoked else Wrong(401, "the token has expired")
        subject, _, levels = needs.partition(":")
        level, _, right = levels.partition("/")
        if level and not token.allows(subject, level, right or level, repository):
            raise Wrong(403, f"the token of {token.user.login} does not allow {needs}")
        return token

    def canonical(self, path: str) -> str:
        """Return the path under which the routes know what a path of the API names."""
        return path

    def missing_repository(self, call: Call, path: str, name: str) -> Reply:
        """Answer for a repository that has no such name."""
        raise Refused(404, "Not Found")

    def answer_page(self, call: Call) -> Reply:
        """Answer what is neither git nor of the API, such as the exchange of a code for a token. Raises Wrong."""
        raise Wrong(404, "there is no such address")

    # ---- git --------------------------------------------------------------------------------------------------------

    def _answer_git(self, call: Call, owner: str, name: str, rest: str) -> Reply:
        repository = self.find(owner, name)
        if repository is None:
            old = self.renamed.get(f"{owner}/{name}".lower())
            if old is None:
                raise Refused(404, "Not Found")
            query = "?" + "&".join(f"{key}={value}" for key, value in call.query.items()) if call.query else ""
            return Reply(301, None, {"Location": f"{self.clone_url(old)}{rest}{query}"})
        token = self._git_token(call)
        level = "write" if git_http.writes(call) else "read"
        if token is None and (repository.private or level == "write"):
            return Reply(401, None, {"WWW-Authenticate": 'Basic realm="git"'})
        if token is not None and not token.allows(self.git_subject, level, level, repository):
            raise Refused(403, "Write access to repository not granted." if level == "write" else "Not allowed")
        before = repository.git.refs()
        reply = git_http.answer(call, repository.git.path, rest, token.user.login if token else "")
        if rest == "/git-receive-pack" and token is not None:
            with self.lock:
                self.after_push(repository, before, token.user)
        return reply

    git_subject = "contents"

    def _git_token(self, call: Call) -> Token | None:
        """Return the token of a git login. Raises Refused for one that is not valid; None without any login."""
        login = call.login()
        if login is None:
            return None
        text = self.token_of_login(*login)
        token = self.tokens.find(text)
        if token is None or not token.valid:
            raise Refused(401, "Invalid username or token.", {"WWW-Authenticate": 'Basic realm="git"'})
        return token

    def token_of_login(self, user: str, password: str) -> str:
        """Return where in a git login the token stands."""
        return password or user

    # ---- what follows -----------------------------------------------------------------------------------------------

    def after_push(self, repository: Repository, before: dict[str, str], by: Person) -> None:
        """Deliver what a push changed: branches, tags, and the pull requests from these branches."""
        after = repository.git.refs()
        for ref in sorted(before.keys() | after.keys()):
            old, new = before.get(ref, ZEROS), after.get(ref, ZEROS)
            if old != new:
                self.announce_push(repository, ref, old, new, by)
                self._follow_pull_requests(repository, ref, new, by)

    def _follow_pull_requests(self, repository: Repository, ref: str, new: str, by: Person) -> None:
        if new == ZEROS:
            return
        for target in self.repositories:
            for pull in target.pull_requests:
                if pull.source is repository and f"refs/heads/{pull.branch}" == ref and pull.state == "open":
                    before = pull.head_sha
                    self.set_head(pull, new)
                    self.announce_pull_request(pull, self.synchronized, by, before=before)

    def set_head(self, pull: PullRequest, sha: str) -> None:
        """Let a pull request have a new head, with the refs that the provider keeps for it."""
        if pull.source is not None and pull.source is not pull.repository:
            pull.repository.git.bring(pull.source.git, sha)
        pull.head_sha = sha
        pull.repository.git.git("update-ref", f"refs/pull/{pull.number}/head", sha)

    def announce_push(self, repository: Repository, ref: str, old: str, new: str, by: Person) -> None:
        """Deliver a push of one branch or tag."""
        raise NotImplementedError

    def announce_pull_request(self, pull: PullRequest, action: str, by: Person, *, before: str = "") -> None:
        """Deliver what became of a pull request; ``before`` is the former head of one that was pushed to."""
        raise NotImplementedError

    def deliver(self, repository: Repository, event: str, action: str, payload: dict[str, Any]) -> None:
        """Put a delivery for each active hook of a repository that asked for the event."""
        for hook in repository.hooks:
            if hook.active and self.wants(hook, event, action):
                self.deliveries.put(self.delivery(hook, event, action, payload))

    def wants(self, hook: Hook, event: str, action: str) -> bool:
        """Tell whether a hook asked for an event."""
        return "*" in hook.events or event in hook.events

    def delivery(self, hook: Hook, event: str, action: str, payload: dict[str, Any]) -> Delivery:
        """Make a delivery, signed as the dialect does."""
        raise NotImplementedError


def _handler(provider: Provider) -> type[QuietHandler]:
    class Handler(QuietHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            length = self.headers.get("Content-Length")
            chunked = "chunked" in self.headers.get("Transfer-Encoding", "")
            body = self._chunks() if chunked else self.rfile.read(int(length or "0"))
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            try:
                reply = provider.answer(Call(self.command, parts.path, query, headers, body))
            except Away:
                self.close_connection = True
                return
            content = reply.encoded()
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if content and "Content-Type" not in reply.headers:
                self.send_header("Content-Type", "application/json; charset=utf-8")
            if reply.status != 204:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _chunks(self) -> bytes:
            """Read a body that git sends in pieces."""
            found = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                found += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return found

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve

    return Handler
