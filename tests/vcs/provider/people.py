"""What people do at a provider: push, open pull requests, comment, merge; each verb waits for its deliveries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from tests.vcs.provider.provider import Provider
from tests.vcs.provider.records import Comment, Person, PullRequest, Repository, Review, now


class Announcing(Protocol):
    """What a dialect adds for the verbs."""

    def announce_comment(self, pull: PullRequest, comment: Comment, action: str, by: Person) -> None: ...

    def announce_review(self, pull: PullRequest, review: Review) -> None: ...

    def announce_release(self, repository: Repository, tag: str, by: Person) -> None: ...


class People:
    """The verbs of a test, over a provider. ``by`` is always the name of who acts."""

    def __init__(self, provider: Provider, announcing: Announcing) -> None:
        self._provider = provider
        self._announcing = announcing

    def repository(
        self,
        full_name: str,
        files: Mapping[str, str],
        *,
        private: bool = True,
        writers: tuple[str, ...] = (),
        readers: tuple[str, ...] = (),
    ) -> Repository:
        """Make OWNER/NAME with a first commit on main; the owner is an organization if it has the kind already."""
        owner, _, name = full_name.partition("/")
        with self._provider.lock:
            made = self._provider.new_repository(self._provider.person(owner), name, private=private)
            made.rights = dict.fromkeys(writers, "write") | dict.fromkeys(readers, "read")
            for login in (*writers, *readers):
                self._provider.person(login)
            made.git.commit("main", dict(files), "First commit", made.owner.author)
        return made

    def push(
        self,
        repository: Repository,
        branch: str,
        files: Mapping[str, str | None],
        message: str = "Change",
        *,
        by: str,
        start: str = "main",
    ) -> str:
        """Commit files to a branch and push it; returns the commit. None as content removes a file."""
        person = self._provider.person(by)
        with self._provider.lock:
            before = repository.git.refs()
            sha = repository.git.commit(branch, files, message, person.author, f"refs/heads/{start}")
            self._provider.after_push(repository, before, person)
        self._provider.deliveries.settle()
        return sha

    def tag(self, repository: Repository, name: str, *, by: str, at: str = "main") -> str:
        """Push a tag; returns its commit."""
        with self._provider.lock:
            before = repository.git.refs()
            sha = repository.git.tip(at)
            repository.git.git("update-ref", f"refs/tags/{name}", sha)
            self._provider.after_push(repository, before, self._provider.person(by))
        self._provider.deliveries.settle()
        return sha

    def release(self, repository: Repository, tag: str, *, by: str) -> None:
        """Publish a release of a tag."""
        with self._provider.lock:
            self._announcing.announce_release(repository, tag, self._provider.person(by))
        self._provider.deliveries.settle()

    def delete_branch(self, repository: Repository, branch: str, *, by: str) -> None:
        """Delete a branch."""
        with self._provider.lock:
            before = repository.git.refs()
            repository.git.git("update-ref", "-d", f"refs/heads/{branch}")
            self._provider.after_push(repository, before, self._provider.person(by))
        self._provider.deliveries.settle()

    def fork(self, repository: Repository, *, by: str) -> Repository:
        """Fork a repository into somebody's own account."""
        person = self._provider.person(by)
        with self._provider.lock:
            git = repository.git.fork(self._provider.folder / person.login / f"{repository.name}.git")
            made = Repository(person, repository.name, git, private=repository.private, parent=repository)
            self._provider.repositories.append(made)
        return made

    def open_pull_request(
        self,
        repository: Repository,
        branch: str,
        *,
        by: str,
        title: str = "",
        body: str = "",
        base: str = "main",
        source: Repository | None = None,
        draft: bool = False,
    ) -> PullRequest:
        """Open a pull request to a repository from a branch of it, or of a fork."""
        person, source = self._provider.person(by), source or repository
        with self._provider.lock:
            head = source.git.tip(f"refs/heads/{branch}")
            assert head, f"there is no branch {branch}"
            number = len(repository.pull_requests) + 1
            pull = PullRequest(
                repository, number, title or branch, person, source, branch, base, head, source.owner, body, draft
            )
            repository.pull_requests.append(pull)
            self._provider.set_head(pull, head)
            self._provider.announce_pull_request(pull, "opened", person)
        self._provider.deliveries.settle()
        return pull

    def comment(self, pull: PullRequest, text: str, *, by: str) -> Comment:
        """Comment on a pull request."""
        with self._provider.lock:
            made = Comment(self._provider.person(by), [text])
            pull.comments.append(made)
            self._announcing.announce_comment(pull, made, "created", made.user)
        self._provider.deliveries.settle()
        return made

    def edit_comment(self, pull: PullRequest, comment: Comment, text: str, *, by: str) -> None:
        """Change the text of a comment."""
        with self._provider.lock:
            comment.bodies.append(text)
            comment.updated_at = now()
            self._announcing.announce_comment(pull, comment, "edited", self._provider.person(by))
        self._provider.deliveries.settle()

    def review(self, pull: PullRequest, state: str = "APPROVED", *, by: str) -> Review:
        """Review the head of a pull request: APPROVED, CHANGES_REQUESTED or COMMENTED."""
        with self._provider.lock:
            made = Review(self._provider.person(by), state, pull.head_sha)
            pull.reviews.append(made)
            self._announcing.announce_review(pull, made)
        self._provider.deliveries.settle()
        return made

    def merge(self, pull: PullRequest, *, by: str) -> str:
        """Merge a pull request; returns the merge commit. Fails the test if it conflicts."""
        person = self._provider.person(by)
        with self._provider.lock:
            repository = pull.repository
            before = repository.git.refs()
            title = f"Merge pull request #{pull.number} from {pull.source_owner.login}/{pull.branch}"
            sha = repository.git.merge(pull.base_sha, pull.head_sha, title, person.author)
            assert pull.state == "open", "the pull request is not open"
            assert sha, "the pull request conflicts with its base"
            pull.state, pull.merged, pull.merged_by, pull.merge_commit_sha = "closed", True, person, sha
            pull.closed_at = pull.updated_at = now()
            repository.git.git("update-ref", f"refs/heads/{pull.base}", sha)
            self._provider.announce_pull_request(pull, "closed", person)
            self._provider.after_push(repository, before, person)
        self._provider.deliveries.settle()
        return sha

    def close(self, pull: PullRequest, *, by: str) -> None:
        """Close a pull request without merging it."""
        with self._provider.lock:
            pull.state, pull.closed_at = "closed", now()
            self._provider.announce_pull_request(pull, "closed", self._provider.person(by))
        self._provider.deliveries.settle()

    def reopen(self, pull: PullRequest, *, by: str) -> None:
        """Open a closed pull request again."""
        with self._provider.lock:
            pull.state, pull.closed_at = "open", None
            self._provider.announce_pull_request(pull, "reopened", self._provider.person(by))
        self._provider.deliveries.settle()

    def rename(self, repository: Repository, name: str) -> None:
        """Give a repository another name; its old address leads to the new one."""
        with self._provider.lock:
            self._provider.renamed[repository.full_name.lower()] = repository
            repository.name = name

    def delete_fork(self, fork: Repository) -> None:
        """Delete a fork; its pull requests stay and have no source any more."""
        with self._provider.lock:
            self._provider.repositories.remove(fork)
            for target in self._provider.repositories:
                for pull in target.pull_requests:
                    if pull.source is fork:
                        pull.source = None
