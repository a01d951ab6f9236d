"""The environment variables of the site's own settings, as documentation shows them.

What a module reads and what is told of it are compared by a test, both ways. Those of how steps run are in
``executors.conf_table``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One environment variable; ``default`` None is nothing, ``kind`` what its text must be.

    A ``secret`` one is never shown, in no message either.
    """

    name: str
    default: str | None
    help: str
    kind: str = ""
    secret: bool = False

    @property
    def type(self) -> str:
        """``kind``, or what name and default tell."""
        if self.kind:
            return self.kind
        if self.name.endswith("Seconds"):
            return "duration"
        is_number = (self.default or "").isdecimal() or self.name.startswith(("ExecutorMax", "ExecutorKeep"))
        return "whole number" if is_number else "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Settings of one subject; ``read_by`` are the processes that look at them."""

    title: str
    read_by: str
    settings: tuple[Setting, ...]
    intro: str = ""


_ALL = "web, worker, watcher"


def _setting(name: str, default: str | None, help: str, kind: str = "text", *, secret: bool = False) -> Setting:
    return Setting(name=name, default=default, help=help, kind=kind, secret=secret)


SITE = (
    Section(
        title="Site",
        read_by=_ALL,
        settings=(
            _setting(
                "TERRAKUBE_DATA_DIR",
                None,
                "Folder of the embedded default: SQLite, keys, executors' work; unset is the folder var beside "
                "manage.py.",
                "absolute path",
            ),
            _setting("TerrakubeApiUrl", "http://127.0.0.1:8000", "Address of the site for people and clients.", "URL"),
            _setting(
                "TERRAKUBE_PRODUCTION",
                None,
                "Whether a start without own keys, with debug pages or for all host names is refused; unset: when "
                "TerrakubeApiUrl begins with https.",
                "switch",
            ),
            _setting(
                "TERRAKUBE_ALLOWED_HOSTS",
                "localhost,127.0.0.1,[::1], the host of TerrakubeApiUrl",
                "Names that the site answers to.",
                "list",
            ),
            _setting(
                "TERRAKUBE_TRUSTED_ORIGINS",
                None,
                "Origins from which forms are taken, such as https://site.example.",
                "list",
            ),
            _setting(
                "TERRAKUBE_SECURE_COOKIES",
                None,
                "Whether cookies travel by HTTPS alone, and X-Forwarded-Proto is believed; unset: when TerrakubeApiUrl "
                "begins with https.",
                "switch",
            ),
            _setting(
                "TERRAKUBE_HSTS_SECONDS",
                None,
                "How long browsers come by HTTPS alone; unset: a year where cookies are secure, else 0.",
                "duration",
            ),
            _setting(
                "TERRAKUBE_STATIC_ROOT",
                None,
                "Folder of collected static files; unset: they are served from where they lie.",
                "absolute path",
            ),
            _setting(
                "TERRAKUBE_OUTGOING_ALLOWED",
                None,
                "Hosts, .domains or networks such as 10.0.0.0/8 that may be asked although they are private: a "
                "VCS, an index, an issuer.",
                "list",
            ),
            _setting("TERRAKUBE_MAX_SOURCE_MIB", "64", "Largest uploaded source, in MiB.", "whole number"),
            _setting("TERRAKUBE_LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING or ERROR.", "choice"),
            _setting("TERRAKUBE_LOG_FORMAT", "plain", "plain for people, json for a collector.", "choice"),
            _setting("TERRAKUBE_DEBUG", "off", "Django's debug pages; never in production.", "switch"),
            _setting(
                "TERRAKUBE_METRICS_TOKEN",
                None,
                "Bearer token that opens /metrics, of 16 characters or more; unset: it is open to the machine itself.",
                secret=True,
            ),
            _setting(
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                None,
                "Collector that gets a trace of each step, by OTLP over HTTP; OTEL_EXPORTER_OTLP_HEADERS and the other "
                "variables of OpenTelemetry's exporter are taken too.",
                "URL",
            ),
        ),
    ),
    Section(
        title="What variables may do",
        read_by="web, worker",
        intro="The [built-in rules](policy.md) for the variables that shape pods.",
        settings=(
            _setting(
                "ExecutorEphemeralServiceAccounts",
                None,
                "Service accounts that variables may name, with * for any text; unset: any but the site's own.",
                "list",
            ),
            _setting(
                "ExecutorEphemeralClaims",
                None,
                "Volume claims that variables may name, with * for any text; unset: any.",
                "list",
            ),
            _setting(
                "ExecutorEphemeralAllowRoot",
                "off",
                "Whether variables may let containers run as root and gain privileges.",
                "switch",
            ),
            _setting(
                "ExecutorLocal",
                "auto",
                "Whether steps may run on the worker's machine: yes, no, or auto, where the site runs in no pod.",
                "choice",
            ),
        ),
    ),
    Section(
        title="Keys",
        read_by=_ALL,
        intro="On one machine they may be unset: they are made at the first start and kept in the data folder.",
        settings=(
            _setting(
                "TERRAKUBE_SECRET_KEY",
                None,
                "Signs sessions and the one-time tokens of attempts; 32 characters or more.",
                secret=True,
            ),
            _setting(
                "TERRAKUBE_ENCRYPTION_KEYS",
                None,
                "Fernet keys of what lies encrypted in the database; the first encrypts, all decrypt.",
                "list",
                secret=True,
            ),
            _setting(
                "InternalSecret", None, "Key of the tokens of Terrakube's own executor; the same as there.", secret=True
            ),
            _setting("PatSecret", None, "Key of personal and team tokens.", secret=True),
            _setting(
                "TERRAKUBE_OLD_SECRET_KEYS",
                None,
                "Secret keys of before, whose sessions and one-time tokens are still taken.",
                "list",
                secret=True,
            ),
            _setting("TERRAKUBE_OLD_INTERNAL_SECRETS", None, "The same for InternalSecret.", "list", secret=True),
            _setting("TERRAKUBE_OLD_PAT_SECRETS", None, "The same for PatSecret.", "list", secret=True),
        ),
    ),
    Section(
        title="Sign-in",
        read_by="web",
        settings=(
            _setting("DexIssuerUri", None, "Issuer of OpenID Connect tokens.", "URL"),
            _setting("DexClientId", None, "Client, and so the audience of those tokens."),
            _setting(
                "TERRAKUBE_OIDC_CLIENT_SECRET",
                None,
                "The client's secret, for people who sign in to the panel; a public client has none.",
                secret=True,
            ),
            _setting("TERRAKUBE_OIDC_NAME", "OpenID Connect", "What the button on the sign-in page calls the issuer."),
            _setting("TERRAKUBE_OIDC_SCOPES", "openid,profile,email,groups", "What is asked of the issuer.", "list"),
            _setting("TERRAKUBE_SESSION_AGE", "43200", "How long a sign-in to the panel lasts.", "duration"),
            _setting(
                "TERRAKUBE_LOCKOUT_FAILURES",
                "5",
                "How many wrong passwords lock a user name out from an address.",
                "whole number",
            ),
            _setting("TERRAKUBE_LOCKOUT_MINUTES", "15", "How long that lasts, in minutes.", "whole number"),
            _setting(
                "TERRAKUBE_TRUSTED_PROXIES",
                None,
                "Addresses or networks of proxies whose X-Forwarded-For says where a request comes from.",
                "list",
            ),
            _setting("TERRAKUBE_ADMIN_GROUP", "TERRAKUBE_ADMIN", "Group whose members may do everything."),
        ),
    ),
    Section(
        title="Database and queue",
        read_by=_ALL,
        settings=(
            _setting(
                "TERRAKUBE_DATABASE_URL",
                None,
                "postgresql://user:password@host:port/name, with ?sslmode=verify-full where wanted; unset is SQLite in "
                "the data folder.",
                secret=True,
            ),
            _setting(
                "TERRAKUBE_DATABASE_POOL",
                "off",
                "Whether connections are pooled; the web process does so by itself.",
                "switch",
            ),
            _setting("TERRAKUBE_WORKERS", "2", "Tasks that one worker does at a time.", "whole number"),
            _setting("TERRAKUBE_QUEUE", "terrakube", "Name of the queue; installations that share a Redis need two."),
            _setting("TerrakubeRedisHostname", None, "Redis; unset: the queue lies in the database."),
            _setting("TerrakubeRedisPort", "6379", "Its port.", "whole number"),
            _setting("TERRAKUBE_REDIS_DATABASE", "0", "Its database.", "whole number"),
            _setting("TerrakubeRedisUsername", None, "Its user."),
            _setting("TerrakubeRedisPassword", None, "Its password.", secret=True),
            _setting("TerrakubeRedisSSL", "off", "Whether it is reached by TLS.", "switch"),
        ),
    ),
    Section(
        title="Release indexes",
        read_by="web",
        settings=(
            _setting(
                "CustomTerraformReleasesUrl",
                "https://releases.hashicorp.com/terraform/index.json",
                "Where the index of Terraform's releases comes from: an address, or file:///path in a closed network.",
            ),
            _setting(
                "CustomTofuReleasesUrl",
                "https://api.github.com/repos/opentofu/opentofu/releases?per_page=100",
                "The same for OpenTofu.",
            ),
            _setting(
                "CustomReleaseCacheExpirationMinutes",
                "30",
                "How long an index is kept before it is asked for again.",
                "whole number",
            ),
            _setting("CustomReleaseGithubToken", None, "Token for an index on GitHub.", secret=True),
        ),
    ),
)
